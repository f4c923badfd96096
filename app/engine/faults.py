"""Page faults, in the shape and with the names of mm/memory.c.

Every function is given the page that faults as `mm`, `vpn` and its VMA, and answers with the PTE
that it leaves behind. Permissions were checked before: a fault here is one that Linux resolves.
"""

from __future__ import annotations

from msgspec.structs import replace

from . import huge, reasons
from .draft import Draft, Violation
from .lifting import lift
from .reuse import may_reuse, observed, set_exclusive
from .state import (
    NOT_CACHED,
    ZEROES,
    Compound,
    Folio,
    Marker,
    Present,
    Pte,
    Swapped,
    Vma,
    Zero,
    folio_of,
)
from .swapin import do_swap_page


def describe(pte: Pte | None) -> str:
    """A PTE in a word, for explanations."""
    if pte is None:
        return "none"
    if type(pte) is Marker:
        return "uffd-wp marker"
    if type(pte) is Zero:
        return "huge zero page, read-only" if pte.huge else "zero page, read-only"
    if type(pte) is Present:
        return ("PMD-mapped, " if pte.huge else "present, ") + (
            "writable" if pte.write else "read-only"
        )
    return "swap entry"


def write_fault(m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte | None) -> Present:
    """Linux handle_pte_fault() for a store that met `pte`: afterwards the page may be stored to.

    The PTE is writable where the VMA is; FOLL_FORCE into a read-only VMA leaves it read-only.
    """
    if m.events is not None:
        m.say(reasons.WRITE_FAULT, mm, vpn, -1, describe(pte))
    if vma.hugetlb:
        return huge.hugetlb_fault(m, mm, vpn, vma, write=True)
    if pte is None or type(pte) is Marker:
        fresh = do_pte_missing(m, mm, vpn, vma, write=True)
        assert type(fresh) is Present
        return fresh
    if type(pte) is Swapped:
        present = do_swap_page(m, mm, vpn, vma, pte, write=True)
        if present.write or (not vma.writable and owned_after_swapin(m, present)):
            return present
        return do_wp_page(m, mm, vpn, vma, present, unshare=False)
    if type(pte) is Present and pte.write:
        return pte
    return do_wp_page(m, mm, vpn, vma, pte, unshare=False)


def make_writable(m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte | None) -> Present:
    """GUP's loop for a store: a page that was installed for a uffd-wp marker is protected at first,
    so it takes a second fault."""
    present = write_fault(m, mm, vpn, vma, pte)
    return write_fault(m, mm, vpn, vma, present) if present.uffd_wp else present


def owned_after_swapin(m: Draft, pte: Present) -> bool:
    """A forced write to a read-only VMA needs no second look at a page that came back exclusive."""
    return m.policy.swapin == "exclusive" and (pte.exclusive or m.folios[pte.pfn].exclusive)


def read_fault(
    m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte | None, *, retry: bool = True
) -> Pte:
    """Linux handle_pte_fault() for a load that met `pte`: afterwards the PTE is present.

    `retry` is FAULT_FLAG_ALLOW_RETRY: after it had to read, the fault may be taken once more.
    """
    if m.events is not None:
        m.say(reasons.READ_FAULT, mm, vpn, -1, describe(pte))
    if vma.hugetlb:
        return huge.hugetlb_fault(m, mm, vpn, vma, write=False)
    if pte is None or type(pte) is Marker:
        return do_pte_missing(m, mm, vpn, vma, write=False, retry=retry)
    if type(pte) is Swapped:
        return do_swap_page(m, mm, vpn, vma, pte, write=False)
    return pte


def do_pte_missing(
    m: Draft, mm: int, vpn: int, vma: Vma, *, write: bool, retry: bool = True
) -> Pte:
    """Linux do_pte_missing(): nothing is mapped there; a uffd-wp marker may wait for the page."""
    marked = type(m.tables[mm].get(vpn)) is Marker
    anonymous = not (vma.shared or vma.file)
    if anonymous and huge.may_be_huge(m, mm, vpn, vma):
        mapped = huge.do_huge_pmd_anonymous_page(m, mm, vpn, vma, write=write)
        if mapped is not None:
            return mapped
    pte: Pte
    if vma.shared:
        pte = shmem_fault(m, mm, vpn, vma, write=write)
    elif vma.file:
        pte = do_file_fault(m, mm, vpn, vma, write=write, retry=retry)
    else:
        pte = do_anonymous_page(m, mm, vpn, vma, write=write)
    if marked:
        # The marker's protection goes to the page that was installed for it.
        pte = replace(pte, uffd_wp=True, write=False) if type(pte) is Present else Zero(True)
        m.set_pte(mm, vpn, pte)
    return pte


def do_anonymous_page(m: Draft, mm: int, vpn: int, vma: Vma, *, write: bool) -> Pte:
    """Linux do_anonymous_page(): the zero page for a load, a fresh page for a store."""
    if not write:
        m.say(reasons.ZERO_MAPPED, mm, vpn)
        m.set_pte(mm, vpn, Zero())
        return Zero()
    return install_fresh(m, mm, vpn, vma, "none", reasons.FRESH)


