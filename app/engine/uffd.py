"""Write protection that somebody asked for: userfaultfd-wp and soft-dirty."""

from __future__ import annotations

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft, vma_of
from .mapping import change_vmas, refuse_part_of_hugetlb, upgrade_pte
from .outcome import Failed
from .state import Marker, Present, Swapped, Vma, folio_of


def protect(m: Draft, mm: int, name: str, pages: range, *, on: bool, sigbus: bool) -> None:
    """UFFDIO_WRITEPROTECT in asynchronous mode, or (`sigbus`) with UFFD_FEATURE_SIGBUS.

    Linux change_pte_range() with MM_CP_UFFD_WP or MM_CP_UFFD_WP_RESOLVE; holes are passed over.
    Where nothing at all is mapped raises Failed("EINVAL"), as UFFDIO_REGISTER does, or "ENOENT" to
    end a protection that cannot be there.
    """
    area = m.mms[mm].areas[name]
    if not any(v.lo < pages.stop and pages.start < v.hi for v in area.vmas):
        raise Failed("EINVAL" if on else "ENOENT", "nothing of the range is mapped")
    refuse_part_of_hugetlb(m, area, pages)
    if on:
        register(m, mm, name, pages, sigbus=sigbus)
    large.split_partial(m, mm, pages)
    for first in m.pmds(mm, pages):
        vma = vma_of(m.mms[mm].areas[name], first)
        assert vma is not None
        change(m, mm, first, vma, on=on)
    table = m.tables[mm]
    huge = m.pmds(mm, pages)
    for vpn in pages:
        if vpn not in table and vpn - vpn % m.config.huge in huge:
            continue
        vma = vma_of(m.mms[mm].areas[name], vpn)
        if vma is not None:
            change(m, mm, vpn, vma, on=on)


def register(m: Draft, mm: int, name: str, pages: range, *, sigbus: bool) -> None:
    """UFFDIO_REGISTER of the whole range that the pages are in, as its first user does it."""
    area = m.mms[mm].areas[name]
    for vma in area.vmas:
        if vma.lo < pages.stop and pages.start < vma.hi:
            change_vmas(
                m, mm, name, range(vma.lo, vma.hi), uffd_wp=True,
                uffd_sigbus=vma.uffd_sigbus or sigbus,
            )  # fmt: skip


def change(m: Draft, mm: int, vpn: int, vma: Vma, *, on: bool) -> None:
    """One entry; a huge PMD is changed through its first page."""
    pte = m.pte(mm, vpn)
    if pte is None:
        if on:
            m.set_entry(mm, ~(vpn - vpn % m.config.huge) if vma.hugetlb else vpn, Marker())
            m.say(reasons.UFFD_MARKED, mm, vpn)
    elif type(pte) is Marker:
        if not on:
            m.clear_pte(mm, ~(vpn - vpn % m.config.huge) if vma.hugetlb else vpn)
            m.say(reasons.UFFD_RESOLVED, mm, vpn)
    elif type(pte) is Present:
        pfn = pte.pfn
        if on:
            m.set_pte(mm, vpn, replace(pte, write=False, uffd_wp=True))
            m.say(reasons.UFFD_PROTECTED, mm, vpn, pfn)
        elif pte.uffd_wp:
            pte = replace(pte, uffd_wp=False)
            m.set_pte(mm, vpn, pte)
            m.say(reasons.UFFD_RESOLVED, mm, vpn, pfn)
            if vma.writable and not pte.write and not vma.hugetlb:
                upgrade_pte(m, mm, vpn, pte)
    elif pte.uffd_wp != on:
        m.set_pte(mm, vpn, replace(pte, uffd_wp=on))
        m.say(reasons.UFFD_PROTECTED if on else reasons.UFFD_RESOLVED, mm, vpn)


def clear_refs(m: Draft, mm: int) -> None:
    """Linux clear_soft_dirty() of the whole mm: the next write to every page faults.

    Pages that may be pinned stay writable since 5.11 (9348b73c2e1b).
    """
    pinned = m.policy.reclaim_refuses_pinned and m.mms[mm].has_pinned
    for key in sorted(m.tables[mm]):
        vpn = key if key >= 0 else ~key
        pte = m.pte(mm, vpn)
        if type(pte) is Swapped:
            m.set_pte(mm, vpn, replace(pte, soft_dirty=False))
        if type(pte) is not Present or (key < 0) != pte.huge:
            continue
        vma = m.vma(mm, vpn)
        assert vma is not None
        if pte.write and vma.cow and pinned and folio_of(m, pte.pfn).maybe_pinned:
            m.say(reasons.SOFT_DIRTY_SKIPPED, mm, vpn, pte.pfn)
            continue
        m.set_pte(mm, vpn, replace(pte, write=False, soft_dirty=False))
        m.say(reasons.SOFT_DIRTY_CLEARED, mm, vpn, pte.pfn)
