"""Base pages into one huge page: MADV_COLLAPSE and khugepaged (mm/khugepaged.c)."""

from __future__ import annotations

from . import huge, large, reasons
from .draft import Draft
from .faults import read_fault
from .outcome import Failed
from .state import (
    ZEROES,
    Area,
    Marker,
    Present,
    Pte,
    Swapped,
    Vma,
    folio_of,
)
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
    ptes = ptes_in(m, mm, first)
    if ~first not in m.tables[mm] and not any(ptes):
        m.say(reasons.COLLAPSE_REFUSED, mm, first, -1, NO_TABLE)
        raise Failed("EINVAL", NO_TABLE)
    for vpn, pte in zip(pages, ptes, strict=True):
        if type(pte) is Swapped:
            read_fault(m, mm, vpn, vma, pte)
    m.lru_add_drain(m.cpu)
    why = isolate(m, mm, first)
    if why:
        m.say(reasons.COLLAPSE_REFUSED, mm, first, -1, why)
        raise Failed("EINVAL" if why == PROTECTED else "EAGAIN", why)
    replace_pages(m, mm, vma, first)


def ptes_in(m: Draft, mm: int, first: int) -> list[Pte | None]:
    """What maps each page of a PMD-sized range that no huge PMD maps."""
    table = m.tables[mm]
    whole = table.get(~first)
    # A uffd-wp marker may stand for all of the range.
    none = whole if type(whole) is Marker else None
    return [table.get(vpn, none) for vpn in range(first, first + m.config.huge)]  # type: ignore[misc]


def replace_pages(m: Draft, mm: int, vma: Vma, first: int) -> None:
    """Copy the pages into a huge one, map it, and give them back. Raises Failed("ENOMEM")."""
    pages = range(first, first + m.config.huge)
    folios = m.folios
    data = [
        folios[pte.pfn].data if type(pte) is Present else ZEROES for pte in ptes_in(m, mm, first)
    ]
    m.give_anon_vma(mm, first, vma)
    head = large.alloc(m, mm, first, data, mlocked=vma.locked)
    if head < 0:
        raise Failed("ENOMEM", "no free memory for a huge page")
    table = m.tables[mm].mutate()
    taken = [(vpn, pte) for vpn in pages if (pte := table.pop(vpn, None)) is not None]
    m.tables = m.tables.set(mm, table.finish())
    for vpn, pte in unmap_pages(m, mm, zap_large(m, mm, taken), None):
        if type(pte) is Present:
            m.unmap_page(pte.pfn, mm, vpn, vma)
    m.set_entry(mm, ~first, huge.fresh_pmd(m, head, vma))
    m.say(reasons.COLLAPSED, mm, first, head, m.config.huge, to=head)


def isolate(m: Draft, mm: int, first: int) -> str:
    """Linux __collapse_huge_page_isolate(): why these pages cannot be taken, or ""."""
    looked_at = None
    for pte in ptes_in(m, mm, first):
        if type(pte) is Marker or (pte is not None and pte.uffd_wp):
            return PROTECTED
        if type(pte) is not Present:
            continue
        page = m.folios[pte.pfn]
        if page is looked_at:
            continue
        looked_at = page
        folio = folio_of(m, pte.pfn)
        cached = folio.slot >= 0
        nr = m.config.huge if page.head >= 0 else 1
        expected = folio.mapcount + (nr if cached else 0)
        if folio.refcount != expected:
            return f"refcount {folio.refcount} != {expected}: somebody else holds a page"
    return ""
