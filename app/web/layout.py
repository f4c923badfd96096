"""Where everything of a run is drawn: computed once, over all steps, so that nothing moves.

Rows are virtual pages (a run of pages that always look alike is one row), columns are processes.
A frame or swap slot has a place in the row that mapped it first, for its whole life; a place is
given again only after its owner has been gone for a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

Json = dict[str, Any]

MAX_ROWS = 48
"""Rows drawn in full; of a run with more, those that change most often."""

LABEL_WIDTH = 76
PTE_HEIGHT = 52
FRAME_WIDTH = 240
FRAME_HEIGHT = 68
LANE_PITCH = 84
TRACK_PITCH = 12
FOLDED_HEIGHT = 36
HEAD_HEIGHT = 58
HANDLE_PITCH = 76
HANDLE_HEAD = 96


class Column(Struct, frozen=True):
    """A process: `parent` is "" for the first; it lives in steps `first` to `last`, inclusive."""

    name: str
    parent: str
    first: int
    last: int
    x: int


class Row(Struct, frozen=True):
    """Pages `lo` to `hi` (half-open) of range `area`; `folded` rows are one line of text.

    `kind` is "anon", "shared", "file" or "hugetlb". A row without an area is for frames that no
    page table ever named.
    """

    area: str
    lo: int
    hi: int
    folded: bool
    kind: str = ""
    lanes: int = 0
    top: int = 0
    height: int = FOLDED_HEIGHT

    @property
    def label(self) -> str:
        if not self.area:
            return "unmapped"
        pages = str(self.lo) if self.hi == self.lo + 1 else f"{self.lo}..{self.hi - 1}"
        return f"{self.area}[{pages}]"

    def place(self, process: str) -> str:
        """The row's first page as a process has it: `A.buf[0]`."""
        return f"{process}.{self.area}[{self.lo}]"


class Item(Struct, frozen=True):
    """A frame or swap slot, seen from step `first` to step `last`; `y` is its upper edge."""

    label: str
    row: int
    lane: int
    first: int
    last: int
    y: int = 0


class Grip(Struct, frozen=True):
    """One page that a handle holds: index `page` of `handle`, on the item `label`."""

    handle: str
    page: int
    label: str
    first: int
    last: int
    column: int


class Layout(Struct, frozen=True):
    """Coordinates in pixels of the drawing's own system."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    items: dict[str, Item]
    grips: tuple[Grip, ...]
    cell_width: int
    frame_x: int
    handle_x: int
    width: int
    height: int


def bounds(entry: Json) -> tuple[int, int]:
    """Pages of one entry of `state.processes` (half-open)."""
    if "pages" in entry:
        lo, _, hi = entry["pages"].partition(":")
        return int(lo), int(hi)
    return entry["page"], entry["page"] + 1


def label_at(label: str | None, offset: int) -> str | None:
    """The label `offset` pages into an entry: `f1:f512` counts on, a single one is shared."""
    if label is None or ":" not in label:
        return label
    start = label.partition(":")[0]
    return f"{start[0]}{int(start[1:]) + offset}"


def target(entry: Json) -> str | None:
    """The frame or swap slot that an entry leads to, as written in the trace."""
    found = entry["frame"] if entry["kind"] == "present" else entry.get("swap_offset_label")
    return None if found is None else str(found)


class Survey:
    """What the states of a run contain, gathered in one pass."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.users: dict[str, list[int]] = {}
        self.processes: dict[str, list[int]] = {}
        self.parents: dict[str, str] = {}
        self.cuts: dict[str, set[int]] = {}
        self.uses: dict[tuple[str, int, int, str], int] = {}
        self.marks: dict[tuple[str, int, int], int] = {}
        self.lives: dict[str, list[int]] = {}
        self.cached: dict[str, str] = {}
        self.grips: dict[tuple[str, int, str], list[int]] = {}
        self.before: dict[tuple[str, str], object] = {}

    def read(self, number: int, step: Json) -> None:
        self.read_words(step.get("text", "").split())
        state = step["state"]
        for process, ranges in state["processes"].items():
            self.processes.setdefault(process, [number, number])[1] = number
            for area, entries in ranges.items():
                if self.before.get((process, area)) != entries:
                    self.before[process, area] = entries
                    self.read_range(number, process, area, entries)
        for kind in ("frames", "swap"):
            for label in state.get(kind, ()):
                self.lives.setdefault(label, [number, number])[1] = number
        for slot, value in state.get("swap", {}).items():
            if value.get("cached"):
                self.cached.setdefault(slot, value["cached"])
                self.cached.setdefault(value["cached"], slot)
        for name, handle in state.get("handles", {}).items():
            for page, frame in enumerate(handle["frames"]):
                self.grips.setdefault((name, page, frame), [number, number])[1] = number

    def read_words(self, words: list[str]) -> None:
        """What only the step's text tells: who forked whom, and what kind of mapping a range is."""
        verb = words[1] if len(words) > 2 else ""
        if verb in ("fork", "vfork"):
            self.parents.setdefault(words[2], words[0])
        elif verb == "mmap":
            kind = next((w for w in words[4:] if w in ("shared", "file", "hugetlb")), "anon")
            self.kinds.setdefault(words[2], kind)
        elif verb == "mremap" and len(words) > 3:
            self.kinds.setdefault(words[3], self.kinds.get(words[2].partition("[")[0], ""))

    def read_range(self, number: int, process: str, area: str, entries: list[Json]) -> None:
        cuts = self.cuts.setdefault(area, set())
        column = list(self.processes).index(process)
        for entry in entries:
            lo, hi = bounds(entry)
            cuts.add(lo)
            cuts.add(hi)
            found = target(entry)
            if entry["kind"] != "none":
                self.marks[area, lo, hi] = self.marks.get((area, lo, hi), 0) + 1
            if found is not None:
                self.uses.setdefault((area, lo, hi, found), number)
                users = self.users.setdefault(found.partition(":")[0], [])
                if column not in users:
                    users.append(column)


