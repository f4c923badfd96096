"""Frames and swap slots as things to draw: which stand alone, which are one strip, and where.

A thing has a place in the group of rows that mapped it first, for its whole life. The pages of a
large folio are one thing, and so are neighbouring frames that one row or block maps in a row.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from .rows import Folios, Row
from .survey import SHARED, Life, Survey, labels_of, span

LEAST = 3
"""As many neighbouring pages of a block that were mapped one by one are drawn as one strip."""


BESIDE = 3
"""As many frames of the swap cache are drawn for each strip of slots; the slots name the others."""


class Item(Struct, frozen=True):
    """A frame or swap slot, or a strip of `pages` of them, seen from step `first` to step `last`.

    `label` is the first one's, `row` the first row of its group; `x` and `y` its upper left
    corner, `riser` where its wires run up and down. `large`: a large folio, at first or always;
    `small`: at some time its pages are folios of their own. `users` are the processes that ever
    map it.
    """

    label: str
    row: int
    lane: int
    first: int
    last: int
    y: int = 0
    pages: int = 1
    large: bool = False
    small: bool = True
    width: int = 240
    height: int = 68
    riser: int = 0
    users: tuple[str, ...] = ()

    @property
    def strip(self) -> bool:
        return self.pages > 1

    @property
    def start(self) -> int:
        return int(self.label[1:])

    @property
    def mid(self) -> float:
        """Where wires end; slots are lower than frames and stand a little below their place."""
        return self.y + 34 if self.pages == 1 else self.y + 24


class Claim(Struct, frozen=True, order=True):
    """Frames (or slots) `lo` to `hi` that belong to the group of rows `group`, at `base` + page."""

    lo: int
    hi: int
    group: int
    base: int
    large: bool = False


class Claims:
    """Who has which frames: sorted, without overlaps."""

    def __init__(self) -> None:
        self.all: list[Claim] = []

    def add(self, claim: Claim) -> None:
        """Claim what is not claimed yet."""
        lo = claim.lo
        at = max(0, bisect_right(self.all, lo, key=lambda c: c.lo) - 1)
        free = []
        for other in self.all[at:]:
            if other.lo >= claim.hi:
                break
            if other.hi > lo:
                if other.lo > lo:
                    free.append((lo, other.lo))
                lo = max(lo, other.hi)
        if lo < claim.hi:
            free.append((lo, claim.hi))
        for start, end in free:
            insort(self.all, replace(claim, lo=start, hi=end))

    def has(self, number: int) -> bool:
        at = bisect_right(self.all, number, key=lambda c: c.lo) - 1
        return at >= 0 and number < self.all[at].hi

    def things(self, wide: Sequence[bool]) -> Iterator[Claim]:
        """What is one thing: neighbours of one group and base; `wide[group]`: at any number."""
        whole: list[Claim] = []
        for claim in self.all:
            one = whole[-1] if whole else None
            if (
                one is not None
                and (one.group, one.base, one.large) == (claim.group, claim.base, claim.large)
                and not claim.large
            ):
                whole[-1] = replace(one, hi=claim.hi)
            else:
                whole.append(claim)
        for claim in whole:
            alone = not claim.large and not wide[claim.group] and claim.hi - claim.lo < LEAST
            if alone:
                parts = [c for c in self.all if claim.lo <= c.lo < claim.hi]
                alone = all(c.hi - c.lo == 1 for c in parts)
            if alone:
                yield from (c for c in self.all if claim.lo <= c.lo < claim.hi)
            else:
                yield claim


def homes_of(survey: Survey, folios: Folios, rows: list[Row]) -> list[Item]:
    """Everything that is drawn, not placed yet; `row` -1 for what no page table ever named."""
    claims = {"f": Claims(), "s": Claims()}
    hidden = {"f": Claims(), "s": Claims()}
    by_area: dict[str, list[Row]] = {}
    for row in rows:
        by_area.setdefault(row.area, []).append(row)
    for (area, lo, hi, label), life in sorted(survey.uses.items(), key=lambda use: use[1].first):
        if label in SHARED:
            continue
        claim_all(claims[label[0]], hidden[label[0]], folios, by_area[area], lo, hi, label)
        del life
    count = rows[-1].group + 1 if rows else 0
    # A row of several pages shows one entry for all of them: what it leads to is one thing, too.
    wide = [False] * count
    starts = [0] * count
    for index in range(len(rows) - 1, -1, -1):
        row = rows[index]
        starts[row.group] = index
        wide[row.group] = not row.slim and not row.folded and row.hi - row.lo > 1
    out = [
        item_of(survey, folios, letter, claim, starts)
        for letter, found in claims.items()
        for claim in found.things(wide)
    ]
    known = [(item.label[0], item.start, item.start + item.pages, item) for item in out]
    beside: dict[str, int] = {}
    for label, life in survey.lives.items():
        letter, number = label[0], int(label[1:])
        if claims[letter].has(number) or hidden[letter].has(number):
            continue
        if any(one == letter and lo <= number < hi for one, lo, hi, _ in known):
            continue
        partner = survey.cached.get(label, "")
        if partner and not claims[partner[0]].has(int(partner[1:])):
            continue
        owner = next(
            (i for one, lo, hi, i in known if partner and one == partner[0]
             and lo <= int(partner[1:]) < hi), None,
        )  # fmt: skip
        at = owner.row if owner is not None else -1
        if owner is not None and owner.strip:
            beside[owner.label] = beside.get(owner.label, 0) + 1
            if beside[owner.label] > BESIDE:
                continue
        whole = folios.of(number) if letter == "f" else None
        if whole is not None:
            claim = Claim(*whole, 0, 0, large=True)
            item = replace(item_of(survey, folios, letter, claim, [at]), row=at)
            known.append((letter, *whole, item))
        else:
            item = Item(label, at, 0, life.first, life.last)
        out.append(item)
    return out


def claim_all(
    claims: Claims, hidden: Claims, folios: Folios, rows: list[Row], lo: int, hi: int, label: str
) -> None:
    """Claim what the pages `lo` to `hi` lead to for the groups of rows that show them."""
    number = span(label)[0]
    counts_on = ":" in label
    for row in rows:
        start, end = max(lo, row.lo), min(hi, row.hi)
        if start >= end:
            continue
        first = number + (start - lo if counts_on else 0)
        last = first + (end - start if counts_on else 1)
        whole = folios.of(first) if label[0] == "f" else None
        if row.folded and whole is None:
            hidden.add(Claim(first, last, row.group, 0))
        elif whole is not None:
            claims.add(Claim(*whole, row.group, 0, large=True))
            if last > whole[1]:
                claims.add(Claim(whole[1], last, row.group, first - start))
        else:
            base = first - start if counts_on or end - start == 1 else -1 - first
            claims.add(Claim(first, last, row.group, base))


def item_of(
    survey: Survey, folios: Folios, letter: str, claim: Claim, starts: Sequence[int]
) -> Item:
    lives = [
        survey.lives[label]
        for label in labels_of(f"{letter}{claim.lo}:{letter}{claim.hi}")
        if label in survey.lives
    ] or [Life(survey.last, survey.last)]
    first, last = min(life.first for life in lives), max(life.last for life in lives)
    return Item(
        f"{letter}{claim.lo}",
        starts[claim.group],
        0,
        first,
        last,
        pages=claim.hi - claim.lo,
        large=claim.large,
        small=not claim.large or survey.whole.get(claim.lo, -1) < last,
    )
