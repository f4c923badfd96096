"""What flights share: locks that they wait for, TLBs that others flush, single references."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from app.engine import large
from app.engine.draft import Draft
from app.engine.flight import Flight, Translation
from app.engine.operations import Exit, Migrate
from app.engine.reasons.racing import MICRO
from app.engine.state import Migrating, Present, Swapped, folio_of

Program = Callable[[Draft, Flight], Flight]


class Waits(Exception):
    """The micro-step cannot be made now; nothing was changed."""


def say(m: Draft, name: str, mm: int = -1, vpn: int = -1, pfn: int = -1, *numbers: object,
        to: int = -1) -> None:  # fmt: skip
    m.say(MICRO[name], mm, vpn, pfn, *numbers, to=to)


def others(m: Draft, f: Flight) -> list[Flight]:
    """The other lines that are on their way."""
    return [other for other in m.flights if other.line != f.line and other.at]


def lock_mm(m: Draft, f: Flight, mode: str) -> Flight:
    """mmap_read_lock() or mmap_write_lock(). Raises Waits."""
    for other in others(m, f):
        if other.mm == f.mm and other.mmap and "write" in (mode, other.mmap):
            raise Waits(f"line {other.line} holds the mmap lock for {other.mmap}")
    return replace(f, mmap=mode)


def await_process(m: Draft, f: Flight) -> None:
    """A process runs from the return of its fork to the begin of its exit. Raises Waits."""
    for other in others(m, f):
        if type(other.op) is Exit and other.mm == f.mm and other.at != "start":
            raise Waits(f"line {other.line} ends this process")
        if other.child >= 0 and other.child == f.mm:
            raise Waits(f"line {other.line} is still making this process")


def await_threads(m: Draft, f: Flight) -> None:
    """The last thread of a process takes its mm apart. Raises Waits."""
    for other in others(m, f):
        if other.mm == f.mm and other.at != "start":
            raise Waits(f"line {other.line} still runs in this process")


def check_pte(m: Draft, f: Flight, mm: int, vpn: int) -> None:
    """Raises Waits while another line holds the lock of this PTE, has its PMD detached, or has its
    page on the way."""
    check_lock(m, f, mm, vpn)
    entry = m.pte(mm, vpn) if mm in m.tables else None
    if type(entry) is Migrating and f.pfn != entry.pfn:
        raise Waits("the page migrates: migration_entry_wait()")
    if type(entry) is Swapped:
        check_cache(m, f, m.slots[entry.slot].cache)


def check_cache(m: Draft, f: Flight, cache: int) -> None:
    """do_swap_page() takes the folio lock, which migration holds from its begin to its end."""
    for other in others(m, f) if cache >= 0 else ():
        if other.frozen == cache:
            raise Waits("the page in the swap cache is about to be freed")
        if type(other.op) is Migrate and cache in (other.pfn, other.fresh):
            raise Waits(f"line {other.line} holds the lock of the page in the swap cache")


def check_lock(m: Draft, f: Flight, mm: int, vpn: int) -> None:
    for other in others(m, f):
        if (mm, vpn) in other.locks:
            raise Waits(f"line {other.line} holds the PTE lock")
        if detached_by(m, other, mm, vpn):
            raise Waits(f"line {other.line} holds the PMD lock")


def lock_pte(m: Draft, f: Flight, mm: int, vpn: int) -> Flight:
    check_pte(m, f, mm, vpn)
    return replace(f, locks=(*f.locks, (mm, vpn)))


def detached_by(m: Draft, f: Flight, mm: int, vpn: int) -> bool:
    return f.detached >= 0 and f.mm == mm and f.detached <= vpn < f.detached + m.config.huge


def detached(m: Draft, mm: int, vpn: int) -> bool:
    """Is the PMD above this page out of the page table just now?"""
    return any(f.at and detached_by(m, f, mm, vpn) for f in m.flights)


def flush(m: Draft, mm: int, vpns: Iterable[int]) -> None:
    """flush_tlb_range(): no CPU that runs this mm keeps these translations."""
    gone = set(vpns)
    m.flights = tuple(
        replace(f, tlb=tuple(t for t in f.tlb if t.vpn not in gone)) if f.mm == mm else f
        for f in m.flights
    )


def settle(m: Draft) -> None:
    """What ran as a whole has flushed what it changed: no TLB contradicts a page table."""
    m.flights = tuple(
        replace(f, tlb=tuple(t for t in f.tlb if current(m, f.mm, t))) if f.tlb else f
        for f in m.flights
    )


def current(m: Draft, mm: int, cached: Translation) -> bool:
    pte = m.pte(mm, cached.vpn) if mm in m.tables else None
    return type(pte) is Present and pte.pfn == cached.pfn and (pte.write or not cached.write)


def refreshed(m: Draft, f: Flight) -> Flight:
    """`f` with the TLB that the last flush left it."""
    return replace(f, tlb=m.flights[f.line - 1].tlb)


def translation(f: Flight, vpn: int) -> Translation | None:
    return next((t for t in f.tlb if t.vpn == vpn), None)


def filled(f: Flight, vpn: int, pte: Present) -> Flight:
    kept = tuple(t for t in f.tlb if t.vpn != vpn)
    return replace(f, tlb=(*kept, Translation(vpn, pte.pfn, pte.write)))


def add_hold(m: Draft, pfn: int, count: int) -> None:
    """`count` references more (or less) that stand on somebody's stack."""
    page = m.folios[pfn]
    if page.head < 0:
        m.put(pfn, replace(page, holds=page.holds + count))
        return
    value = m.compounds[page.head]
    large.set_compound(m, page.head, replace(value, holds=value.holds + count))
    m.touched.add(pfn)


def pinned(m: Draft, pfn: int) -> bool:
    return folio_of(m, pfn).maybe_pinned


def next_page(m: Draft, f: Flight, again: str, end: str) -> Flight:
    """The present page is done: the next one, or the end."""
    if f.pfn >= 0:
        m.touched.add(f.pfn)
    left = f.pages[1:]
    return replace(
        f, at=again if left else end, pages=left, pte=None, pfn=-1, fresh=-1, maps=(), locks=(),
        answer=None, frozen=-1, why="",
    )  # fmt: skip
