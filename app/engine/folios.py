"""Physical memory: frozen folios with every reference itemised, and the questions about them."""

from __future__ import annotations

from typing import Protocol

from immutables import Map
from msgspec import Struct

from .entries import Present
from .pages import Pages

GUP_PIN_COUNTING_BIAS = 1024
"""References that one FOLL_PIN takes on a small folio (include/linux/mm.h)."""


class Version(Struct, frozen=True, gc=False):
    """What a page holds: a value, who stored it and when (`semantics.md` section 4).

    `author` is the mm that stored it, through a mapping or through a handle of its own; -1 is
    nobody (zeroes). `seq` is the machine's clock at the store.
    """

    value: int
    author: int
    seq: int


ZEROES = Version(0, -1, 0)


class Folio(Struct, frozen=True, gc=False):
    """A small folio: one page frame, and every reference to it *itemised*.

    refcount is never stored: it is the sum of who holds the folio (`semantics.md` 1.2).

    maps    (mm, vpn - pfn) of every PTE that maps it: one reference and one mapcount each. What is
            named is where frame 0 would be mapped, so that all pages that one process maps in
            order are equal values (`ptes_of` gives their places)
    gets    handle names, one entry for each FOLL_GET reference
    pins    handle names, one entry for each FOLL_PIN; each weighs GUP_PIN_COUNTING_BIAS
    holds   speculative references by nobody in particular
    batch   CPU whose lru_add batch holds it, or -1
    batches other per-CPU batches that hold it: (cpu, name) with one reference each
    slot    the swap slot whose cache it is (PG_swapcache), or -1
    inode   (inode, page) when it is page cache or shared memory, else None
    head    head frame of the large folio that it is a page of, or -1. A page of a large folio
            has `data`, `maps` and `exclusive` of its own; the rest is in the `Compound`
    """

    data: Version
    maps: tuple[tuple[int, int], ...] = ()
    exclusive: bool = False
    batch: int = -1
    gets: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    holds: int = 0
    slot: int = -1
    batches: tuple[tuple[int, str], ...] = ()
    anon: bool = True
    swapbacked: bool = True
    dirty: bool = False
    referenced: bool = False
    active: bool = False
    mlocked: bool = False
    writeback: bool = False
    ksm: bool = False
    inode: tuple[int, int] | None = None
    head: int = -1

    @property
    def mapcount(self) -> int:
        return len(self.maps)

    @property
    def held(self) -> bool:
        """Does anything but a mapping hold a reference?"""
        return (
            self.batch >= 0
            or bool(self.gets)
            or bool(self.pins)
            or self.slot >= 0
            or self.holds > 0
            or bool(self.batches)
            or self.inode is not None
        )

    @property
    def maybe_pinned(self) -> bool:
        """Linux folio_maybe_dma_pinned(): never a false no, sometimes a false yes."""
        return self.refcount >= GUP_PIN_COUNTING_BIAS

    @property
    def pincount(self) -> int:
        """Pins on the folio. Linux cannot tell on a small one; it sees refcount >= 1024."""
        return len(self.pins)

    @property
    def lru(self) -> bool:
        """PG_lru: not in an lru_add batch (a fresh folio is there first)."""
        return self.batch < 0

    @property
    def swapcache(self) -> bool:
        return self.slot >= 0

    @property
    def refcount(self) -> int:
        count = len(self.maps) + self.holds + (self.batch >= 0) + (self.slot >= 0)
        # Most folios have none of these, and asking is cheaper than counting.
        if self.gets:
            count += len(self.gets)
        if self.pins:
            count += len(self.pins) * GUP_PIN_COUNTING_BIAS
        if self.batches:
            count += len(self.batches)
        return count if self.inode is None else count + 1


class Compound(Struct, frozen=True, gc=False):
    """What the pages of one large folio have in common (THP and hugetlb), by its head frame.

    pages   base pages, a power of two
    maps    (mm, first vpn) of every PMD that maps it
    ptes    PTEs that map one of its pages
    owners  up to two (mm, mappings): the owner slots of CONFIG_MM_ID (6.15); `shared` is the bit
            that says somebody else may map it, too
    gets, pins, holds, batches, slot: as of a small folio; a pin is one reference and one pincount
    slot    the first of `pages` consecutive swap slots, or -1
    partly  some page was unmapped: queued for a deferred split
    inode   (inode, page) when it is shared hugetlb memory, whose file holds a reference
    """

    pages: int
    maps: tuple[tuple[int, int], ...] = ()
    ptes: int = 0
    owners: tuple[tuple[int, int], ...] = ()
    shared: bool = False
    gets: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    holds: int = 0
    slot: int = -1
    hugetlb: bool = False
    swapbacked: bool = True
    dirty: bool = False
    referenced: bool = False
    active: bool = False
    mlocked: bool = False
    partly: bool = False
    inode: tuple[int, int] | None = None

    @property
    def mapcount(self) -> int:
        """Linux folio_mapcount(): large_mapcount."""
        return len(self.maps) + self.ptes

    @property
    def pincount(self) -> int:
        return len(self.pins)

    @property
    def maybe_pinned(self) -> bool:
        return bool(self.pins)

    @property
    def swapcache(self) -> bool:
        return self.slot >= 0

    @property
    def refcount(self) -> int:
        return (
            len(self.maps)
            + self.ptes
            + len(self.gets)
            + len(self.pins)
            + self.holds
            + (self.pages if self.slot >= 0 else 0)
            + (self.inode is not None)
        )


class Slot(Struct, frozen=True, gc=False):
    """One page of the swap device: how many entries name it, its cache frame (or -1), its bytes.

    `ksm`: a KSM page was swapped out to it, so entries of different pages may name it.
    """

    count: int
    data: Version
    cache: int = -1
    ksm: bool = False


class Memory(Protocol):
    """A machine, or one that an operation is working on."""

    @property
    def folios(self) -> Pages[Folio]: ...

    @property
    def compounds(self) -> Map[int, Compound]: ...


def mapcount(m: Memory, pfn: int) -> int:
    """Mappings of one page, PMDs included (what /proc/kpagecount prints)."""
    page = m.folios[pfn]
    return len(page.maps) + (len(m.compounds[page.head].maps) if page.head >= 0 else 0)


def folio_of(m: Memory, pfn: int) -> Folio | Compound:
    """The folio that a frame belongs to: where the references are counted."""
    page = m.folios[pfn]
    return page if page.head < 0 else m.compounds[page.head]


def mappings(m: Memory, pfn: int) -> tuple[tuple[int, int], ...]:
    """(mm, vpn) of every PTE, and of this page's part of every PMD, that maps the page."""
    page = m.folios[pfn]
    if page.head < 0:
        return ptes_of(page, pfn)
    return ptes_of(page, pfn) + tuple(
        (mm, vpn + pfn - page.head) for mm, vpn in m.compounds[page.head].maps
    )


def ptes_of(page: Folio, pfn: int) -> tuple[tuple[int, int], ...]:
    """(mm, vpn) of every PTE that maps the page in frame `pfn`."""
    return tuple([(mm, by + pfn) for mm, by in page.maps])


def exclusive_bit(m: Memory, pte: Present) -> bool:
    """PageAnonExclusive(): the head's for what a PMD maps, else the page's own."""
    page = m.folios[pte.pfn]
    if pte.huge:
        page = m.folios[page.head]
    return page.exclusive
