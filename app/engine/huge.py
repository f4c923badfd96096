"""Faults that meet or make a huge PMD: mm/huge_memory.c, and mm/hugetlb.c for hugetlb."""

from __future__ import annotations

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft
from .lifting import lift
from .outcome import Failed
from .state import (
    HUGE_ZERO,
    TABLE,
    Compound,
    HugeZero,
    Marker,
    Pmd,
    Present,
    Pte,
    Version,
    Vma,
    Zero,
    exclusive_bit,
)
from .stretches import extent, stretches


def first_of(m: Draft, vpn: int) -> int:
    return vpn - vpn % m.config.huge


def may_be_huge(m: Draft, mm: int, vpn: int, vma: Vma) -> bool:
    """Linux thp_vma_allowable_order() and pmd_none(): the whole range, and nothing in it yet."""
    if not vma.thp or vma.nohugepage or vma.shared or vma.file:
        return False
    first = first_of(m, vpn)
    if first < vma.lo or vma.hi < first + m.config.huge:
        return False
    table = m.tables[mm]
    if ~first in table:
        return False
    pages = range(first, first + m.config.huge)
    return first not in table and extent(table, pages) == len(pages)


def do_huge_pmd_anonymous_page(
    m: Draft, mm: int, vpn: int, vma: Vma, *, write: bool
) -> Present | Zero | None:
    """The huge zero page for a load, a huge page for a store; None: a base page must do."""
    if not vma.anon_vma:
        m.give_anon_vma(mm, vpn, vma)
    first = first_of(m, vpn)
    if not write:
        m.set_entry(mm, ~first, HugeZero())
        m.say(reasons.HUGE_ZERO_MAPPED, mm, vpn)
        return HUGE_ZERO
    return install_huge(m, mm, vpn, vma, "none")


def install_huge(m: Draft, mm: int, vpn: int, vma: Vma, was: str) -> Present | None:
    first = first_of(m, vpn)
    head = large.alloc(m, mm, first, mlocked=vma.locked)
    if head < 0:
        m.say(reasons.HUGE_FALLBACK, mm, vpn, -1, m.config.huge)
        if was == "none":
            m.set_entry(mm, ~first, TABLE)
        return None
    m.set_entry(mm, ~first, fresh_pmd(m, head, vma))
    m.say(reasons.HUGE_FRESH, mm, vpn, head, was, to=head)
    return view(m, mm, vpn)


def fresh_pmd(m: Draft, head: int, vma: Vma) -> Pmd:
    exclusive = m.policy.sets_pte
    return Pmd(head, vma.writable, True, exclusive=exclusive)


def view(m: Draft, mm: int, vpn: int) -> Present:
    pte = m.pte(mm, vpn)
    assert type(pte) is Present
    return pte


def do_huge_pmd_wp_page(
    m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte, *, unshare: bool
) -> Present | None:
    """A store, or a pin that wants its own page, met a read-only huge PMD.

    None: the PMD was split, and the fault goes on with the one page. Linux do_huge_pmd_wp_page()
    and do_huge_zero_wp_pmd().
    """
    first = first_of(m, vpn)
    if type(pte) is Zero and pte.uffd_wp and not unshare:
        large.split_pmd(m, mm, first)
        return None
    if type(pte) is Zero:
        fresh = install_huge(m, mm, vpn, vma, "the huge zero page")
        if fresh is None:
            large.split_pmd(m, mm, first)
        return fresh
    assert type(pte) is Present
    head = m.folios[pte.pfn].head
    if pte.uffd_wp and not unshare:
        large.split_pmd(m, mm, first)
        return None
    if may_reuse_huge(m, mm, vpn, head, pte):
        return reuse_huge(m, mm, vpn, vma, pte, head, unshare=unshare)
    if m.policy.huge_copy and not unshare:
        copied = copy_huge(m, mm, vpn, vma, head)
        if copied is not None:
            return copied
    large.split_pmd(m, mm, first)
    return None


def may_reuse_huge(m: Draft, mm: int, vpn: int, head: int, pte: Present) -> bool:
    policy = m.policy
    if policy.reuse_exclusive and (pte.exclusive or exclusive_bit(m, pte)):
        m.say(reasons.HUGE_EXCLUSIVE, mm, vpn, head)
        return True
    if policy.reuse == "never":
        m.say(reasons.HUGE_HELD, mm, vpn, head, "this policy asks no count")
        return False
    value = m.compounds[head]
    if policy.huge_reuse == "mapcount":
        count = max_mapcount(m, head, value)
        why = f"mappings and swap entries of its most used page: {count}"
        m.say(reasons.HUGE_ALONE if count == 1 else reasons.HUGE_HELD, mm, vpn, head, why)
        return count == 1
    if value.slot >= 0 and value.refcount == 1 + value.pages:
        large.free_swap(m, head)
        value = m.compounds[head]
    alone = value.refcount == 1
    m.say(reasons.HUGE_ALONE if alone else reasons.HUGE_HELD, mm, vpn, head,
          f"refcount {value.refcount} {'=' if alone else '>'} 1")  # fmt: skip
    return alone


def max_mapcount(m: Draft, head: int, value: Compound) -> int:
    """Linux page_trans_huge_map_swapcount() up to 5.8: the largest of its pages' counts."""
    pages = stretches(m.folios, head, value.pages)
    most = max(len(page.maps) for _, _, page in pages)
    entries = 0
    if value.slot >= 0:
        slots = stretches(m.slots, value.slot, value.pages)
        entries = max(slot.count for _, _, slot in slots)
    return len(value.maps) + most + entries


