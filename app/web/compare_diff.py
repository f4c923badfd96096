"""What two states differ in, subject by subject, and the steps at which two runs part."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from msgspec import Struct

from app.engine.policy import Policy
from app.trace.outcome import outcome_words

from .cells import Cell, cell_of
from .compare_align import Alignment, Names
from .survey import span
from .things import TOKENS

Json = dict[str, Any]

COUNTS = (("refcount", "ref"), ("mapcount", "map"), ("pincount", "pin"))
NOWHERE = "not there"
NO_STEP = "no such step"


class Difference(Struct, frozen=True):
    """One subject and what each side has of it.

    quiet     only references that LRU batches hold differ: shown, and no divergence
    kind      "pte", "frame", "slot", "handle", "step", "outcome" or "verdict"
    subject   in words; `place` names it in the drawing: ("A", row) or a shared label
    """

    kind: str
    subject: str
    place: tuple[str, int | str]
    left: str
    right: str
    quiet: bool = False


Key = tuple[str, str, int | str]
Differences = dict[Key, Difference]


class Comparable(Struct, frozen=True):
    """What may be compared: a policy that keeps no bit has nothing to say about one."""

    bit: bool
    page_bit: bool

    @classmethod
    def of(cls, left: Policy, right: Policy) -> Comparable:
        bits = {left.bit, right.bit}
        return cls("none" not in bits, bits == {"page"})


def add(
    out: Differences, kind: str, subject: str, place: tuple[str, int | str], left: str, right: str
) -> None:
    out[(kind, *place)] = Difference(kind, subject, place, left, right)


def states(plan: Alignment, what: Comparable, left: Json, right: Json) -> Differences:
    """Every entry, frame, slot and handle that is not the same on both sides."""
    out: Differences = {}
    for index, row in enumerate(plan.left.rows):
        for column in plan.left.columns:
            a = cell_of(row, column.name, left, left)
            b = cell_of(row, column.name, right, right)
            if cell_key(a, Names({}, {}), what) != cell_key(b, plan.names, what):
                words = cell_words(a, what), cell_words(b, what)
                add(out, "pte", f"{column.name} {row.label}", (column.name, index), *words)
    for kind, part in (("frame", "frames"), ("slot", "swap"), ("handle", "handles")):
        mine, theirs = left[part], right[part]
        if kind != "handle":
            mine, theirs = side_by_side(mine, in_shared_words(theirs, plan.names))
        for label in dict.fromkeys([*mine, *theirs]):
            ours, other = mine.get(label), theirs.get(label)
            told = things(kind, ours, other, plan.names, what)
            if told:
                subject = name_of(label, plan.names, ours, other)
                quiet = (
                    kind == "frame"
                    and ours is not None
                    and other is not None
                    and in_batches(ours, other)
                )
                out[kind, "", label] = Difference(
                    kind, subject, ("", label), *told, quiet and ", " not in told[0]
                )
    return out


def in_shared_words(things: Json, names: Names) -> Json:
    """Frames or slots by the labels that both sides share; runs that do not count on are cut."""
    out: Json = {}
    for label, thing in things.items():
        if ":" in label:
            lo, hi = span(label)
            first, last = (names.to_shared(f"{label[0]}{n}") for n in (lo, hi - 1))
            if int(last[1:]) - int(first[1:]) != hi - 1 - lo:
                out |= {names.to_shared(f"{label[0]}{n}"): thing for n in range(lo, hi)}
                continue
        out[names.to_shared(label)] = thing
    return out


def side_by_side(left: Json, right: Json) -> tuple[Json, Json]:
    """Both sides' runs, cut at the ends of the other's."""
    edges = sorted({edge for label in (*left, *right) if numbered(label) for edge in span(label)})
    return cut(left, edges), cut(right, edges)


def numbered(label: str) -> bool:
    return label[1:2].isdigit()


def cut(things: Json, edges: list[int]) -> Json:
    out: Json = {}
    for label, thing in things.items():
        if ":" not in label:
            out[label] = thing
            continue
        lo, hi = span(label)
        inside = edges[bisect_left(edges, lo) : bisect_right(edges, hi)]
        for a, b in pairwise(inside):
            run = f"{label[0]}{a}" if b == a + 1 else f"{label[0]}{a}:{label[0]}{b}"
            out[run] = thing
    return out


def in_words(label: str) -> str:
    """A run as it is read: `f1:f4` is f1..f3."""
    if ":" not in label:
        return label
    lo, hi = span(label)
    return f"{label[0]}{lo}..{label[0]}{hi - 1}"


def name_of(label: str, names: Names, left: Json | None, right: Json | None) -> str:
    """A thing by each side's name for it."""
    first, colon, _ = label.partition(":")
    there = names.to_own(first)
    if colon:
        lo, hi = span(label)
        there = f"{there}:{there[0]}{int(there[1:]) + hi - lo}"
    if left is None:
        return in_words(there)
    same = right is None or there == label
    return in_words(label) if same else f"{in_words(label)} / {in_words(there)}"


