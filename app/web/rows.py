"""Which pages a run is drawn with: rows, and blocks of rows for what a huge page ever covered.

A row is a run of pages that look alike in every step of a run, in every process. Rows of a block
lie close together: an entry of a PMD spans them all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from .survey import SHARED, Survey, span

MAX_ROWS = 48
"""Rows drawn in full; of a run with more, those that change most often."""
MAX_PARTS = 12
"""Rows drawn in full of one block; the calmest others fold."""
ALIKE = 3
"""Neighbours in a block that go through as much as each other: so many stand for all of them."""
FEW_PAGES = 6
"""As many pages get a row each, though they look alike: their values can be read at a glance."""
SHORT_RANGE = 16
FOLDED_HEIGHT = 36


class Row(Struct, frozen=True):
    """Pages `lo` to `hi` (half-open) of range `area`; `folded` rows are one line of text.

    `kind` is "anon", "shared", "file" or "hugetlb". A row without an area is for frames that no
    page table ever named. `group` counts what is drawn together: one row, or the rows of a block,
    which are `slim`. `box` is the upper edge of the row's entries and `deep` their height.
    """

    area: str
    lo: int
    hi: int
    folded: bool
    kind: str = ""
    group: int = 0
    slim: bool = False
    top: int = 0
    height: int = FOLDED_HEIGHT
    box: int = 0
    deep: int = 52

    @property
    def label(self) -> str:
        return f"{self.area}{self.pages}" if self.area else "unmapped"

    def place(self, process: str) -> str:
        """The row's first page as a process has it: `A.buf[0]`."""
        return f"{process}.{self.area}[{self.lo}]"

    @property
    def pages(self) -> str:
        pages = str(self.lo) if self.hi == self.lo + 1 else f"{self.lo}..{self.hi - 1}"
        return f"[{pages}]"


class Folios:
    """The large folios of a run, to be asked for one of their pages."""

    def __init__(self, survey: Survey) -> None:
        self.pages = survey.large
        self.heads = sorted(survey.large)

    def of(self, number: int) -> tuple[int, int] | None:
        """Frames of the large folio (half-open) that a frame ever was a page of."""
        at = bisect_right(self.heads, number) - 1
        if at < 0:
            return None
        head = self.heads[at]
        return (head, head + self.pages[head]) if number < head + self.pages[head] else None


def blocks_of(survey: Survey, folios: Folios) -> dict[str, list[tuple[int, int]]]:
    """The pages of each range that ever were mapped to a large folio, or by a PMD."""
    found: dict[str, list[tuple[int, int]]] = {}
    for (area, _, _), parts in folio_pieces(survey, folios).items():
        for lo, hi in merged(parts, touching=1):
            if hi - lo > 1:
                found.setdefault(area, []).append((lo, hi))
    return {area: merged(pieces) for area, pieces in found.items()}


def folio_pieces(
    survey: Survey, folios: Folios
) -> dict[tuple[str, int, int], list[tuple[int, int]]]:
    """Pages by (range, head or -1 for the huge zero page, frame less page)."""
    out: dict[tuple[str, int, int], list[tuple[int, int]]] = {}
    for area, lo, hi, label in survey.uses:
        if label == "hzero":
            out.setdefault((area, -1, 0), []).append((lo, hi))
        if label in SHARED or label[0] != "f":
            continue
        number, last = span(label)
        while number < last and (whole := folios.of(number)) is not None:
            # One entry may lead to neighbouring folios: each is a block of its own.
            start = lo + number - span(label)[0]
            end = min(hi, start + whole[1] - number)
            out.setdefault((area, whole[0], number - start), []).append((start, end))
            number = whole[1]
    return out


def merged(pieces: list[tuple[int, int]], touching: int = 0) -> list[tuple[int, int]]:
    """Sorted, without overlaps; neighbours that only touch are one if `touching`."""
    out: list[tuple[int, int]] = []
    for lo, hi in sorted(set(pieces)):
        if out and lo < out[-1][1] + touching:
            out[-1] = (out[-1][0], max(hi, out[-1][1]))
        else:
            out.append((lo, hi))
    return out


class Segment(Struct):
    area: str
    lo: int
    hi: int
    weight: int
    block: int