def install_fresh(
    m: Draft, mm: int, vpn: int, vma: Vma, was: str, reason: reasons.Reason
) -> Present:
    """A zeroed page of its own for a page that is stored to."""
    if not vma.anon_vma:
        m.give_anon_vma(mm, vpn, vma)
    pfn = m.alloc_anon(mm, vpn, vma, ZEROES)
    pte = Present(pfn, vma.writable, True, exclusive=m.policy.sets_pte)
    m.set_pte(mm, vpn, pte)
    m.say(reason, mm, vpn, pfn, was, to=pfn)
    return pte


def do_wp_page(m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte, *, unshare: bool) -> Present:
    """Linux do_wp_page(): a store, or a pin that wants a page of its own, met a read-only PTE."""
    if vma.hugetlb:
        return huge.hugetlb_fault(m, mm, vpn, vma, write=not unshare, unshare=unshare)
    if (type(pte) is Present or type(pte) is Zero) and pte.huge:
        reused = huge.do_huge_pmd_wp_page(m, mm, vpn, vma, pte, unshare=unshare)
        if reused is not None:
            return reused
        split = m.pte(mm, vpn)
        assert split is not None
        pte = split
    if pte.uffd_wp and not unshare:
        pte = lift(m, mm, vpn, vma, pte)
        if type(pte) is Present and pte.write:
            return pte
    if type(pte) is Zero:
        if unshare:
            fresh = wp_page_copy_zero(m, mm, vpn, vma)
            kept = replace(fresh, write=False, dirty=False)
            m.set_pte(mm, vpn, kept)
            return kept
        return wp_page_copy_zero(m, mm, vpn, vma)
    assert type(pte) is Present
    if vma.shared:
        m.say(reasons.SHARED_WRITABLE, mm, vpn, pte.pfn)
        writable = replace(pte, write=vma.writable, dirty=True, young=True)
        m.set_pte(mm, vpn, writable)
        return writable
    if m.folios[pte.pfn].anon and may_reuse(m, mm, vpn, pte):
        return wp_page_reuse(m, mm, vpn, vma, pte, unshare=unshare)
    return wp_page_copy(m, mm, vpn, vma, pte, unshare=unshare)


def wp_page_reuse(m: Draft, mm: int, vpn: int, vma: Vma, pte: Present, *, unshare: bool) -> Present:
    """Linux wp_page_reuse(): the page is this mm's own and stays."""
    pte = set_exclusive(m, pte)
    if not unshare:
        pte = replace(pte, write=vma.writable, dirty=True, young=True)
    m.set_pte(mm, vpn, pte)
    m.say(reasons.UNSHARED_IN_PLACE if unshare else reasons.REUSED, mm, vpn, pte.pfn)
    return pte


def wp_page_copy_zero(m: Draft, mm: int, vpn: int, vma: Vma) -> Present:
    """Linux wp_page_copy() of the zero page: zeroing a fresh page is no copy."""
    return install_fresh(m, mm, vpn, vma, "zero page", reasons.ZEROED)


def wp_page_copy(m: Draft, mm: int, vpn: int, vma: Vma, pte: Present, *, unshare: bool) -> Present:
    """Linux wp_page_copy(): whoever else holds the old page keeps it, bytes and all."""
    old = m.folios[pte.pfn]
    folio = folio_of(m, pte.pfn)
    if not vma.anon_vma:
        m.give_anon_vma(mm, vpn, vma)
    pfn = m.alloc_anon(mm, vpn, vma, old.data)
    m.copies += 1
    what = reasons.UNSHARED if unshare else reasons.COPIED
    m.say(what, mm, vpn, pte.pfn, old.data.value, to=pfn)
    new = Present(
        pfn,
        vma.writable and not unshare,
        not unshare,
        exclusive=m.policy.sets_pte,
        uffd_wp=unshare and pte.uffd_wp,
        soft_dirty=pte.soft_dirty if unshare else True,
    )
    m.set_pte(mm, vpn, new)
    m.unmap_page(pte.pfn, mm, vpn, vma)
    if old.anon and not old.ksm:
        note_spurious(m, mm, vpn, pte.pfn, folio)
    return new


def note_spurious(m: Draft, mm: int, vpn: int, pfn: int, old: Folio | Compound) -> None:
    """S1: a copy although nobody else could have seen the page.

    The last mapped page of a large folio is copied by design, to free the folio.
    """
    if observed(m, pfn) or (type(old) is Compound and old.mapcount == 1):
        return
    large = type(old) is Compound
    m.violations += spurious_copies(
        mm, vpn, pfn, range(old.refcount, old.refcount + 1), large=large
    )


def spurious_copies(
    mm: int, vpn: int, pfn: int, refcounts: range, *, large: bool
) -> list[Violation]:
    """S1 of pages in order, each of which was copied at the next of `refcounts`."""
    before = f"{'large folio granularity: ' if large else ''}copied at refcount "
    after = " although no mapping, swap entry or handle could see the page"
    return [
        Violation("spurious-copy", "S1", f"{before}{refcount}{after}", mm, vpn + i, pfn + i)
        for i, refcount in enumerate(refcounts)
    ]


