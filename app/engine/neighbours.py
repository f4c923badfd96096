"""Which pages may be treated together: neighbours that nothing but their number tells apart.

What the pages of a large folio have in common is not theirs, and what they do not is mostly equal:
a step that treats 512 of them alike makes one new value for each value that it meets, not 512.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from immutables import Map

from .blocks import nth
from .entries import HugeZero, Pmd, Present, Pte, Swapped
from .folios import Folio, Slot
from .pages import Pages
from .stretches import Stretch, extent, put_all, stretches
from .tables import PageTable, walk

if TYPE_CHECKING:
    from .state import Config


class Mapped(Protocol):
    """A machine, or one that an operation is working on."""

    @property
    def config(self) -> Config: ...
    @property
    def tables(self) -> Map[int, PageTable]: ...
    @property
    def folios(self) -> Pages[Folio]: ...
    @property
    def slots(self) -> Pages[Slot]: ...


def change_pages(
    folios: Pages[Folio], pfns: range, change: Callable[[Folio], Folio]
) -> Pages[Folio]:
    """`folios` with what `change` makes of the page in every frame of `pfns`.

    Pages that are one value stay one value: `change` is asked once for each.
    """
    before = list(stretches(folios, pfns.start, len(pfns)))
    answers: dict[int, Folio] = {}
    for _, _, page in before:
        if id(page) not in answers:
            answers[id(page)] = change(page)
    return put_all(folios, [(at, count, answers[id(page)]) for at, count, page in before])


def mapped_alike(m: Mapped, first: int, count: int) -> Iterator[Stretch[Folio]]:
    """Frames in order from `first` whose folios are equal, and so is all that maps them."""
    for pfn, left, page in stretches(m.folios, first, count):
        while left:
            same = left
            for mm, by in page.maps:
                same = min(same, extent(m.tables[mm], range(pfn + by, pfn + by + same)))
            yield pfn, same, page
            pfn, left, page = pfn + same, left - same, nth(page, same)


def neighbours(m: Mapped, mm: int, pages: range) -> Iterator[tuple[range, Pte | None]]:
    """`pages` in order, in ranges that are mapped alike, each with the first of its entries.

    What one huge PMD maps is one range; else entries are alike, and the folios or the swap slots
    that they name. Each range is looked up when its turn comes.
    """
    huge, vpn = m.config.huge, pages.start
    if len(pages) == 1:
        yield pages, walk(m.tables[mm], huge, vpn)
        return
    while vpn < pages.stop:
        table, first = m.tables[mm], vpn - vpn % huge
        after = min(pages.stop, first + huge)
        pte = walk(table, huge, vpn)
        if type(table.get(~first)) not in (Pmd, HugeZero):
            count = extent(table, range(vpn, after))
            if type(pte) is Present:
                count = extent(m.folios, range(pte.pfn, pte.pfn + count))
            elif type(pte) is Swapped:
                count = extent(m.slots, range(pte.slot, pte.slot + count))
            after = vpn + count
        yield range(vpn, after), pte
        vpn = after
