"""One step as a picture needs it: entries (`cells`), frames, slots, handles, and what has changed.

Both twins, the drawing and the tables, are made from the same scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from .cells import Cell, cell_of, value_at
from .changes import changes_of
from .folding import strips_of
from .layout import Layout
from .strips import Strip
from .things import Count, Token, count, tokens

Json = dict[str, Any]


class Frame(Struct, frozen=True):
    """A struct page. `state` is "", "new", "changed" or "freed" (in this step)."""

    label: str
    value: Count
    ref: Count
    map: Count
    pin: Count
    exclusive: bool
    words: str
    holders: tuple[Token, ...]
    state: str
    notes: tuple[str, ...]
    bad: bool


class Slot(Struct, frozen=True):
    """A swap slot; `cached` is the label of its swap cache folio or ""."""

    label: str
    value: Count
    entries: Count
    cached: str
    state: str
    notes: tuple[str, ...]


class Hold(Struct, frozen=True):
    """A handle: whose, of which kind, on which frames; `state` as of frames."""

    name: str
    owner: str
    kind: str
    words: str
    frames: tuple[str, ...]
    values: tuple[int, ...]
    coherent: bool
    state: str
    bad: str


class Scene(Struct, frozen=True):
    """A step. `cells[row][process]`; `changes` are sentences in the order of the drawing."""

    number: int
    cells: tuple[dict[str, Cell], ...]
    frames: dict[str, Frame]
    slots: dict[str, Slot]
    strips: dict[str, Strip]
    handles: dict[str, Hold]
    copies: tuple[tuple[str, str, int], ...]
    changes: tuple[tuple[str, str], ...] = field(default=())


def scene_of(layout: Layout, number: int, step: Json, before: Json | None) -> Scene:
    """Compare a `trace/1` step with the one before it (None for step 0)."""
    now = step["state"]
    was = before["state"] if before else now
    wrong: list[Json] = step["wrong"] if "wrong" in step else step.get("violations", [])
    bad = {v["frame"] for v in wrong if v.get("frame")}
    cells = tuple(
        {c.name: cell_of(row, c.name, now, was) for c in layout.columns} for row in layout.rows
    )
    items = [i for i in layout.items.values() if i.first <= number <= i.last + 1]
    labels = [i.label for i in items if not i.strip]
    frames = {
        label: frame_of(label, now, was, label in bad)
        for label in labels
        if label in now["frames"] or label in was["frames"]
    }
    slots = {
        label: slot_of(label, now.get("swap", {}), was.get("swap", {}))
        for label in labels
        if label[0] == "s"
    }
    strips = {strip.label: strip for strip in strips_of(items, now, was, bad)}
    handles = {
        name: handle_of(name, handle, was.get("handles", {}), wrong)
        for name, handle in now.get("handles", {}).items()
    }
    copies = tuple(copies_of(layout, {*frames, *strips}, step, was))
    scene = Scene(number, cells, frames, slots, strips, handles, copies)
    return replace(scene, changes=changes_of(layout, scene, step))


def copies_of(
    layout: Layout, shown: set[str], step: Json, was: Json
) -> Iterator[tuple[str, str, int]]:
    """(from, to, value) of what was copied, by items; of many between two, the first."""
    told = set()
    for event in step.get("events", ()):
        if event["kind"] == "copy" and event.get("frame") and event.get("to"):
            ends = layout.place(event["frame"]), layout.place(event["to"])
            if ends[0] is None or ends[1] is None or ends[0] is ends[1]:
                continue
            pair = ends[0].label, ends[1].label
            if pair not in told and shown.issuperset(pair):
                told.add(pair)
                value = value_at(step["state"]["frames"], event["frame"])
                yield (
                    *pair,
                    value_at(was["frames"], event["frame"]) or 0 if value is None else value,
                )


# -- frames, slots, handles -------------------------------------------------------------------


def frame_of(label: str, now: Json, was: Json, bad: bool) -> Frame:
    frame, old = now["frames"].get(label), was["frames"].get(label)
    state = "freed" if frame is None else "new" if old is None else ""
    value = frame or old or {}
    compare = old if state == "" else None
    counts = {
        short: count(value, compare, name)
        for short, name in (("ref", "refcount"), ("map", "mapcount"), ("pin", "pincount"))
    }
    content = count(value, compare, "value")
    notes = [f"{k} {c.was}→{c.now}" for k, c in counts.items() if c.was is not None]
    if content.was is not None:
        notes.append(f"holds {content.was}→{content.now}")
    if compare is not None:
        notes += flag_changes(value.get("flags", ()), compare.get("flags", ()))
    return Frame(
        label=label,
        value=content,
        ref=counts["ref"],
        map=counts["map"],
        pin=counts["pin"],
        exclusive="exclusive" in value.get("flags", ()),
        words=flag_words(value),
        holders=tokens(value.get("ledger", ())),
        state=state or ("changed" if notes else ""),
        notes=tuple(notes),
        bad=bad,
    )


def flag_changes(now: list[str], was: list[str]) -> list[str]:
    names = {"exclusive": "exclusive", "swapcache": "in the swap cache", "mlocked": "locked"}
    gained = [f"now {names.get(f, f)}" for f in now if f not in was]
    return gained + [f"no longer {names.get(f, f)}" for f in was if f not in now]


def flag_words(frame: Json) -> str:
    """The flags that matter, short enough for the box."""
    flags = frame.get("flags", ())
    words = ["ksm" if "ksm" in flags else "anon" if "anon" in flags else "file"]
    if "anon" not in flags and "swapbacked" in flags:
        words = ["shmem"]
    short = {"exclusive": "excl", "swapcache": "sc", "mlocked": "lock"}
    return " ".join(words + [word for flag, word in short.items() if flag in flags])


def slot_of(label: str, now: Json, was: Json) -> Slot:
    slot, old = now.get(label), was.get(label)
    state = "freed" if slot is None else "new" if old is None else ""
    value = slot or old or {}
    compare = old if state == "" else None
    entries = count(value, compare, "count")
    notes = [f"entries {entries.was}→{entries.now}"] if entries.was is not None else []
    if compare is not None and compare.get("cached") != value.get("cached"):
        cached = value.get("cached")
        notes.append(f"cached by {cached}" if cached else "no longer cached")
    return Slot(
        label=label,
        value=count(value, compare, "value"),
        entries=entries,
        cached=value.get("cached") or "",
        state=state or ("changed" if notes else ""),
        notes=tuple(notes),
    )


def handle_of(name: str, handle: Json, was: Json, violations: list[Json]) -> Hold:
    mode = "rw" if handle.get("write") else "ro"
    words = f"{handle['kind']} {mode}" if handle["kind"] != "splice" else "splice"
    old = was.get(name)
    bad = next((v for v in violations if v.get("handle") == name), None)
    return Hold(
        name=name,
        owner=handle["owner"],
        kind=handle["kind"],
        words=words,
        frames=tuple(handle["frames"]),
        values=tuple(handle.get("values", ())),
        coherent=bool(handle.get("coherent", True)),
        state="new" if old is None else "" if old == handle else "changed",
        bad=bad_words(bad) if bad else "",
    )


def bad_words(violation: Json) -> str:
    saw, owed = violation.get("saw"), violation.get("owed")
    if saw and owed:
        return f"reads {saw['value']}, owed {owed['value']}"
    return str(violation["kind"])