def lay_out(steps: Iterable[Json]) -> Layout:
    """Lay out a run from its `trace/1` steps, 0 to N."""
    return lay_out_numbered(enumerate(steps))


def lay_out_numbered(steps: Iterable[tuple[int, Json]]) -> Layout:
    """Lay out steps by number; two runs of which one picture is made have each number twice."""
    survey = Survey()
    for number, step in steps:
        survey.read(number, step)
    rows = list(rows_of(survey))
    homes = homes_of(survey, rows)
    if any(row < 0 for row in homes.values()):
        rows.append(Row("", 0, 0, folded=False))
        homes = {label: row if row >= 0 else len(rows) - 1 for label, row in homes.items()}
    lanes, items = lanes_of(survey, rows, homes)
    return place(survey, rows, lanes, items)


def rows_of(survey: Survey) -> Iterator[Row]:
    """Segments of all ranges, the untouched ones folded; beyond MAX_ROWS the calmest fold, too."""
    segments = []
    for area, cuts in survey.cuts.items():
        weights = dict.fromkeys(sorted(cuts)[:-1], 0)
        for (name, lo, hi), count in survey.marks.items():
            if name == area:
                for start in weights:
                    if lo <= start < hi:
                        weights[start] += count
        for lo, hi in pairwise(sorted(cuts)):
            segments.append((area, lo, hi, weights[lo]))
    drawn = sorted((s for s in segments if s[3]), key=lambda s: -s[3])[:MAX_ROWS]
    kept = {s[:2] for s in drawn}
    open_row: Row | None = None
    for area, lo, hi, _ in segments:
        if (area, lo) in kept:
            if open_row:
                yield open_row
                open_row = None
            yield Row(area, lo, hi, folded=False, kind=survey.kinds.get(area, ""))
        elif open_row and open_row.area == area:
            open_row = replace(open_row, hi=hi)
        else:
            if open_row:
                yield open_row
            open_row = Row(area, lo, hi, folded=True)
    if open_row:
        yield open_row


def homes_of(survey: Survey, rows: list[Row]) -> dict[str, int]:
    """The row of each frame and slot that is drawn; -1 for one that no page table ever named."""
    homes: dict[str, int] = {}
    covered: set[str] = set()
    for area, lo, hi, found in survey.uses:
        if ":" in found:
            covered.update(f"{found[0]}{int(label_at(found, i)[1:])}" for i in range(hi - lo))  # type: ignore[index]
        for index, row in enumerate(rows):
            if row.area == area and lo <= row.lo < hi:
                label = label_at(found, row.lo - lo)
                if label is not None and label != "zero":
                    covered.add(label)
                    if not row.folded:
                        homes.setdefault(label, index)
    for label in survey.lives:
        if label in homes or label in covered or label == "zero":
            continue
        partner = survey.cached.get(label, "")
        homes[label] = homes.get(partner, -1)
    return homes


