"""What is told of a step: decisions as they were taken, one by one or of many pages at once.

A store to 512 pages takes some thousand decisions, and nearly all runs are played without anybody
reading them. So what happened to pages that are alike is kept as it was said of the first, and
spelled out when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from .blocks import nth
from .folios import Compound, Folio
from .reasons import Reason

Effect = Callable[[Compound, int], Compound]
"""What the turns of so many pages of a large folio do to what its pages share."""


class Event(Struct, frozen=True, gc=False):
    """A decision as it was taken. `folio` is the folio at that moment; -1 means "none"."""

    reason: Reason
    mm: int
    vpn: int
    pfn: int
    folio: Folio | Compound | None
    numbers: tuple[object, ...]
    to: int = -1
    slot: int = -1


class Again(Struct, frozen=True, gc=False):
    """The same decisions for `count` pages more, in order, each of the next page and slot.

    `frames` are those that are others with each page. `effect`, a function of values alone, is
    what each page did to the large folio that is told of.
    """

    said: tuple[Event, ...]
    count: int
    frames: tuple[int, ...] = ()
    effect: Effect | None = None

    def __iter__(self) -> Iterator[Event]:
        effect, frames = self.effect, self.frames
        for by in range(1, self.count + 1):
            before: Folio | Compound | None = None
            after: Folio | Compound | None = None
            for event in self.said:
                if event.folio is not before:
                    before = after = event.folio
                    if type(before) is not Compound:
                        after = nth(before, by)
                    elif effect is not None:
                        after = effect(before, by)
                yield replace(
                    event,
                    vpn=event.vpn + by if event.vpn >= 0 else -1,
                    pfn=event.pfn + by if event.pfn >= 0 and event.pfn in frames else event.pfn,
                    folio=after,
                    to=event.to + by if event.to >= 0 and event.to in frames else event.to,
                    slot=event.slot + by if event.slot >= 0 else -1,
                )


def spelled_out(told: Iterable[Event | Again]) -> tuple[Event, ...]:
    """Every decision by itself."""
    out: list[Event] = []
    for one in told:
        if isinstance(one, Again):
            out.extend(one)
        else:
            out.append(one)
    return tuple(out)