def cell_key(cell: Cell, names: Names, what: Comparable) -> tuple[object, ...]:
    marker = cell.exclusive if what.bit else False
    # Of a swap entry the note says the marker again, so it is left out here.
    note = cell.note if cell.kind not in ("swap", "present") else ""
    return cell.kind, names.to_shared(cell.target), cell.bits, note, marker


def cell_words(cell: Cell, what: Comparable) -> str:
    if cell.kind in ("absent", "novma"):
        return "no such process" if cell.kind == "absent" else "not mapped"
    if cell.kind in ("none", "folded"):
        return cell.note
    if cell.kind == "migrating":
        return f"migration entry, {cell.note}"
    if cell.kind == "swap":
        return f"{cell.target} in swap" + (f", {cell.note}" if what.bit else "")
    words = f"{cell.target} {' '.join(bit for bit in 'PWDSU' if bit in cell.bits)}"
    return words + (" exclusive" if cell.exclusive and what.bit else "")


def things(
    kind: str, left: Json | None, right: Json | None, names: Names, what: Comparable
) -> tuple[str, str] | None:
    """The fields in which two frames, slots or handles differ, in words; None when in none."""
    if left is None or right is None:
        calm = ("0", "not in the swap cache", "not cached", "with its owner", "not exclusive")
        there = (f for f in fields(kind, left or right or {}, None, what) if f[1] not in calm)
        words = ", ".join(f"{name} {value}".strip() for name, value in there)
        return (NOWHERE, words) if left is None else (words, NOWHERE)
    own = [*fields(kind, left, None, what)]
    other = [*fields(kind, right, names, what)]
    shown = [*fields(kind, right, None, what)]
    apart = [i for i, (a, b) in enumerate(zip(own, other, strict=True)) if a != b]
    if not apart:
        return None
    a, b = (", ".join(f"{s[i][0]} {s[i][1]}".strip() for i in apart) for s in (own, shown))
    return a, b


def fields(
    kind: str, thing: Json, names: Names | None, what: Comparable
) -> Iterator[tuple[str, str]]:
    """(name, value) of what is compared; `names` turns labels into shared ones."""

    def label(name: str) -> str:
        return names.to_shared(name) if names else name

    if kind == "frame" and "ledger" in thing:
        yield "holds", str(thing["value"])
        for field, short in COUNTS:
            yield short, str(thing[field])
        has = set(thing["flags"])
        if what.page_bit:
            yield "", "exclusive" if "exclusive" in has else "not exclusive"
        yield "", "in the swap cache" if "swapcache" in has else "not in the swap cache"
    elif kind == "slot":
        yield "holds", str(thing["value"])
        yield "entries", str(thing["count"])
        yield "", f"cached by {label(thing['cached'])}" if thing["cached"] else "not cached"
    elif kind == "handle":
        yield "on", " ".join(label(frame) for frame in thing["frames"])
        yield "sees", " ".join(map(str, thing["values"]))
        yield "", "with its owner" if thing["coherent"] else "apart from its owner"


def in_batches(left: Json, right: Json) -> bool:
    """Are the references different, and the same without those that LRU batches hold?"""
    if left.get("refcount") == right.get("refcount"):
        return False
    return bool(left["refcount"] - batched(left) == right["refcount"] - batched(right))


def batched(frame: Json) -> int:
    known = ("map", "pin", "get", *TOKENS)
    return sum(int(item["count"]) for item in frame["ledger"] if item["kind"] not in known)


def acts(left: Json, right: Json) -> Differences:
    """What one step did otherwise: its outcome, and what it violates."""
    out: Differences = {}
    if not (left and right):
        # A step that only one side has is no difference by itself; what it violates is one.
        c, d = (verdict_words(step) if step else NO_STEP for step in (left, right))
        if any(step.get("violations") for step in (left, right)):
            add(out, "verdict", "properties", ("", "verdict"), c, d)
        return out
    a, b = left["outcome"], right["outcome"]
    if left["text"] != right["text"]:
        add(out, "step", "step", ("", "step"), left["text"], right["text"])
    if outcome_words(a) != outcome_words(b):
        add(out, "outcome", "outcome", ("", "outcome"), outcome_words(a), outcome_words(b))
    c, d = (verdict_words(step) for step in (left, right))
    if c != d:
        add(out, "verdict", "properties", ("", "verdict"), c, d)
    return out


def verdict_words(step: Json) -> str:
    found = sorted(
        {f"{v['kind']} {v.get('predicate') or ''}".strip() for v in step.get("violations", ())}
    )
    return f"violates {', '.join(found)}" if found else "nothing violated"
