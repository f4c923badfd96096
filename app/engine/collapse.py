"""Base pages into one huge page: MADV_COLLAPSE and khugepaged (mm/khugepaged.c)."""

from __future__ import annotations

from . import huge, large, reasons
from .blocks import nth
from .draft import Draft
from .faults import read_fault
from .outcome import Failed
from .state import (
    ZEROES,
    Area,
    Marker,
    Present,
    PteTable,
    Swapped,
    Version,
    Vma,
    folio_of,
)
from .stretches import drop, stretches
from .zap import unmap_pages, zap_large

NO_TABLE = "no page table is there"
PROTECTED = "write-protected by userfaultfd"


def madvise_collapse(m: Draft, mm: int, area: Area, vma: Vma, pages: range) -> None:
    """Collapse every whole PMD-sized range in `pages`, which are of one VMA.

    Raises Failed("EINVAL") where huge pages are not allowed or no page table is, EAGAIN for a page
    with references beyond its mappings, each when all other ranges were tried; ENOMEM without
    memory for the copy.
    """
    size = m.config.huge
    if not allowed(vma, size):
        raise Failed("EINVAL", "huge pages are not allowed there")
    if not vma.anon_vma:
        raise Failed("EINVAL", "no anonymous page was ever there")
    start, stop = -(-pages.start // size) * size, pages.stop // size * size
    if stop < start:
        raise Failed("EINVAL", f"no aligned range of {size} pages lies in it")
    failed: Failed | None = None
    for first in range(start, stop, size):
        if m.pmds(mm, range(first, first + 1)):
            continue
        try:
            collapse(m, mm, area, vma, first)
        except Failed as why:
            if why.error == "ENOMEM":
                raise
            failed = why
    if failed is not None:
        raise failed


def allowed(vma: Vma, size: int) -> bool:
    """Linux thp_vma_allowable_order(), asked by MADV_COLLAPSE."""
    last = (vma.hi - size) // size * size
    return last >= vma.lo and not (vma.nohugepage or vma.shared or vma.file or vma.hugetlb)


def collapse(m: Draft, mm: int, area: Area, vma: Vma, first: int) -> None:
    """Linux collapse_huge_page(): copy all pages into a fresh huge one, exclusive to this mm."""
    pages = range(first, first + m.config.huge)
    table = m.tables[mm]
    entries = list(stretches(table, first, len(pages)))
    if ~first not in table and not entries:
        m.say(reasons.COLLAPSE_REFUSED, mm, first, -1, NO_TABLE)
        raise Failed("EINVAL", NO_TABLE)
    for at, count, pte in entries:
        if type(pte) is Swapped:
            for by in range(count):
                read_fault(m, mm, at + by, vma, nth(pte, by))
    m.lru_add_drain(m.cpu)
    why = isolate(m, mm, first)
    if why:
        m.say(reasons.COLLAPSE_REFUSED, mm, first, -1, why)
        raise Failed("EINVAL" if why == PROTECTED else "EAGAIN", why)
    replace_pages(m, mm, vma, first)


def replace_pages(m: Draft, mm: int, vma: Vma, first: int) -> None:
    """Copy the pages into a huge one, map it, and give them back. Raises Failed("ENOMEM")."""
    pages = range(first, first + m.config.huge)
    taken = list(stretches(m.tables[mm], first, len(pages)))
    data: list[tuple[int, Version]] = []
    at = first
    for vpn, count, pte in taken:
        if type(pte) is not Present:
            continue
        data.append((vpn - at, ZEROES))
        for _, same, folio in stretches(m.folios, pte.pfn, count):
            data.append((same, folio.data))
        at = vpn + count
    data.append((pages.stop - at, ZEROES))
    m.give_anon_vma(mm, first, vma)
    head = large.alloc(m, mm, first, data, mlocked=vma.locked)
    if head < 0:
        raise Failed("ENOMEM", "no free memory for a huge page")
    m.tables = m.tables.set(mm, drop(m.tables[mm], pages))
    for vpn, count, pte in unmap_pages(m, mm, zap_large(m, mm, taken), None):
        if type(pte) is Present:
            for by in range(count):
                m.unmap_page(pte.pfn + by, mm, vpn + by, vma)
    m.set_entry(mm, ~first, huge.fresh_pmd(m, head, vma))
    m.say(reasons.COLLAPSED, mm, first, head, m.config.huge, to=head)


def isolate(m: Draft, mm: int, first: int) -> str:
    """Linux __collapse_huge_page_isolate(): why these pages cannot be taken, or ""."""
    table = m.tables[mm]
    at, stop = first, first + m.config.huge
    # A uffd-wp marker may stand for all that has no entry of its own.
    protected = type(table.get(~first)) is Marker
    for vpn, count, pte in stretches(table, first, stop - first):
        assert not isinstance(pte, PteTable)
        if type(pte) is Marker or pte.uffd_wp or (protected and vpn > at):
            return PROTECTED
        at = vpn + count
        if type(pte) is not Present:
            continue
        for pfn, _, page in stretches(m.folios, pte.pfn, count):
            folio = folio_of(m, pfn)
            cached = folio.slot >= 0
            nr = m.config.huge if page.head >= 0 else 1
            expected = folio.mapcount + (nr if cached else 0)
            if folio.refcount != expected:
                return f"refcount {folio.refcount} != {expected}: somebody else holds a page"
    return PROTECTED if protected and at < stop else ""