# -- page cache ---------------------------------------------------------------------------------


def page_cache(m: Draft, mm: int, vpn: int, *, swapbacked: bool) -> int:
    """The page-cache folio behind a page of a shared or file range; made when it is missing."""
    key = m.inode_of(mm, vpn)
    pfn = m.inodes.get(key)
    if pfn == NOT_CACHED:
        do_sync_mmap_readahead(m, key)
        pfn = None
    if pfn is None or pfn < 0:
        data = ZEROES if pfn is None else m.slots[~pfn].data
        if pfn is not None:
            m.say(reasons.SHMEM_SWAPIN, mm, vpn, -1, slot=~pfn)
            m.slots = m.slots.delete(~pfn)
        pfn = m.alloc(Folio(data, anon=False, swapbacked=swapbacked, inode=key))
        m.inodes = m.inodes.set(key, pfn)
    return pfn


READAHEAD = 32
"""read_ahead_kb is 128: what a miss in the page cache reads around the page, in base pages."""


def do_sync_mmap_readahead(m: Draft, key: tuple[int, int]) -> None:
    """Linux do_sync_mmap_readahead(): a miss brings the pages around back into the page cache."""
    inode, page = key
    inodes = m.inodes.mutate()
    for at in range(page - READAHEAD // 2, page + READAHEAD // 2):
        if inodes.get((inode, at)) == NOT_CACHED:
            del inodes[inode, at]
    m.inodes = inodes.finish()


FAULT_AROUND = 16
"""fault_around_bytes: a read fault maps what is cached of the 64 KiB around it, in base pages."""


def do_fault_around(m: Draft, mm: int, vpn: int, vma: Vma) -> None:
    """Linux do_fault_around() and filemap_map_pages(): one fault maps what is in the page cache.

    All pages of a file are that reclaim has not dropped; of shared memory those that somebody has
    touched.
    """
    if vma.uffd_wp:
        return
    first = vpn - vpn % FAULT_AROUND
    table = m.tables[mm]
    around = 0
    for at in range(max(first, vma.lo), min(first + FAULT_AROUND, vma.hi)):
        cached = m.inodes.get(m.inode_of(mm, at), -1 if vma.shared else 0)
        if at == vpn or at in table or cached < 0:
            continue
        pfn = page_cache(m, mm, at, swapbacked=vma.shared)
        map_cached(m, pfn, mm, at, vma)
        m.set_pte(mm, at, Present(pfn, vma.shared and vma.writable, False))
        around += 1
    if around:
        m.say(reasons.FAULT_AROUND, mm, vpn, -1, around)


def map_cached(m: Draft, pfn: int, mm: int, vpn: int, vma: Vma) -> None:
    """Linux folio_add_file_rmap_pte(), which mlocks what a VM_LOCKED mapping maps."""
    m.map_page(pfn, mm, vpn)
    if vma.locked:
        m.set_folio(pfn, replace(m.folios[pfn], mlocked=True))


def shmem_fault(m: Draft, mm: int, vpn: int, vma: Vma, *, write: bool) -> Present:
    """Linux shmem_fault(): every process maps the same page, writable as the mapping is.

    Where userfaultfd may protect pages a load maps it read-only (vma_wants_writenotify()).
    """
    if not write:
        do_fault_around(m, mm, vpn, vma)
    pfn = page_cache(m, mm, vpn, swapbacked=True)
    map_cached(m, pfn, mm, vpn, vma)
    pte = Present(pfn, vma.writable and (write or not vma.uffd_wp), write)
    m.set_pte(mm, vpn, pte)
    m.say(reasons.SHMEM, mm, vpn, pfn)
    return pte


def do_file_fault(m: Draft, mm: int, vpn: int, vma: Vma, *, write: bool, retry: bool) -> Pte:
    """Linux do_read_fault() and do_cow_fault() of a private file mapping.

    A fault maps what is around before it reads; what it had to read it maps when it is taken again.
    """
    if not write and not retry:
        do_fault_around(m, mm, vpn, vma)
    source = page_cache(m, mm, vpn, swapbacked=False)
    if not write:
        if retry:
            do_fault_around(m, mm, vpn, vma)
        map_cached(m, source, mm, vpn, vma)
        pte = Present(source, False, False)
        m.set_pte(mm, vpn, pte)
        m.say(reasons.FILE_READ, mm, vpn, source)
        return pte
    if not vma.anon_vma:
        m.give_anon_vma(mm, vpn, vma)
    pfn = m.alloc_anon(mm, vpn, vma, m.folios[source].data)
    m.copies += 1
    m.say(reasons.FILE_COW, mm, vpn, source, to=pfn)
    pte = Present(pfn, vma.writable, True, exclusive=m.policy.sets_pte)
    m.set_pte(mm, vpn, pte)
    return pte
