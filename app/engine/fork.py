"""fork(): dup_mmap() and copy_page_range() of kernel/fork.c and mm/memory.c."""

from __future__ import annotations

from functools import partial

from immutables import Map, MapMutation
from msgspec.structs import replace

from . import huge, large, reasons
from .draft import Draft, Violation
from .equal import by_key, change_pages
from .reuse import is_exclusive, observed
from .state import (
    GUP_PIN_COUNTING_BIAS,
    TABLE,
    Area,
    Compound,
    Entry,
    Folio,
    HugeZero,
    Mm,
    Pmd,
    Present,
    Process,
    Swapped,
    Version,
    Vma,
    Zero,
    anchor,
    folio_of,
)

MutableTable = MapMutation[int, Entry]


def fork(m: Draft, parent: str, child: str) -> None:
    """A child with its own mm. Raises OutOfMemory when an early copy finds no frame."""
    old = m.processes[parent].mm
    new, copied = dup_mm(m, parent, child)
    theirs: dict[int, Entry] = {}
    for vma in copied:
        copy_huge_pmds(m, old, new, vma, theirs)
        copy_page_range(m, old, new, vma, theirs)
    m.tables = m.tables.set(new, Map(theirs))
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
            vmas.append(replace(vma, locked=False, anon_vma=False))
            plain = False
            continue
        plainer = vma.locked or vma.uffd_wp
        vmas.append(
            replace(vma, locked=False, uffd_wp=False, uffd_sigbus=False) if plainer else vma
        )
        if not vma.anon_vma:
            why = "shared mappings refault" if vma.shared else "it never held an anonymous page"
            m.say(reasons.FORK_SKIPS, old, vma.lo, -1, name, why)
            continue
        copied.append(vma)
    result = tuple(vmas)
    return (area if result == area.vmas else replace(area, vmas=result)), plain


def drop_ghosts(ghosts: Map[int, Version], area: Area) -> Map[int, Version]:
    """Pages of DONTFORK and WIPEONFORK VMAs are not inherited."""
    gone = [
        vpn
        for vma in area.vmas
        if vma.dontfork or vma.wipeonfork
        for vpn in range(vma.lo, vma.hi)
        if vpn in ghosts
    ]
    for vpn in gone:
        ghosts = ghosts.delete(vpn)
    return ghosts


def copy_page_range(m: Draft, old: int, new: int, vma: Vma, theirs: dict[int, Entry]) -> None:
    """Linux copy_pte_range(): every entry of one VMA, in order of address."""
    table = m.tables[old]
    ours = table.mutate()
    if vma.hi - vma.lo <= 2 * len(table):
        entries = [(v, pte) for v in range(vma.lo, vma.hi) if (pte := table.get(v)) is not None]
    else:
        entries = sorted((v, p) for v, p in table.items() if vma.lo <= v < vma.hi)
    for vpn, pte in share_large(m, old, new, entries, ours, theirs):
        if type(pte) is Present:
            copy_present_pte(m, old, new, vma, vpn, pte, ours, theirs)
        elif type(pte) is Swapped:
            copy_swap_pte(m, old, vpn, pte, ours, theirs)
        elif type(pte) is Zero:
            m.say(reasons.FORK_ZERO, old, vpn)
            theirs[vpn] = Zero()
    m.tables = m.tables.set(old, ours.finish())


def share_large(
    m: Draft,
    old: int,
    new: int,
    entries: list[tuple[int, Entry]],
    ours: MutableTable,
    theirs: dict[int, Entry],
) -> list[tuple[int, Entry]]:
    """Share the PTEs that map large folios nobody pins, folio by folio; returns all others."""
    if not m.compounds:
        return entries
    folios = m.folios
    pinned = {head for head, value in m.compounds.items() if value.maybe_pinned}
    others: list[tuple[int, Entry]] = []
    mapped: list[tuple[int, tuple[int, Present]]] = []
    for vpn, pte in entries:
        if type(pte) is Present and (head := folios[pte.pfn].head) >= 0 and head not in pinned:
            mapped.append((head, (vpn, pte)))
        else:
            others.append((vpn, pte))
    for head, ptes in by_key(mapped).items():
        dup_rmaps(m, old, new, head, ptes)
        for vpn, pte in ptes:
            mine, theirs[vpn] = shared_ptes(m, pte)
            if mine is not pte:
                ours[vpn] = mine
    return others


def dup_rmaps(m: Draft, old: int, new: int, head: int, ptes: list[tuple[int, Present]]) -> None:
    """Linux folio_try_dup_anon_rmap_ptes(): as `dup_rmap`, for many pages of one folio."""
    clears = m.policy.fork_clears
    for at, pfns in by_key((vpn - pte.pfn + head, pte.pfn) for vpn, pte in ptes).items():
        inherit = partial(shared_page, mapping=(new, at), clears=clears)
        m.folios = change_pages(m.folios, pfns, inherit)
        m.touched.update(pfns)
    large.add_mappings(m, head, new, len(ptes))
    m.say(reasons.FORK_SHARES_PTES, old, ptes[0][0], head, len(ptes))


def shared_page(page: Folio, mapping: tuple[int, int], clears: bool) -> Folio:
    return replace(page, maps=(*page.maps, mapping), exclusive=page.exclusive and not clears)


