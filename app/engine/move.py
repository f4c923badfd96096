"""mremap(2): mm/mremap.c."""

from __future__ import annotations

from msgspec.structs import replace

from . import ksm, large, reasons
from .draft import Draft
from .mapping import add_area, new_range, refuse_part_of_hugetlb, split_vmas
from .outcome import Failed
from .state import TABLE, Area, Entry, HugeZero, Marker, Pmd, Present, PteTable, Swapped, Vma, Zero
from .stretches import Stretch, drop, put_all, stretches


def mremap(m: Draft, mm: int, name: str, pages: range, target: str) -> None:
    """Linux move_page_tables(): entries move as they are; handles follow their page.

    Several VMAs and the holes between them move together (remap_move(), since 6.17). Raises
    Failed("EFAULT") where the first page is not mapped, and at a VMA with userfaultfd that is one
    of several: those before it have moved then.
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
    alone = movable(inside, pages)
    if not alone:
        raise Failed("EFAULT", WITH_UFFD)
    inside, stopped = inside[:alone], alone < len(inside)
    if stopped:
        pages = range(pages.start, inside[-1].hi)
    start = new_range(m, mm, max(size, len(pages)))
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
    move_pages(m, mm, pages, by)
    if stopped:
        raise Failed("EFAULT", WITH_UFFD)


WITH_UFFD = "a mapping with userfaultfd moves alone"


def movable(vmas: list[Vma], pages: range) -> int:
    """How many of the VMAs in `pages`, from the first on, move together: vma_multi_allowed()."""
    for at, vma in enumerate(vmas):
        if vma.uffd_wp and (at or vma.hi < pages.stop):
            return at
    return len(vmas)


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


def move_pages(m: Draft, mm: int, pages: range, by: int) -> None:
    """The PTEs, what the pages must hold, and the handles on them go `by` pages further."""
    moved: list[Stretch[Entry]] = []
    first, length = pages.start, len(pages)
    for vpn, count, pte in stretches(m.tables[mm], first, length):
        after = moved_pte(pte)
        if after is not None:
            moved.append((vpn + by, count, after))
        if type(pte) is Present:
            to = vpn - pte.pfn + by
            old, new = (mm, to - by), (mm, to)
            # One by one: KSM maps one page many times.
            for pfn, same, folio in list(stretches(m.folios, pte.pfn, count)):
                maps = tuple([new if one == old else one for one in folio.maps])
                m.set_folios([(pfn, same, replace(folio, maps=maps))])
    table = put_all(drop(m.tables[mm], pages), moved)
    huge = m.config.huge
    for at in range(-(-pages.start // huge) * huge, pages.stop - huge + 1, huge):
        if type(table.get(~at)) is PteTable and by % huge == 0:
            table = table.delete(~at).set(~(at + by), TABLE)
    m.tables = m.tables.set(mm, table)
    ghosts = m.ghosts[mm]
    owed = [(vpn + by, same, version) for vpn, same, version in stretches(ghosts, first, length)]
    m.ghosts = m.ghosts.set(mm, put_all(drop(ghosts, pages), owed))
    if m.handles:
        for vpn in pages:
            m.let_go(mm, vpn, vpn + by)


def moved_pte(pte: Entry) -> Entry | None:
    """Without a feature that tells userfaultfd, its protection stays behind."""
    if type(pte) is Marker:
        return None
    if isinstance(pte, Present | Swapped | Zero) and pte.uffd_wp:
        return replace(pte, uffd_wp=False)
    return pte
