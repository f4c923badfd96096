"""madvise(2): mm/madvise.c."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from . import collapse, ksm, large, reasons
from .draft import Draft
from .mapping import change_vmas, populate_pages
from .neighbours import neighbours
from .outcome import Failed
from .state import Area, Present, Swapped, Vma
from .swapout import pageout, split_for
from .zap import zap_pages

FLAGS: dict[str, dict[str, bool]] = {
    "dontfork": {"dontfork": True},
    "dofork": {"dontfork": False},
    "wipeonfork": {"wipeonfork": True},
    "keeponfork": {"wipeonfork": False},
    "mergeable": {"mergeable": True},
    "hugepage": {"thp": True, "nohugepage": False},
    "nohugepage": {"thp": False, "nohugepage": True},
}
"""Advice that only sets or clears a VMA flag."""


def madvise(m: Draft, mm: int, name: str, pages: range, advice: str) -> str:
    """Carry out one piece of advice; returns why pages were skipped, or ""."""
    area = m.mms[mm].areas[name]
    if advice in FLAGS:
        if advice == "wipeonfork" and any(
            v.shared or v.file or v.hugetlb for v in overlapping(area, pages)
        ):
            raise Failed("EINVAL", "MADV_WIPEONFORK needs private anonymous memory")
        if advice == "mergeable" and any(v.shared or v.hugetlb for v in overlapping(area, pages)):
            return "shared and hugetlb mappings are not merged"
        change_vmas(m, mm, name, pages, **FLAGS[advice])
        m.say(reasons.ADVISED, mm, pages.start, -1, name, advice)
        return ""
    if advice == "unmergeable":
        change_vmas(m, mm, name, pages, mergeable=False)
        ksm.unmerge(m, mm, name, pages)
        return ""
    if advice in ("populate_read", "populate_write"):
        populate_pages(m, mm, name, pages, write=advice == "populate_write")
        return ""
    said = walk_vmas(area, pages, partial(BEHAVIORS[advice], m, mm, area))
    return "; ".join(dict.fromkeys(said))


def walk_vmas(area: Area, pages: range, visit: Callable[[Vma, range], list[str]]) -> list[str]:
    """Linux madvise_walk_vmas(): VMA after VMA. An error ends it; a hole is told at the end.

    Returns why pages were left alone.
    """
    said: list[str] = []
    reached = pages.start
    hole = False
    for vma in overlapping(area, pages):
        part = range(max(vma.lo, pages.start), min(vma.hi, pages.stop))
        hole = hole or part.start > reached
        said += visit(vma, part)
        reached = part.stop
    if hole or reached < pages.stop:
        raise Failed("ENOMEM", "part of the range is not mapped")
    return said


def dontneed(m: Draft, mm: int, area: Area, vma: Vma, pages: range) -> list[str]:
    """madvise_dontneed_free_valid_vma(): of hugetlb pages only whole ones, the end rounded down."""
    refuse_locked(vma)
    if vma.hugetlb:
        huge = m.config.huge
        if pages.start % huge:
            raise Failed("EINVAL", f"hugetlb memory is given back from a multiple of {huge} pages")
        pages = range(pages.start, pages.stop // huge * huge)
    zap_pages(m, mm, area, pages)
    return []


def on_the_lru(m: Draft, vma: Vma) -> None:
    """can_madv_lru_vma(), and the drain with which each VMA begins."""
    refuse_locked(vma)
    if vma.hugetlb:
        raise Failed("EINVAL", "hugetlb memory has no LRU")
    m.lru_add_drain(m.cpu)


def page_out(m: Draft, mm: int, area: Area, vma: Vma, pages: range) -> list[str]:
    on_the_lru(m, vma)
    return pageout(m, mm, area, pages)


def free(m: Draft, mm: int, area: Area, vma: Vma, pages: range) -> list[str]:
    refuse_locked(vma)
    if vma.shared or vma.file:
        raise Failed("EINVAL", "MADV_FREE needs private anonymous memory")
    on_the_lru(m, vma)
    return lazyfree(m, mm, area, pages)


def go_cold(m: Draft, mm: int, area: Area, vma: Vma, pages: range) -> list[str]:
    on_the_lru(m, vma)
    return cold(m, mm, pages)


def collapse_all(m: Draft, mm: int, area: Area, vma: Vma, pages: range) -> list[str]:
    collapse.madvise_collapse(m, mm, area, vma, pages)
    return []


BEHAVIORS = {
    "dontneed": dontneed,
    "pageout": page_out,
    "free": free,
    "cold": go_cold,
    "collapse": collapse_all,
}


def overlapping(area: Area, pages: range) -> list[Vma]:
    return [v for v in area.vmas if v.lo < pages.stop and pages.start < v.hi]


def refuse_locked(vma: Vma) -> None:
    """VM_LOCKED memory is not taken away."""
    if vma.locked:
        raise Failed("EINVAL", "the range is locked")


def lazyfree(m: Draft, mm: int, area: Area, pages: range) -> list[str]:
    """MADV_FREE: huge pages covered in part are split first, shared ones left alone."""
    kept = split_for(m, mm, pages)
    done: set[int] = set()
    for part, pte in neighbours(m, mm, pages):
        head = m.folios[pte.pfn].head if type(pte) is Present else -1
        if head < 0:
            for vpn in part:
                free_page(m, mm, area, vpn)
        elif head not in kept and head not in done and not m.compounds[head].shared:
            done.add(head)
            value = m.compounds[head]
            large.set_compound(
                m, head, replace(value, swapbacked=value.slot >= 0, dirty=False, referenced=False)
            )
            m.say(reasons.LAZYFREE, mm, part.start, head)
        if type(pte) is Present and head in done and (pte.dirty or pte.young):
            m.set_ptes(mm, part, replace(pte, dirty=False, young=False))
    return list(kept.values())


def free_page(m: Draft, mm: int, area: Area, vpn: int) -> None:
    """Linux madvise_free_pte_range() of one entry."""
    pte = m.tables[mm].get(vpn)
    if type(pte) is Swapped:
        m.clear_pte(mm, vpn)
        m.put_swap(pte.slot)
        m.forget(mm, vpn)
        return
    if type(pte) is not Present:
        return
    folio = m.folios[pte.pfn]
    if folio.slot >= 0 or folio.dirty:
        if folio.mapcount != 1:
            return
        if folio.slot >= 0 and not m.free_swap(pte.pfn):
            return
        m.set_folio(pte.pfn, replace(m.folios[pte.pfn], dirty=False))
    if pte.dirty or pte.young:
        m.set_pte(mm, vpn, replace(pte, dirty=False, young=False))
    m.say(reasons.LAZYFREE, mm, vpn, pte.pfn)
    folio = m.folios[pte.pfn]
    if folio.lru and folio.swapbacked and folio.slot < 0 and not folio.mlocked:
        m.add_to_batch(pte.pfn, "lazyfree")


def cold(m: Draft, mm: int, pages: range) -> list[str]:
    """MADV_COLD: the pages of this mm alone go to the inactive list; mappings stay."""
    kept = split_for(m, mm, pages)
    shared = 0
    for part, pte in neighbours(m, mm, pages):
        if type(pte) is not Present:
            continue
        folio = m.folios[pte.pfn]
        if folio.head in kept or (folio.head < 0 and folio.mapcount != 1):
            shared += len(part)
            continue
        if pte.young:
            m.set_ptes(mm, part, replace(pte, young=False))
        if folio.head < 0:
            m.set_folios([(pte.pfn, len(part), replace(folio, active=False, referenced=False))])
    return [f"{shared} shared pages left alone"] if shared else []
