"""Page-table entries as a picture needs them: what each maps, its bits, and what has changed."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .layout import Row, bounds, label_at, target
from .survey import on_its_way, span

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
