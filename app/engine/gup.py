"""get_user_pages() and pin_user_pages(): mm/gup.c."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from . import large, reasons
from .alike import together
from .draft import Draft, vma_of
from .faults import do_wp_page, make_writable, read_fault
from .outcome import Failed
from .reuse import is_exclusive
from .state import ZERO_PFN, Area, Compound, Folio, Handle, Present, Pte, Vma, Zero, mapcount
from .stretches import extent
from .touched import touch

Shares = TypeVar("Shares", Folio, Compound)


def get_user_page(
    m: Draft,
    mm: int,
    area: Area | None,
    vpn: int,
    *,
    pin: bool,
    write: bool,
    longterm: bool = False,
    force: bool = False,
) -> Present | Zero:
    """Linux __get_user_pages() of one page: fault until it may be taken, and answer its PTE.

    Takes no reference. Raises Failed("EFAULT") where the VMA forbids the access.
    """
    vma = check_vma(m, mm, area, vpn, write=write, force=force)
    try:
        return faultin(m, mm, vpn, vma, pin=pin, write=write, longterm=longterm, retry=not force)
    except Failed as failed:
        raise Failed("EFAULT", failed.reason) if failed.error == "SIGBUS" else failed from failed


def faultin(
    m: Draft, mm: int, vpn: int, vma: Vma, *, pin: bool, write: bool, longterm: bool, retry: bool
) -> Present | Zero:
    """Linux faultin_page() and follow_page_mask(): what the access needs of the page table.

    access_remote_vm() keeps the mmap lock: its faults may not be retried (no FOLL_UNLOCKABLE).
    """
    if write or (m.policy.gup_breaks_cow and vma.cow):
        if not write:
            m.say(reasons.GUP_BREAKS, mm, vpn)
        return follow_write(m, mm, vpn, vma)
    pte = m.pte(mm, vpn)
    if type(pte) is not Present and type(pte) is not Zero:
        pte = read_fault(m, mm, vpn, vma, pte, retry=retry)
    if must_unshare(m, mm, vpn, vma, pte, pin=pin, longterm=longterm):
        return do_wp_page(m, mm, vpn, vma, pte, unshare=True)
    assert type(pte) is Present or type(pte) is Zero
    if type(pte) is Present:
        m.say(reasons.GUP_AS_IS, mm, vpn, pte.pfn, "read access")
    return pte


def check_vma(m: Draft, mm: int, area: Area | None, vpn: int, *, write: bool, force: bool) -> Vma:
    """Linux check_vma_flags(). FOLL_FORCE may write to a private mapping that is not writable."""
    vma = vma_of(area, vpn) if area is not None else None
    if vma is None:
        m.say(reasons.GUP_FAULT, mm, vpn, -1, "no VMA")
        raise Failed("EFAULT", "no VMA")
    allowed = vma.writable if write else vma.readable
    if not allowed and not (force and (not write or vma.cow)):
        m.say(reasons.GUP_FAULT, mm, vpn, -1, f"protection {vma.prot}")
        raise Failed("EFAULT", f"protection {vma.prot}")
    return vma


def follow_write(m: Draft, mm: int, vpn: int, vma: Vma) -> Present:
    """FOLL_WRITE: a writable PTE, or an exclusive page under FOLL_FORCE, or a write fault."""
    pte = m.pte(mm, vpn)
    if type(pte) is Present:
        if pte.write:
            m.say(reasons.GUP_AS_IS, mm, vpn, pte.pfn, "write access, PTE writable")
            return pte
        forced = not vma.writable and not pte.uffd_wp and m.policy.force_exclusive
        if forced and m.folios[pte.pfn].anon and is_exclusive(m, pte):
            m.say(reasons.GUP_FORCES, mm, vpn, pte.pfn)
            return pte
    return make_writable(m, mm, vpn, vma, pte)


def must_unshare(
    m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte | None, *, pin: bool, longterm: bool
) -> bool:
    """Linux gup_must_unshare(): would this read-only reference go stale?"""
    rule = m.policy.unshare
    if rule == "none" or not vma.cow or (type(pte) is Present and pte.write):
        return False
    if type(pte) is Zero or (type(pte) is Present and not m.folios[pte.pfn].anon):
        if pin and longterm and m.policy.unshare_zero:
            m.say(reasons.GUP_UNSHARES_ZERO, mm, vpn)
            return True
        return False
    assert type(pte) is Present
    folio = m.folios[pte.pfn]
    if rule == "mapcount":
        if folio.ksm or mapcount(m, pte.pfn) <= 1:
            return False
        m.say(reasons.GUP_UNSHARES_MAPPED, mm, vpn, pte.pfn)
        return True
    if pin and not is_exclusive(m, pte):
        m.say(reasons.GUP_UNSHARES, mm, vpn, pte.pfn)
        return True
    return False


# -- references that last -----------------------------------------------------------------------


def hold_pages(
    m: Draft,
    mm: int,
    process: str,
    area: Area | None,
    pages: range,
    name: str,
    kind: str,
    *,
    write: bool,
    longterm: bool,
    fast: bool,
) -> None:
    """Take a reference on each page and keep it in handle `name`.

    A pipe keeps what could be taken before a page that could not; all others drop it again. Raises
    Failed("EFAULT"), for a pipe only at the first page.
    """
    pin = kind == "pin"
    taken: list[tuple[int, int]] = []

    def again(value: Compound, count: int) -> Compound:
        return taken_by(value, name, pin=pin, count=count)

    def take(vpn: int) -> int:
        pte = get_user_page(m, mm, area, vpn, pin=pin, write=write, longterm=longterm)
        return grab(m, mm, vpn, pte, name, pin=pin)

    try:
        while pages:
            vpn, done = pages.start, 1
            vma = vma_of(area, vpn) if len(pages) > 1 and area is not None else None
            if vma is None:
                pfn = take(vpn)
            else:
                here = range(vpn, min(pages.stop, vma.hi))
                pfn, done = together(m, mm, vma, here, take, again)
            step = 0 if pfn == ZERO_PFN else 1
            taken += [(vpn + i, pfn + i * step) for i in range(done)]
            pages = pages[done:]
    except Failed:
        if kind != "splice" or not taken:
            drop(m, name, [pfn for _, pfn in taken], pin=pin)
            raise
    finally:
        if pin and not m.mms[mm].has_pinned:
            m.mms = m.mms.set(mm, replace(m.mms[mm], has_pinned=True))
    handle = Handle(mm, process, kind, write, longterm, fast, tuple(taken), m.clock)
    m.handles = m.handles.set(name, handle)


def grab(m: Draft, mm: int, vpn: int, pte: Present | Zero, name: str, *, pin: bool) -> int:
    """Linux try_grab_folio(): itemise one reference for handle `name`; returns the pfn."""
    if not isinstance(pte, Present):
        m.say(reasons.PINNED_ZERO, mm, vpn, -1, name)
        return ZERO_PFN
    page = m.folios[pte.pfn]
    if page.head < 0:
        m.set_folio(pte.pfn, taken_by(page, name, pin=pin))
    else:
        value = taken_by(m.compounds[page.head], name, pin=pin)
        m.compounds = m.compounds.set(page.head, value)
        m.touched.add(pte.pfn)
    m.say(reasons.PINNED if pin else reasons.GOT, mm, vpn, pte.pfn, name)
    return pte.pfn


def taken_by(folio: Shares, name: str, *, pin: bool, count: int = 1) -> Shares:
    names: tuple[str, ...] = (name,) * count
    if pin:
        return replace(folio, pins=(*folio.pins, *names), referenced=True)
    return replace(folio, gets=(*folio.gets, *names), referenced=True)


def given_back(folio: Shares, count: int, name: str, *, pin: bool) -> Shares:
    left = list(folio.pins if pin else folio.gets)
    for _ in range(count):
        left.remove(name)
    return replace(folio, pins=tuple(left)) if pin else replace(folio, gets=tuple(left))


def drop(m: Draft, name: str, pfns: list[int], *, pin: bool) -> None:
    """Linux unpin_user_pages(), or put_page() of each."""
    at = 0
    while at < len(pfns):
        pfn, count = pfns[at], 1
        while pfn != ZERO_PFN and at + count < len(pfns) and pfns[at + count] == pfn + count:
            count += 1
        at += count
        while count and pfn != ZERO_PFN:
            done = drop_alike(m, name, pfn, count, pin=pin)
            pfn, count = pfn + done, count - done


def drop_alike(m: Draft, name: str, pfn: int, count: int, *, pin: bool) -> int:
    """Give back the first of `count` frames in order, and those that go with it; how many."""
    page = m.folios[pfn]
    said = m.said()
    if page.head >= 0:
        head = page.head
        give_back = partial(given_back, name=name, pin=pin)
        before = m.compounds[head]
        count = min(count, head + before.pages - pfn)
        if m.events is not None:
            m.say(reasons.PUT, -1, -1, pfn, name, folio=give_back(before, 1))
            m.say_again(m.told_since(said), count - 1, (pfn,), give_back)
        large.leave(m, head, give_back(before, count))
        touch(m.touched, range(pfn, pfn + count))
        return count
    if count > 1:
        count = extent(m.folios, range(pfn, pfn + count))
    folio = given_back(page, 1, name, pin=pin)
    m.say(reasons.PUT, -1, -1, pfn, name, folio=folio)
    if count == 1:
        m.put(pfn, folio)
        return 1
    if folio.maps or folio.held:
        m.set_folios([(pfn, count, folio)])
    else:
        m.say(reasons.FREED, -1, -1, pfn)
        m.drop_folios([(pfn, count)])
    m.say_again(m.told_since(said), count - 1, (pfn,))
    return count
