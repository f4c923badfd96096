"""fork(): dup_mmap() and copy_page_range() of kernel/fork.c and mm/memory.c."""

from __future__ import annotations

from functools import partial

from immutables import Map
from msgspec.structs import replace

from . import huge, large, reasons
from .blocks import nth
from .draft import Draft
from .dup import (
    Theirs,
    copy_nonpresent_ptes,
    copy_present_pages,
    may_be_copied,
    say_shared,
    shared_page,
    shared_ptes,
)
from .pages import Pages
from .state import (
    TABLE,
    Area,
    Folio,
    HugeZero,
    Mm,
    Pmd,
    Present,
    Process,
    PteTable,
    Version,
    Vma,
)
from .stretches import Stretch, drop, extent, put_all, stretches


def fork(m: Draft, parent: str, child: str) -> None:
    """A child with its own mm. Raises OutOfMemory when an early copy finds no frame."""
    old = m.processes[parent].mm
    new, copied = dup_mm(m, parent, child)
    theirs: Theirs = []
    for vma in copied:
        copy_huge_pmds(m, old, new, vma, theirs)
        copy_page_range(m, old, new, vma, theirs)
    m.tables = m.tables.set(new, put_all(Map(), theirs))
    forget_get_promises(m, old)


def dup_mm(m: Draft, parent: str, child: str) -> tuple[int, list[Vma]]:
    """Linux dup_mmap() without the pages: the child's mm, and the VMAs whose pages it gets."""
    task = m.processes[parent]
    old = task.mm
    new = m.next_mm
    m.next_mm = new + 1
    mm = m.mms[old]
    ghosts = m.ghosts[old]
    areas = mm.areas
    copied: list[Vma] = []
    for name in mm.order:
        area = mm.areas[name]
        kept, plain = dup_area(m, name, area, old, copied)
        if kept is not area:
            areas = areas.set(name, kept)
        if not plain:
            ghosts = drop_ghosts(ghosts, area)
    m.tables = m.tables.set(new, Map())
    m.mms = m.mms.set(new, Mm(areas, mm.order, next_vpn=mm.next_vpn))
    m.ghosts = m.ghosts.set(new, ghosts)
    m.processes = m.processes.set(child, Process(new, len(m.processes), task.cpu, parent))
    return new, copied


def dup_area(m: Draft, name: str, area: Area, old: int, copied: list[Vma]) -> tuple[Area, bool]:
    """The child's VMAs of one range, and whether every page's content is inherited.

    `copied` gets the parent's VMAs whose page-table entries are to be copied.
    """
    vmas: list[Vma] = []
    plain = True
    for vma in area.vmas:
        if vma.dontfork:
            m.say(reasons.FORK_DONTFORK, old, vma.lo, -1, name)
            plain = False
            continue
        if vma.wipeonfork:
            m.say(reasons.FORK_WIPES, old, vma.lo, -1, name)
            vmas.append(replace(vma, locked=False, anon_vma=0, ancestors=False))
            plain = False
            continue
        theirs = vma
        if vma.locked or vma.uffd_wp:
            theirs = replace(vma, locked=False, uffd_wp=False, uffd_sigbus=False)
        if vma.anon_vma:
            # anon_vma_fork(): an anon_vma of its own, below those of all its ancestors.
            theirs = replace(theirs, anon_vma=vma.lo + 1, ancestors=True)
        vmas.append(theirs)
        if not vma.anon_vma:
            why = "shared mappings refault" if vma.shared else "it never held an anonymous page"
            m.say(reasons.FORK_SKIPS, old, vma.lo, -1, name, why)
            continue
        copied.append(vma)
    result = tuple(vmas)
    return (area if result == area.vmas else replace(area, vmas=result)), plain


def drop_ghosts(ghosts: Pages[Version], area: Area) -> Pages[Version]:
    """Pages of DONTFORK and WIPEONFORK VMAs are not inherited."""
    for vma in area.vmas:
        if vma.dontfork or vma.wipeonfork:
            ghosts = drop(ghosts, range(vma.lo, vma.hi))
    return ghosts


def copy_page_range(m: Draft, old: int, new: int, vma: Vma, theirs: Theirs) -> None:
    """Linux copy_pte_range(): every entry of one VMA, in order of address."""
    table = m.tables[old]
    entries = list(stretches(table, vma.lo, vma.hi - vma.lo))
    policy = m.policy
    careful = policy.fork_copies_pinned and m.mms[old].has_pinned
    ours: Theirs = []
    owed: list[Stretch[Folio]] = []
    large_folios: dict[int, tuple[int, int]] = {}
    for vpn, left, pte in entries:
        if type(pte) is not Present:
            copy_nonpresent_ptes(m, old, (vpn, left, pte), ours, theirs)
            continue
        while left:
            pfn = pte.pfn
            count = extent(m.folios, range(pfn, pfn + left)) if left > 1 else 1
            folio = m.folios[pfn]
            copied = careful and may_be_copied(m, old, pte)
            if owed and (copied or folio.ksm):
                # KSM maps one page many times: look again, at what it has become.
                m.set_folios(owed)
                owed = []
                continue
            if copied:
                vpns = range(vpn, vpn + count)
                count = copy_present_pages(m, old, new, vma, vpns, pte, theirs)
            else:
                shared = shared_page(folio, (new, vpn - pfn), policy.fork_clears)
                owed.append((pfn, count, shared))
                if folio.head >= 0 or m.events is not None:
                    count_shared(m, old, new, (vpn, count, pte), large_folios)
                mine, other = shared_ptes(m, pte)
                if mine is not pte:
                    ours.append((vpn, count, mine))
                theirs.append((vpn, count, other))
            vpn, left = vpn + count, left - count
            if left:
                pte = nth(pte, count)
    if owed:
        m.set_folios(owed)
    for head, (first, count) in large_folios.items():
        large.add_mappings(m, head, new, count)
        m.say(reasons.FORK_SHARES_PTES, old, first, head, count)
    copy_page_tables(m, old, vma, entries, theirs)
    if ours:
        m.tables = m.tables.set(old, put_all(table, ours))