def segments_of(survey: Survey, folios: Folios) -> list[Segment]:
    """All ranges, cut where pages ever differ and where a block begins or ends."""
    blocks = blocks_of(survey, folios)
    marked = {
        area: [(lo, hi, count) for (name, lo, hi), count in survey.marks.items() if name == area]
        for area in survey.cuts
    }
    short = [
        area
        for area, cuts in survey.cuts.items()
        if area not in blocks and max(cuts, default=0) <= SHORT_RANGE
    ]
    touched = sum(
        len({page for lo, hi, _ in marked[area] for page in range(lo, hi)}) for area in short
    )
    out = []
    for area, cuts in survey.cuts.items():
        inside = blocks.get(area, [])
        every = set(cuts) | {edge for block in inside for edge in block}
        if area in short and touched <= FEW_PAGES:
            every |= set(range(max(cuts, default=0)))
        for lo, hi in pairwise(sorted(every)):
            weight = sum(count for a, b, count in marked[area] if a <= lo < b)
            block = next((i for i, (a, b) in enumerate(inside) if a <= lo < b), -1)
            out.append(Segment(area, lo, hi, weight, block))
    return out


def drawn_in_full(survey: Survey, segments: list[Segment]) -> set[tuple[str, int]]:
    """The first pages of the segments that are not folded."""
    labels: dict[str, list[tuple[int, int, str]]] = {}
    for area, lo, hi, label in survey.uses:
        labels.setdefault(area, []).append((lo, hi, label))
    groups: dict[tuple[str, int], list[Segment]] = {}
    full: list[Segment] = []
    for segment in segments:
        if segment.block >= 0:
            groups.setdefault((segment.area, segment.block), []).append(segment)
        elif segment.weight:
            full.append(segment)
    for (area, _), parts in groups.items():
        if len(parts) > MAX_PARTS:
            targets = {
                part.lo: len({label for lo, hi, label in labels[area] if lo <= part.lo < hi})
                for part in parts
            }
            behind = places_among_equals(parts, targets)
            parts.sort(
                key=lambda part: (
                    behind[part.lo] >= ALIKE, -targets[part.lo], part.lo - part.hi,
                )
            )  # fmt: skip
        full += with_lonely(parts, {part.lo for part in parts[:MAX_PARTS]})
    full.sort(key=lambda segment: -segment.weight)
    return {(segment.area, segment.lo) for segment in full[:MAX_ROWS]}


def with_lonely(parts: list[Segment], chosen: set[int]) -> list[Segment]:
    """The chosen parts, and each that would fold all by itself: it is a row anyway."""
    order = sorted(parts, key=lambda part: part.lo)
    return [
        part
        for at, part in enumerate(order)
        if part.lo in chosen
        or all(near.lo in chosen for near in (*order[max(at - 1, 0) : at], *order[at + 1 : at + 2]))
    ]


def places_among_equals(parts: list[Segment], targets: dict[int, int]) -> dict[int, int]:
    """Which one each part is of neighbours of its size that lead to as many things.

    One store to twenty pages must not hide the page that a step is all about.
    """
    out = {parts[0].lo: 0}
    for before, part in pairwise(parts):
        equal = (
            before.hi == part.lo
            and before.hi - before.lo == part.hi - part.lo
            and targets[before.lo] == targets[part.lo]
        )
        out[part.lo] = out[before.lo] + 1 if equal else 0
    return out


def rows_of(survey: Survey, folios: Folios) -> list[Row]:
    """Segments as rows; what nobody ever touched folds, and so do the calmest of too many."""
    segments = segments_of(survey, folios)
    full = drawn_in_full(survey, segments)
    return list(numbered(pieces(survey, segments, full)))


def pieces(
    survey: Survey, segments: list[Segment], full: set[tuple[str, int]]
) -> Iterator[tuple[int, Row]]:
    """(block, row) in order; neighbouring folded segments are one row."""
    waiting: tuple[int, Row] | None = None
    for segment in segments:
        kept = (segment.area, segment.lo) in full
        if waiting and (kept or waiting[1].area != segment.area or waiting[0] != segment.block):
            yield waiting
            waiting = None
        if kept:
            kind = survey.kinds.get(segment.area, "")
            yield (
                segment.block,
                Row(segment.area, segment.lo, segment.hi, False, kind, 0, segment.block >= 0),
            )
        elif waiting:
            waiting = (segment.block, replace(waiting[1], hi=segment.hi))
        else:
            row = Row(segment.area, segment.lo, segment.hi, True, slim=segment.block >= 0)
            waiting = (segment.block, row)
    if waiting:
        yield waiting


def numbered(found: Iterator[tuple[int, Row]]) -> Iterator[Row]:
    """Rows with the number of their group: neighbours in one block share it."""
    group, before = -1, ("", -1)
    for block, row in found:
        if block < 0 or before != (row.area, block):
            group += 1
        before = (row.area, block)
        yield replace(row, group=group)
