"""mremap(2): mm/mremap.c."""

from __future__ import annotations

from msgspec.structs import replace

from . import ksm, large, reasons
from .draft import Draft
from .mapping import add_area, new_range, refuse_part_of_hugetlb, split_vmas
from .outcome import Failed
from .state import Area, Entry, HugeZero, Marker, Pmd, Present, Swapped, Zero, anchor


def mremap(m: Draft, mm: int, name: str, pages: range, target: str) -> None:
    """Linux move_page_tables(): entries move as they are; handles follow their page.

    Several VMAs and the holes between them move together (remap_move(), since 6.17). Raises
    Failed("EFAULT") where the first page is not mapped.
    """
    size = len(pages)
    area = m.mms[mm].areas[name]
    if any(v.hugetlb for v in area.vmas):
        # The length is rounded up to whole huge pages (check_mremap_params()).
        huge = m.config.huge
        pages = range(pages.start, -(-pages.stop // huge) * huge)
        refuse_part_of_hugetlb(m, area, pages)
    for vma in area.vmas:
        part = range(max(vma.lo, pages.start), min(vma.hi, pages.stop))
        if vma.mergeable and part:
            ksm.unmerge(m, mm, name, part)
    area = split_vmas(m, mm, m.mms[mm].areas[name], pages)
    inside = [v for v in area.vmas if pages.start <= v.lo and v.hi <= pages.stop]
    if not inside or inside[0].lo != pages.start:
        raise Failed("EFAULT", "nothing is mapped where the pages begin")
    start = new_range(m, mm, len(pages))
    by = start - pages.start
    moved = tuple(replace(v, lo=v.lo + by, hi=v.hi + by) for v in inside)
    rest = tuple(v for v in area.vmas if v not in inside)
    m.set_area(mm, name, replace(area, vmas=rest))
    offset = area.offset + pages.start - area.start
    add_area(m, mm, target, Area(start, size, moved, area.inode, offset))
    m.say(reasons.MOVED, mm, pages.start, -1, name, target)
    for first in m.pmds(mm, pages):
        # The target starts on a PMD; a range that does not cannot keep its huge PMDs.
        if (first + by) % m.config.huge or pages.stop < first + m.config.huge:
            large.split_pmd(m, mm, first)
        else:
            move_pmd(m, mm, first, first + by)
    for vpn in pages:
        move_page(m, mm, vpn, vpn + by)


def move_pmd(m: Draft, mm: int, first: int, to: int) -> None:
    table = m.tables[mm]
    pmd = table[~first]
    assert type(pmd) is Pmd or type(pmd) is HugeZero
    if pmd.uffd_wp:
        pmd = replace(pmd, uffd_wp=False)
    m.tables = m.tables.set(mm, table.delete(~first).set(~to, pmd))
    if type(pmd) is Pmd:
        value = m.compounds[pmd.pfn]
        maps = tuple((mm, to) if at == (mm, first) else at for at in value.maps)
        large.set_compound(m, pmd.pfn, replace(value, maps=maps))
        m.say(reasons.MOVED_PMD, mm, to, pmd.pfn)


def move_page(m: Draft, mm: int, vpn: int, to: int) -> None:
    table = m.tables[mm]
    pte = table.get(vpn)
    if pte is not None:
        moved = moved_pte(pte)
        table = table.delete(vpn)
        m.tables = m.tables.set(mm, table if moved is None else table.set(to, moved))
        if type(pte) is Present:
            folio = m.folios[pte.pfn]
            old, new = (mm, anchor(folio, pte.pfn, vpn)), (mm, anchor(folio, pte.pfn, to))
            maps = tuple(new if at == old else at for at in folio.maps)
            m.set_folio(pte.pfn, replace(folio, maps=maps))
    ghosts = m.ghosts[mm]
    if vpn in ghosts:
        m.ghosts = m.ghosts.set(mm, ghosts.delete(vpn).set(to, ghosts[vpn]))
    m.let_go(mm, vpn, to)


def moved_pte(pte: Entry) -> Entry | None:
    """Without a feature that tells userfaultfd, its protection stays behind."""
    if type(pte) is Marker:
        return None
    if isinstance(pte, Present | Swapped | Zero) and pte.uffd_wp:
        return replace(pte, uffd_wp=False)
    return pte