def copy_huge_pmds(m: Draft, old: int, new: int, vma: Vma, theirs: dict[int, Entry]) -> None:
    """Linux copy_huge_pmd() and copy_hugetlb_page_range() of every huge PMD of one VMA."""
    for first in m.pmds(old, range(vma.lo, vma.hi)):
        pmd = m.tables[old][~first]
        if type(pmd) is HugeZero:
            m.say(reasons.FORK_HUGE_ZERO, old, first)
            theirs[~first] = HugeZero()
            continue
        assert type(pmd) is Pmd
        if copies_pinned_pmd(m, old, pmd):
            if not vma.hugetlb:
                m.say(reasons.FORK_SPLITS, old, first, pmd.pfn)
                large.split_pmd(m, old, first)
                theirs[~first] = TABLE
                continue
            head = huge.hugetlb_alloc(m, new, first, huge.contents(m, pmd.pfn))
            m.copies += m.config.huge
            m.say(reasons.HUGETLB_FORK_COPIES, old, first, pmd.pfn, to=head)
            theirs[~first] = huge.fresh_pmd(m, head, vma)
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


def share_pmd(m: Draft, old: int, new: int, first: int, pmd: Pmd, theirs: dict[int, Entry]) -> None:
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
    theirs[~first] = replace(pmd, write=write, exclusive=exclusive, young=False, uffd_wp=False)


def copy_present_pte(
    m: Draft,
    old: int,
    new: int,
    vma: Vma,
    vpn: int,
    pte: Present,
    ours: MutableTable,
    theirs: dict[int, Entry],
) -> None:
    """Linux copy_present_ptes(): share the page, or copy it now because it may be pinned."""
    if may_need_copy(m, old, pte) and maybe_pinned_at_fork(folio_of(m, pte.pfn)):
        theirs[vpn] = copy_present_page(m, old, new, vma, vpn, pte)
        return
    dup_rmap(m, old, new, vpn, pte)
    mine, child = shared_ptes(m, pte)
    if mine != pte:
        ours[vpn] = mine
    theirs[vpn] = child


def may_need_copy(m: Draft, old: int, pte: Present) -> bool:
    """Linux folio_needs_cow_for_dma(), all but the count: can a pin of this page matter?"""
    policy = m.policy
    return (
        policy.fork_copies_pinned
        and m.folios[pte.pfn].anon
        and m.mms[old].has_pinned
        and (not policy.fork_asks_exclusive or is_exclusive(m, pte))
    )


def dup_rmap(m: Draft, old: int, new: int, vpn: int, pte: Present) -> None:
    """Linux folio_try_dup_anon_rmap_pte(): the bit goes, one mapping and reference more."""
    policy = m.policy
    folio = m.folios[pte.pfn]
    if m.events is not None:
        clears = folio.anon and policy.bit != "none" and is_exclusive(m, pte)
        reason = reasons.FORK_SHARES if clears else reasons.FORK_SHARES_AGAIN
        m.say(reason, old, vpn, pte.pfn)
    exclusive = folio.exclusive and not policy.fork_clears
    mapping = (new, anchor(folio, pte.pfn, vpn))
    m.set_folio(pte.pfn, replace(folio, maps=(*folio.maps, mapping), exclusive=exclusive))
    if folio.head >= 0:
        large.add_mappings(m, folio.head, new, 1)


def shared_ptes(m: Draft, pte: Present) -> tuple[Present, Present]:
    """The parent's and the child's PTE of a page that they share from now on."""
    policy = m.policy
    write = pte.write and not policy.fork_protects
    exclusive = pte.exclusive and not policy.fork_clears
    mine = pte
    if pte.write != write or pte.exclusive != exclusive:
        mine = replace(pte, write=write, exclusive=exclusive)
    return mine, replace(mine, young=False, uffd_wp=False)


def maybe_pinned_at_fork(folio: Folio | Compound) -> bool:
    """folio_needs_cow_for_dma() asks after fork took a reference of its own."""
    if type(folio) is Compound:
        return folio.maybe_pinned
    return folio.refcount + 1 >= GUP_PIN_COUNTING_BIAS


def copy_present_page(m: Draft, old: int, new: int, vma: Vma, vpn: int, pte: Present) -> Present:
    """Linux copy_present_page(): the child gets its own page at once, the parent keeps its own."""
    child_vma = replace(vma, locked=False) if vma.locked else vma
    folio = folio_of(m, pte.pfn)
    pfn = m.alloc_anon(new, vpn, child_vma, m.folios[pte.pfn].data)
    m.copies += 1
    if type(folio) is Compound:
        why = f"pincount {folio.pincount}"
    else:
        why = f"refcount {folio.refcount} >= {GUP_PIN_COUNTING_BIAS}"
    m.say(reasons.FORK_COPIES, old, vpn, pte.pfn, why, to=pfn)
    # A pin of any page makes fork copy all pages of a large folio, by design.
    if type(folio) is Folio and not observed(m, pte.pfn, (old, vpn)):
        m.violations.append(
            Violation(
                "spurious-copy",
                "S1",
                f"copied for the child at refcount {folio.refcount} although no pin holds the page",
                old,
                vpn,
                pte.pfn,
            )
        )
    return Present(
        pfn,
        vma.writable,
        True,
        exclusive=m.policy.sets_pte,
        soft_dirty=True,
    )


def copy_swap_pte(
    m: Draft, old: int, vpn: int, pte: Swapped, ours: MutableTable, theirs: dict[int, Entry]
) -> None:
    """Linux copy_nonpresent_pte() of a swap entry: one more entry names the slot."""
    slot = m.slots[pte.slot]
    m.set_slot(pte.slot, replace(slot, count=slot.count + 1))
    exclusive = pte.exclusive and not m.policy.fork_clears_swap
    reason = reasons.FORK_SWAP if pte.exclusive and not exclusive else reasons.FORK_SWAP_COUNT
    m.say(reason, old, vpn, -1, slot.count + 1, slot=pte.slot)
    if exclusive != pte.exclusive:
        ours[vpn] = replace(pte, exclusive=exclusive)
    theirs[vpn] = replace(pte, exclusive=exclusive, uffd_wp=False)


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