def count_shared(
    m: Draft,
    old: int,
    new: int,
    stretch: Stretch[Present],
    large_folios: dict[int, tuple[int, int]],
) -> None:
    """The shared pages of a large folio are counted, and told of, as one; a pinned one's each."""
    vpn, count, pte = stretch
    head = m.folios[pte.pfn].head
    if head >= 0 and not m.compounds[head].maybe_pinned:
        first, before = large_folios.get(head, (vpn, 0))
        large_folios[head] = first, before + count
        return
    said = m.said()
    say_shared(m, old, vpn, pte)
    effect = None
    if head >= 0:
        effect = partial(large.more_ptes, mm=new)
        large.add_mappings(m, head, new, count)
    if count > 1:
        m.say_again(m.told_since(said), count - 1, (pte.pfn,), effect)


def copy_page_tables(m: Draft, old: int, vma: Vma, copied: Theirs, theirs: Theirs) -> None:
    """Linux copy_pmd_range(): where the parent has a page table the child gets one, even empty."""
    huge, table = m.config.huge, m.tables[old]
    area = next(a for a in m.mms[old].areas.values() if a.start <= vma.lo < a.start + a.pages)
    if area.pages < huge:
        return
    firsts = dict.fromkeys(
        first for vpn, count, _ in copied for first in range(vpn - vpn % huge, vpn + count, huge)
    )
    for first in range(vma.lo - vma.lo % huge, vma.hi, huge):
        if type(table.get(~first)) is PteTable:
            firsts[first] = None
    given = {key for key, _, _ in theirs}
    for first in firsts:
        if area.start <= first and first + huge <= area.start + area.pages and ~first not in given:
            theirs.append((~first, 1, TABLE))


def copy_huge_pmds(m: Draft, old: int, new: int, vma: Vma, theirs: Theirs) -> None:
    """Linux copy_huge_pmd() and copy_hugetlb_page_range() of every huge PMD of one VMA."""
    if vma.hi - vma.lo < m.config.huge:
        return
    for first in m.pmds(old, range(vma.lo, vma.hi)):
        pmd = m.tables[old][~first]
        if type(pmd) is HugeZero:
            m.say(reasons.FORK_HUGE_ZERO, old, first)
            theirs.append((~first, 1, HugeZero()))
            continue
        assert type(pmd) is Pmd
        if copies_pinned_pmd(m, old, pmd):
            if not vma.hugetlb:
                m.say(reasons.FORK_SPLITS, old, first, pmd.pfn)
                large.split_pmd(m, old, first)
                theirs.append((~first, 1, TABLE))
                continue
            head = huge.hugetlb_alloc(m, new, first, huge.contents(m, pmd.pfn))
            m.copies += m.config.huge
            m.say(reasons.HUGETLB_FORK_COPIES, old, first, pmd.pfn, to=head)
            theirs.append((~first, 1, huge.fresh_pmd(m, head, vma)))
            continue
        share_pmd(m, old, new, first, pmd, theirs)


def copies_pinned_pmd(m: Draft, old: int, pmd: Pmd) -> bool:
    policy = m.policy
    exclusive = pmd.exclusive or m.folios[pmd.pfn].exclusive
    return (
        policy.fork_copies_pinned
        and m.mms[old].has_pinned
        and m.compounds[pmd.pfn].maybe_pinned
        and (not policy.fork_asks_exclusive or exclusive)
    )


def share_pmd(m: Draft, old: int, new: int, first: int, pmd: Pmd, theirs: Theirs) -> None:
    """One reference and one mapcount more; both PMDs are read-only."""
    policy = m.policy
    m.say(reasons.FORK_SHARES_PMD, old, first, pmd.pfn)
    head = m.folios[pmd.pfn]
    if head.exclusive and policy.fork_clears:
        m.set_folio(pmd.pfn, replace(head, exclusive=False))
    write = pmd.write and not policy.fork_protects
    exclusive = pmd.exclusive and not policy.fork_clears
    m.set_entry(old, ~first, replace(pmd, write=write, exclusive=exclusive))
    large.add_pmd(m, pmd.pfn, new, first)
    copy = replace(pmd, write=write, exclusive=exclusive, young=False, uffd_wp=False)
    theirs.append((~first, 1, copy))


def forget_get_promises(m: Draft, mm: int) -> None:
    """FOLL_GET promises coherence only until the owner forks (`semantics.md` C2)."""
    for name, handle in m.handles.items():
        if handle.owner == mm and handle.kind != "pin" and not handle.forked:
            m.handles = m.handles.set(name, replace(handle, forked=True))


def vfork(m: Draft, parent: str, child: str) -> None:
    """CLONE_VM: the same mm, no copying at all, until the child exits or execs."""
    task = m.processes[parent]
    mm = m.mms[task.mm]
    m.mms = m.mms.set(task.mm, replace(mm, users=mm.users + 1))
    m.processes = m.processes.set(
        child, Process(task.mm, len(m.processes), task.cpu, parent, vfork=True)
    )
