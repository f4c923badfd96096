"""Which steps of two runs stand side by side. It is decided here, for all of a comparison.

A run made from the other by leaving out or putting in steps knows where the two texts part
(`based_on`); up to there they are the same, and behind the change, too. What is between is aligned
by the text of its steps, and so are two texts of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Self

from msgspec import Struct

from app.service import LoadedRun

Texts = Sequence[str]
Acts = tuple[bool, bool]
BOTH, LEFT, RIGHT = (True, True), (True, False), (False, True)

MOST = 4_000_000
"""Product of two lengths up to which texts are compared; longer ones are paired by number."""


class Ways(Struct, frozen=True):
    """The places of a comparison, 0 to `last`; place 0 is before the first step.

    `at[side][place]` is the step whose state a side shows there, `places[side][step]` the place
    of a step. A side without a step at a place stays as it was.
    """

    at: tuple[tuple[int, ...], tuple[int, ...]]
    places: tuple[tuple[int, ...], tuple[int, ...]]

    @classmethod
    def of(cls, left: LoadedRun, right: LoadedRun) -> Self:
        texts = [tuple(s.text for s in run.run.scenario.steps) for run in (left, right)]
        return cls.along(aligned(texts[0], texts[1], parting_of(left, right)))

    @classmethod
    def along(cls, acts: Sequence[Acts]) -> Self:
        a, b = (tuple(accumulate((one[side] for one in acts), initial=0)) for side in (0, 1))
        at = (a, b)
        places = [
            (0, *(place for place, one in enumerate(acts, 1) if one[side])) for side in (0, 1)
        ]
        return cls(at, (places[0], places[1]))

    @property
    def last(self) -> int:
        return len(self.at[0]) - 1

    def acts(self, side: int, place: int) -> bool:
        """Has a side a step at a place? Nothing happens at place 0, on both sides."""
        return place == 0 or self.at[side][place] > self.at[side][place - 1]

    def ended(self, side: int, place: int) -> bool:
        """Are all steps of a side before this place?"""
        return place > self.places[side][-1]

    def alone(self, side: int) -> int:
        """Steps of a side that the other one does not have."""
        return sum(not self.acts(1 - side, place) for place in self.places[side])

    def step_or_none(self, side: int, place: int) -> int | None:
        return self.at[side][place] if self.acts(side, place) else None


def parting_of(left: LoadedRun, right: LoadedRun) -> int:
    """Steps that two runs are known to share because one was made from the other; 0: not known."""
    ways = [(run.stored.based_on or ("", 0)) for run in (left, right)]
    if ways[1][0] == left.id:
        return ways[1][1]
    if ways[0][0] == right.id:
        return ways[0][1]
    return min(ways[0][1], ways[1][1]) if ways[0][0] == ways[1][0] else 0


def aligned(left: Texts, right: Texts, parting: int) -> list[Acts]:
    """Which side has a step at each place, from place 1 on.

    `parting`: steps that are the same because of where a run comes from. Without it the texts may
    share more steps than they should: of two equal ones the first is left out as well as the other.
    """
    if left == right:
        return [BOTH] * len(left)
    if (len(left), left) > (len(right), right):
        # Swapping the sides changes no place.
        return [(b, a) for a, b in aligned(right, left, parting)]
    head = common(left, right)
    head = min(head, parting or head)
    tail = common(left[head:][::-1], right[head:][::-1])
    middle = left[head : len(left) - tail], right[head : len(right) - tail]
    return [BOTH] * head + list(between(*middle)) + [BOTH] * tail


def common(left: Texts, right: Texts) -> int:
    """How many steps from the first on are the same."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(left), len(right)))


def between(left: Texts, right: Texts) -> Iterator[Acts]:
    """Steps that took the place of others stand beside them; what is left over stands alone."""
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    known = len(left) * len(right) <= MOST
    blocks = matcher.get_opcodes() if known else [("replace", 0, len(left), 0, len(right))]
    for _, a, b, c, d in blocks:
        paired = min(b - a, d - c)
        yield from [BOTH] * paired
        yield from [LEFT] * (b - a - paired)
        yield from [RIGHT] * (d - c - paired)
