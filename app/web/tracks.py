"""Wires without knots: the level of every bus, and the riser of everything that is mapped."""

from __future__ import annotations

from .homes import Item
from .rows import Row
from .survey import SHARED, Life, Survey, label_at

GROUP = 1 << 20
"""Added to a group's number where a bus belongs to a block, not to one of its rows."""
CLEAR = 10
"""Pixels between two wires that run on the same riser, one above the other."""
MOST = 13

Level = dict[tuple[int, str], int]


def tracks_of(survey: Survey, rows: list[Row], items: list[Item]) -> Level:
    """(row or GROUP + group, item) -> level of its bus, counted from the entries."""
    wanted: dict[int, dict[str, Life]] = {}
    finder = Finder(items)
    by_area: dict[str, list[tuple[int, Row]]] = {}
    for index, row in enumerate(rows):
        by_area.setdefault(row.area, []).append((index, row))
    for (area, lo, hi, label), life in survey.uses.items():
        if label in SHARED:
            continue
        for index, row in by_area[area]:
            start, end = max(lo, row.lo), min(hi, row.hi)
            if start >= end or (row.folded and not row.slim):
                continue
            item = finder.find(label_at(label, start - lo) or label)
            if item is None or (row.folded and not item.strip):
                continue
            at = GROUP + row.group if row.slim and item.strip else index
            known = wanted.setdefault(at, {}).get(item.label)
            # The step after the last one shows what is no longer mapped.
            first, last = life.first, life.last + 1
            if known is not None:
                first, last = min(first, known.first), max(last, known.last)
            wanted[at][item.label] = Life(first, last)
    out: Level = {}
    for at, lives in wanted.items():
        group = at - GROUP if at >= GROUP else rows[at].group
        out |= {(at, k): v for k, v in levels(rows, group, lives, finder).items()}
    return out


class Finder:
    """The item of a label, also of one inside a strip."""

    def __init__(self, items: list[Item]) -> None:
        self.single = {item.label: item for item in items if not item.strip}
        self.strips = [item for item in items if item.strip]

    def find(self, label: str) -> Item | None:
        found = self.single.get(label)
        if found is not None:
            return found
        number = int(label[1:])
        return next(
            (i for i in self.strips if i.label[0] == label[0] and 0 <= number - i.start < i.pages),
            None,
        )


def levels(rows: list[Row], group: int, lives: dict[str, Life], finder: Finder) -> dict[str, int]:
    """Things of the own group in the order of their lanes, then those that come from elsewhere."""
    items = {label: finder.find(label) for label in lives}
    own = {k: i for k, i in items.items() if i is not None and rows[i.row].group == group}
    lanes = {lane: at for at, lane in enumerate(sorted({item.lane for item in own.values()}))}
    out = {label: lanes[item.lane] for label, item in own.items()}
    free: list[int] = []
    for label, life in sorted(lives.items(), key=lambda pair: pair[1].first):
        if label in own:
            continue
        level = next((i for i, until in enumerate(free) if until < life.first), len(free))
        free[level : level + 1] = [life.last]
        out[label] = len(lanes) + level
    return out


def risers_of(items: dict[str, Item], heights: dict[tuple[int, str], int]) -> dict[str, int]:
    """A riser for each thing, counted from the right: short ones close to the frames.

    Two that are never at the same height share one.
    """
    reach: dict[str, list[float]] = {}
    for (_, label), y in heights.items():
        reach.setdefault(label, [items[label].mid]).append(y)
    spans = {label: (min(ys) - CLEAR, max(ys) + CLEAR) for label, ys in reach.items()}
    taken: list[list[tuple[float, float]]] = []
    out = {}
    for label, (low, high) in sorted(spans.items(), key=lambda pair: pair[1][1] - pair[1][0]):
        free = (
            i for i, others in enumerate(taken) if all(b <= low or a >= high for a, b in others)
        )
        slot = next(free, min(len(taken), MOST))
        if slot == len(taken):
            taken.append([])
        taken[slot].append((low, high))
        out[label] = slot
    return out
