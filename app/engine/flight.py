"""A line of a `par` block on its way: what an actor remembers between two micro-steps."""

from __future__ import annotations

from msgspec import Struct

from .entries import Pte
from .operations import Operation
from .outcome import Outcome


class Translation(Struct, frozen=True, gc=False):
    """What a TLB has cached of one page: a store through it asks no page table."""

    vpn: int
    pfn: int
    write: bool


class Flight(Struct, frozen=True, gc=False):
    """One line of the block. It runs on a CPU of its own, whose TLB is `tlb`.

    line    number in the block, from 1
    at      the micro-step that comes next ("start" before the first, "" when it has finished)
    locks   (mm, vpn) of the PTEs whose lock it holds
    mmap    how it holds its mm's mmap lock: "", "read" or "write"
    detached  first vpn of the PMD that it has taken out of the page table, or -1
    unflushed (vpns) write-protected, and not flushed from the TLBs yet
    frozen  frame whose refcount it has set to zero, or -1
    pages   pages that are still to do, the present one first
    maps    mappings of the present page that are still to do
    pte, pfn  the entry that it read, and the frame that it is about
    fresh   the frame that it allocated, or -1
    child   the mm that fork is making, or -1
    """

    line: int
    op: Operation
    at: str = "start"
    mm: int = -1
    tlb: tuple[Translation, ...] = ()
    locks: tuple[tuple[int, int], ...] = ()
    mmap: str = ""
    detached: int = -1
    unflushed: tuple[int, ...] = ()
    frozen: int = -1
    pages: tuple[int, ...] = ()
    maps: tuple[tuple[int, int], ...] = ()
    pte: Pte | None = None
    pfn: int = -1
    fresh: int = -1
    child: int = -1
    seq: int = 0
    answer: bool | None = None
    taken: tuple[tuple[int, int], ...] = ()
    values: tuple[int, ...] = ()
    faults: int = 0
    why: str = ""
    outcome: Outcome = Outcome()
