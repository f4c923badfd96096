"""The scenario in real sizes: a PMD maps 512 pages, whatever its header says.

The last page of every huge page stands for all pages from there to the real end; the engine plays
the scenario that comes of it, so that what is expected is expected of the sizes that are played.
"""

from __future__ import annotations

from itertools import accumulate

from msgspec.structs import replace

from app.engine import operations as ops
from app.engine.operations import Operation, Place
from app.scenario import Scenario
from app.scenario.text import MAX_FRAMES

PMD_PAGES = 512
"""Base pages in a PMD of x86-64 and of arm64 with pages of 4 KiB."""

Widths = tuple[int, ...]
"""How many real pages each page of a range stands for."""
Ranges = dict[str, Widths]


class TooManyPages(Exception):
    """In real sizes the scenario has more pages than a scenario may have."""


def in_real_sizes(scenario: Scenario) -> Scenario:
    """The same steps with `huge: 512`. Raises TooManyPages."""
    huge = scenario.config.huge
    if huge == PMD_PAGES:
        return scenario
    sizes = Sizes(huge, scenario.first)
    steps = tuple(replace(step, op=sizes.op(step.op)) for step in scenario.steps)
    if sizes.pages > MAX_FRAMES:
        raise TooManyPages(
            f"Where a PMD maps {PMD_PAGES} pages, as on a real kernel, the ranges have "
            f"{sizes.pages:,} pages; the limit is {MAX_FRAMES:,}."
        )
    config = replace(scenario.config, huge=PMD_PAGES)
    return replace(scenario, config=config, steps=steps)


class Sizes:
    """Ranges by process, and pages by handle, as the steps make them."""

    def __init__(self, huge: int, first: str) -> None:
        self.huge = huge
        self.pages = 0
        self.ranges: dict[str, Ranges] = {first: {}}
        self.handles: Ranges = {}

    def widths(self, pages: int) -> Widths:
        whole = pages - pages % self.huge
        last = PMD_PAGES - self.huge + 1
        return tuple(
            last if page < whole and page % self.huge == self.huge - 1 else 1
            for page in range(pages)
        )

    def place(self, process: str, place: Place) -> Place:
        ends = (0, *accumulate(self.ranges[process][place.area]))
        return Place(place.area, ends[place.lo], ends[place.hi])

    def op(self, op: Operation) -> Operation:
        """The operation in real pages; what it makes is known from here on."""
        match op:
            case ops.Par(lines=lines):
                return replace(op, lines=tuple(self.op(line) for line in lines))
            case ops.Micro(lines=lines):
                return replace(op, lines=tuple(self.op(line) for line in lines))
            case ops.Mmap(actor=actor, area=area, pages=pages):
                widths = self.widths(pages)
                self.ranges[actor][area] = widths
                self.pages += sum(widths)
                return replace(op, pages=sum(widths))
            case ops.Fork(actor=actor, child=child):
                self.ranges[child] = dict(self.ranges[actor])
            case ops.Vfork(actor=actor, child=child):
                self.ranges[child] = self.ranges[actor]
            case ops.Exec(actor=actor):
                self.ranges[actor] = {}
            case ops.HandleRead(actor=actor, page=page) | ops.HandleWrite(actor=actor, page=page):
                return replace(op, page=sum(self.handles[actor][:page]))
            case ops.Mremap(actor=actor, place=Place(area, lo, hi), target=target):
                self.ranges[actor][target] = self.ranges[actor][area][lo:hi]
        place: Place | None = getattr(op, "place", None)
        if place is None:
            return op
        owner = str(getattr(op, "process", op.actor))
        if isinstance(op, ops.PtraceRead | ops.PtraceWrite | ops.VmRead | ops.VmWrite):
            owner = op.target
        if isinstance(op, ops.Pin | ops.Get | ops.Splice):
            self.handles[op.handle] = self.ranges[owner][place.area][place.lo : place.hi]
        return replace(op, place=self.place(owner, place))
