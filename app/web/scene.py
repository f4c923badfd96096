"""One step as a picture needs it: every cell, frame, slot and handle, with what has changed.

Both twins, the drawing and the tables, are made from the same scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from .changes import changes_of
from .layout import Layout, Row, bounds, label_at, target
from .strips import Strip, strips_of
from .survey import on_its_way, span
from .things import Count, Token, count, tokens

Json = dict[str, Any]

BITS = (("P", ""), ("W", "writable"), ("D", "dirty"), ("S", "soft_dirty"), ("U", "uffd_wp"))


class Cell(Struct, frozen=True):
    """A page-table entry of one process in one row.

    kind     "absent" (no such process now), "novma", "none", "present", "swap", "folded" or
             "migrating" (what pagemap shows as a swap entry)
    target   frame or slot label, "" for none; `was` the one of the step before, if it differs
    bits     set letters out of PWDSU; `flips` those that differ from the step before
    note     a second line in words
    differs  pagemap's bit 56, which counts mappings, does not say what the exclusive bit says
    place    whose entry of which page, `A.buf[0]`; "" where there is none to select
    on_its_way  the frame that a migration entry names; it maps none
    by       what maps it: "pmd", "pte" or ""; `was_by` in the step before, if it differs
    """

    kind: str
    target: str = ""
    bits: str = ""
    was: str = ""
    flips: str = ""
    note: str = ""
    changed: bool = False
    exclusive: bool = False
    differs: bool = False
    place: str = ""
    by: str = ""
    was_by: str = ""
    on_its_way: str = ""

    @property
    def shown(self) -> str:
        """The target as it is read: the first and the last of a run."""
        return self.target.replace(":", "..")

    @property
    def writable(self) -> bool:
        return "W" in self.bits


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


def frame_at(frames: Json, label: str) -> Json | None:
    """A frame, by itself or in a run of frames that are alike; None where there is none."""
    found: Json | None = frames.get(label)
    if found is None and label[1:].isdigit():
        number = int(label[1:])
        runs = ((span(name), frame) for name, frame in frames.items() if ":" in name)
        found = next((frame for (lo, hi), frame in runs if lo <= number < hi), None)
    return found


def value_at(frames: Json, label: str) -> int | None:
    """What a frame holds; None where it is not."""
    frame = frame_at(frames, label)
    return None if frame is None else int(frame.get("value") or 0)


# -- page tables ------------------------------------------------------------------------------


def find(state: Json, process: str, area: str, page: int) -> tuple[Json, int] | None:
    """The entry that covers a page, and where the entry starts."""
    for entry in state["processes"].get(process, {}).get(area, ()):
        lo, hi = bounds(entry)
        if lo <= page < hi:
            return entry, lo
    return None


def cell_of(row: Row, process: str, now: Json, was: Json) -> Cell:
    if process not in now["processes"]:
        return Cell("absent")
    if row.folded:
        cell, then = (
            folded_cell(row, state["processes"].get(process, {}).get(row.area))
            for state in (now, was)
        )
        return replace(cell, changed=cell != then and process in was["processes"])
    found = find(now, process, row.area, row.lo)
    if found is None or found[0].get("vma") is None:
        gone = find(was, process, row.area, row.lo)
        old = shown(was, process, gone, row) if gone and process in was["processes"] else ""
        return Cell("novma", was=old, changed=bool(old), place=row.place(process) if old else "")
    entry = found[0]
    here, bits = shown(now, process, found, row), bits_of(entry)
    previous = find(was, process, row.area, row.lo)
    there = shown(was, process, previous, row) if previous else ""
    known = previous is not None and process in was["processes"]
    old_bits = bits_of(previous[0]) if previous else ""
    both = here and there and entry["kind"] == "present" == (previous or found)[0]["kind"]
    flips = "".join(sorted(set(bits) ^ set(old_bits))) if both else ""
    marker = bool(entry.get("swap_exclusive") or entry.get("exclusive_pte"))
    by, was_by = mapped_by(entry), mapped_by(previous[0]) if previous and both else ""
    (mode, way), was_way = on_its_way(entry), on_its_way((previous or found)[0])
    flipped = bool(flips) or (mode, way) != was_way or (bool(was_by) and by != was_by)
    changed = here != there or flipped if known else bool(here or mode)
    return Cell(
        kind="migrating" if mode else entry["kind"],
        target=here,
        bits=bits,
        was=there if there != here else "",
        flips=flips,
        note=note_of(entry),
        changed=changed,
        exclusive=marker,
        differs=differs(entry, here, now["frames"]),
        place=row.place(process),
        by=by,
        was_by=was_by if was_by != by else "",
        on_its_way=way,
    )


def differs(entry: Json, label: str, frames: Json) -> bool:
    """Is an anonymous page exclusive and mapped more than once, or the other way round?

    Of what a PMD maps both are the head page's. What the picture has no frame for is left alone.
    """
    frame = frame_at(frames, label.partition(":")[0])
    if frame is not None and entry.get("mapped_by") == "pmd":
        frame = frame_at(frames, frame.get("head") or "")
    if frame is None or "anon" not in frame.get("flags", ()):
        return False
    return bool(entry.get("exclusively_mapped")) != bool(frame.get("exclusive"))


def mapped_by(entry: Json) -> str:
    return str(entry.get("mapped_by") or "pte") if entry["kind"] == "present" else ""


def shown(state: Json, process: str, found: tuple[Json, int], row: Row) -> str:
    """The label at a row's first page; of a run of pages, the first and the last."""
    entry, lo = found
    name = target(entry)
    if name is None:
        return ""
    first = label_at(name, row.lo - lo) or ""
    if row.hi - row.lo == 1:
        return first
    if ":" in name and bounds(entry)[1] >= row.hi:
        return f"{first}:{label_at(name, row.hi - 1 - lo)}"
    end = find(state, process, row.area, row.hi - 1)
    last = label_at(target(end[0]), row.hi - 1 - end[1]) if end else None
    return first if last in (None, first) else f"{first}:{last}"


def bits_of(entry: Json) -> str:
    if entry["kind"] != "present":
        return ""
    return "".join(letter for letter, name in BITS if not name or entry.get(name))


def note_of(entry: Json) -> str:
    if mode := entry.get("migration"):
        return str(mode).replace("_", " ")
    if entry["kind"] == "swap":
        return "exclusive" if entry.get("swap_exclusive") else "not exclusive"
    if entry.get("marker"):
        return "uffd-wp marker"
    if entry["kind"] == "none":
        return "not present" if entry["vma"] == "rw" else f"not present, {entry['vma']}"
    return ""


def folded_cell(row: Row, entries: list[Json] | None) -> Cell:
    """How many pages of a folded row are there, in words."""
    counts: dict[str, int] = {}
    for entry in entries or ():
        lo, hi = bounds(entry)
        size = min(hi, row.hi) - max(lo, row.lo)
        if size > 0 and entry.get("vma") is not None:
            counts[entry["kind"]] = counts.get(entry["kind"], 0) + size
    words = {"present": "present", "swap": "swapped", "none": "not present"}
    if not counts:
        return Cell("novma")
    if set(counts) == {"none"}:
        return Cell("folded", note="not present")
    parts = [f"{counts[kind]} {word}" for kind, word in words.items() if counts.get(kind)]
    return Cell("folded", note=", ".join(parts))


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