def reuse_huge(
    m: Draft, mm: int, vpn: int, vma: Vma, pte: Present, head: int, *, unshare: bool
) -> Present:
    if m.policy.sets_page:
        m.set_folio(head, replace(m.folios[head], exclusive=True))
    exclusive = pte.exclusive or m.policy.sets_pte
    if unshare:
        m.set_pte(mm, vpn, replace(pte, exclusive=exclusive))
        m.say(reasons.HUGE_UNSHARED, mm, vpn, head)
    else:
        written = replace(pte, exclusive=exclusive, write=vma.writable, dirty=True, young=True)
        m.set_pte(mm, vpn, written)
        m.say(reasons.HUGE_REUSED, mm, vpn, head, m.config.huge)
    return view(m, mm, vpn)


def contents(m: Draft, head: int) -> list[tuple[int, Version]]:
    """How many pages of the folio, in order, hold what."""
    pages = stretches(m.folios, head, m.compounds[head].pages)
    return [(count, page.data) for _, count, page in pages]


def copy_huge(m: Draft, mm: int, vpn: int, vma: Vma, head: int) -> Present | None:
    """do_huge_pmd_wp_page() up to 5.7: a second huge page, or None without memory."""
    first = first_of(m, vpn)
    new = large.alloc(m, mm, first, contents(m, head), mlocked=vma.locked)
    if new < 0:
        return None
    m.set_entry(mm, ~first, fresh_pmd(m, new, vma))
    m.copies += m.config.huge
    m.say(reasons.HUGE_COPIED, mm, vpn, head, m.config.huge, to=new)
    large.unmap_pmd(m, head, mm, first)
    return view(m, mm, vpn)


# -- hugetlb ------------------------------------------------------------------------------------


def hugetlb_fault(
    m: Draft, mm: int, vpn: int, vma: Vma, *, write: bool, unshare: bool = False
) -> Present:
    """Linux hugetlb_fault(): hugetlb_no_page() or hugetlb_wp(). SIGBUS without a free page."""
    first = first_of(m, vpn)
    pte = m.pte(mm, vpn)
    if vma.shared:
        return hugetlb_shared_fault(m, mm, vpn, vma, pte, write=write)
    if pte is None or type(pte) is Marker:
        if not vma.anon_vma:
            m.give_anon_vma(mm, vpn, vma)
        head = hugetlb_alloc(m, mm, first)
        waits = type(pte) is Marker
        pmd = fresh_pmd(m, head, vma)
        writable = write and vma.writable and not waits
        m.set_entry(mm, ~first, replace(pmd, write=writable, uffd_wp=waits))
        m.say(reasons.HUGETLB_FRESH, mm, vpn, head, to=head)
        return view(m, mm, vpn)
    assert type(pte) is Present
    if not (write or unshare) or pte.write:
        return pte
    if write and pte.uffd_wp:
        lift(m, mm, vpn, vma, pte)
        pte = view(m, mm, vpn)
    head = m.folios[pte.pfn].head
    folio = m.compounds[head]
    by_references = m.policy.hugetlb_reuse == "refcount"
    count = folio.refcount if by_references else folio.mapcount
    proof = f"refcount {count}" if by_references else f"mapcount {count}, references are not asked"
    if count == 1 or (m.policy.reuse_exclusive and (pte.exclusive or exclusive_bit(m, pte))):
        m.say(reasons.HUGETLB_REUSED, mm, vpn, head, proof)
        return reuse_huge(m, mm, vpn, vma, pte, head, unshare=unshare)
    new = hugetlb_alloc(m, mm, first, contents(m, head))
    kept = fresh_pmd(m, new, vma)
    m.set_entry(mm, ~first, replace(kept, write=False, dirty=False) if unshare else kept)
    m.copies += m.config.huge
    m.say(reasons.HUGETLB_COPIED, mm, vpn, head, proof, to=new)
    large.unmap_pmd(m, head, mm, first)
    return view(m, mm, vpn)


def hugetlb_shared_fault(
    m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte | None, *, write: bool
) -> Present:
    """hugetlb_no_page() of a shared mapping: the file's page, writable as the mapping is."""
    first = first_of(m, vpn)
    if type(pte) is Present:
        m.set_pte(mm, vpn, replace(pte, write=vma.writable, dirty=pte.dirty or write))
        return view(m, mm, vpn)
    inode = m.inode_of(mm, first)
    head = m.inodes.get(inode, -1)
    if head < 0:
        head = hugetlb_alloc(m, mm, first, inode=inode)
        m.inodes = m.inodes.set(inode, head)
    else:
        large.add_pmd(m, head, mm, first)
    m.set_entry(mm, ~first, Pmd(head, vma.writable, write))
    m.say(reasons.SHMEM, mm, vpn, head)
    return view(m, mm, vpn)


def hugetlb_alloc(
    m: Draft, mm: int, first: int, data: list[tuple[int, Version]] | None = None,
    *, inode: tuple[int, int] | None = None,
) -> int:  # fmt: skip
    head = large.alloc(m, mm, first, data, hugetlb=True, inode=inode)
    if head < 0:
        raise Failed("SIGBUS", "no free huge page")
    return head