def lanes_of(
    survey: Survey, rows: list[Row], homes: dict[str, int]
) -> tuple[list[int], list[Item]]:
    """Places inside rows, each given to one item after the other.

    The order is a schematic's: what the leftmost processes map comes last, so that their wires,
    which start first, turn off last. Users are nested after forks, and then no two wires cross.
    """
    free: list[list[Item]] = [[] for _ in rows]
    items = []
    for label, row in sorted(homes.items(), key=lambda home: survey.lives[home[0]][0]):
        first, last = survey.lives[label]
        lanes = free[row]
        lane = next((i for i, owner in enumerate(lanes) if gives_way(owner, label, first)), -1)
        item = Item(label, row, lane if lane >= 0 else len(lanes), first, last)
        lanes[item.lane : item.lane + 1] = [item]
        items.append(item)
    order = [lane_order(survey, [i for i in items if i.row == row]) for row in range(len(rows))]
    return [len(lanes) for lanes in free], [replace(i, lane=order[i.row][i.lane]) for i in items]


def gives_way(owner: Item, label: str, first: int) -> bool:
    """May `label` have the place of `owner` from step `first` on?

    A page that goes out to a swap slot, or back, hands its place over. Otherwise one step passes,
    in which the old one is shown as freed.
    """
    return owner.last + (0 if owner.label[0] != label[0] else 1) < first


def lane_order(survey: Survey, items: list[Item]) -> dict[int, int]:
    """Lane as found -> lane as drawn."""
    columns: dict[int, list[int]] = {}
    for item in items:
        columns.setdefault(item.lane, []).extend(survey.users.get(item.label, [0]))
    ranked = sorted(columns, key=lambda lane: -sum(columns[lane]) / len(columns[lane]))
    return {lane: place for place, lane in enumerate(ranked)}


def place(survey: Survey, rows: list[Row], lanes: list[int], items: list[Item]) -> Layout:
    """Turn rows and lanes into coordinates."""
    many = len(survey.processes) > 4
    cell, gap = (88, 8) if many else (112, 12)
    columns = tuple(
        Column(name, survey.parents.get(name, ""), first, last, LABEL_WIDTH + i * (cell + gap))
        for i, (name, (first, last)) in enumerate(survey.processes.items())
    )
    frame_x = LABEL_WIDTH + len(columns) * (cell + gap) + 38
    handle_x = frame_x + FRAME_WIDTH + 60
    y = HEAD_HEIGHT
    placed_rows = []
    for row, count in zip(rows, lanes, strict=True):
        height = row_height(row, max(1, count))
        placed_rows.append(replace(row, lanes=max(1, count), top=y, height=height))
        y += height
    placed = {
        i.label: replace(i, y=placed_rows[i.row].top + 8 + i.lane * LANE_PITCH) for i in items
    }
    grips = grips_of(survey, placed)
    most = max((grip.column + 1 for grip in grips), default=0)
    return Layout(
        columns=columns,
        rows=tuple(placed_rows),
        items=placed,
        grips=grips,
        cell_width=cell,
        frame_x=frame_x,
        handle_x=handle_x,
        width=handle_x + max(most * HANDLE_PITCH, HANDLE_HEAD) + 4
        if most
        else frame_x + FRAME_WIDTH + 92,
        height=y + 4,
    )


def row_height(row: Row, lanes: int) -> int:
    if row.folded:
        return FOLDED_HEIGHT
    return max(
        16 + PTE_HEIGHT + 14 + TRACK_PITCH * lanes + 8,
        8 + LANE_PITCH * (lanes - 1) + FRAME_HEIGHT + 16,
    )


def grips_of(survey: Survey, items: dict[str, Item]) -> tuple[Grip, ...]:
    """Handles beside the frames that they hold; several on one frame stand side by side."""
    taken: dict[tuple[int, int], list[int]] = {}
    grips = []
    for (handle, page, frame), (first, last) in survey.grips.items():
        item = items.get(frame)
        if item is None:
            continue
        columns = taken.setdefault((item.row, item.lane), [])
        column = next((i for i, until in enumerate(columns) if until < first), len(columns))
        if column == len(columns):
            columns.append(0)
        columns[column] = last + 1
        grips.append(Grip(handle, page, frame, first, last, column))
    return tuple(grips)
