"""Taking pages away: MADV_PAGEOUT, reclaim, and the swap cache (mm/madvise.c, vmscan.c, rmap.c)."""

from __future__ import annotations

from msgspec.structs import replace

from . import reasons
from .draft import Draft, vma_of
from .reuse import maybe_pinned
from .state import Area, Folio, Present, Slot, Swapped


def pageout(m: Draft, mm: int, area: Area, pages: range) -> list[str]:
    """MADV_PAGEOUT of some pages; returns why pages were skipped, one sentence each.

    Linux madvise_pageout(): drains this CPU's batches, then takes every page that this mm alone
    maps. A page on another CPU's batch is not on the LRU and stays.
    """
    m.lru_add_drain(m.cpu)
    skipped: list[str] = []
    chosen: list[int] = []
    for vpn in pages:
        why, pfn = may_pageout(m, mm, area, vpn)
        if why:
            m.say(reasons.SWAP_SKIPS, mm, vpn, pfn, why)
            skipped.append(why)
        else:
            chosen.append(pfn)
    for pfn in chosen:
        why = shrink_folio(m, pfn, m.cpu)
        if why:
            skipped.append(why)
    return skipped


def may_pageout(m: Draft, mm: int, area: Area, vpn: int) -> tuple[str, int]:
    """Why MADV_PAGEOUT leaves this page alone ("" if it does not), and its frame."""
    vma = vma_of(area, vpn)
    if vma is None:
        return "no VMA", -1
    pte = m.tables[mm].get(vpn)
    if type(pte) is not Present:
        what = (
            "no page"
            if pte is None
            else "swapped already"
            if type(pte) is Swapped
            else "the zero page"
        )
        return what, -1
    folio = m.folios[pte.pfn]
    if not folio.lru:
        return f"not on the LRU: it is in the batch of CPU {folio.batch}", pte.pfn
    if folio.mapcount != 1:
        return f"shared: mapcount {folio.mapcount}", pte.pfn
    if folio.mlocked:
        return "locked in memory", pte.pfn
    return "", pte.pfn


def reclaim(m: Draft, mm: int, pages: range) -> list[str]:
    """Reclaim proper of the pages mapped here: shared ones go out too, from everybody."""
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    skipped: list[str] = []
    for vpn in pages:
        pte = m.tables[mm].get(vpn)
        if type(pte) is not Present:
            why = "no page to reclaim"
            m.say(reasons.SWAP_SKIPS, mm, vpn, -1, why)
        elif m.folios[pte.pfn].mlocked:
            why = "locked in memory"
            m.say(reasons.SWAP_SKIPS, mm, vpn, pte.pfn, why)
        else:
            # The reclaiming thread does not run where the tasks do.
            why = shrink_folio(m, pte.pfn, m.config.cpus - 1)
        if why:
            skipped.append(why)
    return skipped


def shrink_folio(m: Draft, pfn: int, cpu: int) -> str:
    """Linux reclaim_folio_list() of one folio, on `cpu`; "" when it left its page tables."""
    if not m.folios[pfn].anon:
        return shrink_page_cache(m, pfn)
    why = unmap_to_swap(m, pfn)
    remove_mapping(m, pfn)
    if pfn in m.folios:
        m.putback_lru(pfn, cpu)
    return why


def unmap_to_swap(m: Draft, pfn: int) -> str:
    """Linux shrink_folio_list() up to try_to_unmap(); why the folio stays mapped, or ""."""
    folio = m.folios[pfn]
    if m.policy.reclaim_refuses_pinned and maybe_pinned(folio):
        m.say(reasons.RECLAIM_KEEPS, -1, -1, pfn)
        return f"may be pinned: refcount {folio.refcount}"
    if folio.slot < 0 and folio.swapbacked and not add_to_swap(m, pfn):
        return "no free swap slot"
    return try_to_unmap(m, pfn)


def add_to_swap(m: Draft, pfn: int) -> bool:
    """Linux folio_alloc_swap(): a slot, and the swap cache's reference."""
    if m.config.swap == "none" or len(m.slots) >= m.config.slots:
        m.say(reasons.NO_SLOT, -1, -1, pfn, m.config.slots if m.config.swap != "none" else 0)
        return False
    folio = m.folios[pfn]
    slot = m.next_slot
    m.next_slot = slot + 1
    m.slots = m.slots.set(slot, Slot(0, folio.data, pfn))
    m.set_folio(pfn, replace(folio, slot=slot, dirty=True))
    m.say(reasons.TO_SWAP, -1, -1, pfn, slot=slot)
    return True


def try_to_unmap(m: Draft, pfn: int) -> str:
    """Linux try_to_unmap(): every mapping becomes a swap entry, unless a pin forbids it."""
    for mm, vpn in m.folios[pfn].maps:
        folio = m.folios[pfn]
        pte = m.tables[mm][vpn]
        assert type(pte) is Present
        if not folio.swapbacked:
            why = discard(m, pfn, mm, vpn, pte, folio)
            if why:
                return why
            continue
        exclusive = pte.exclusive or folio.exclusive
        if m.policy.unmap_checks_pinned and exclusive and maybe_pinned(folio):
            m.say(reasons.UNMAP_KEEPS, mm, vpn, pfn)
            return f"may be pinned: refcount {folio.refcount}"
        remembered = exclusive and m.policy.swap_exclusive
        m.set_pte(mm, vpn, Swapped(folio.slot, remembered, pte.uffd_wp, pte.soft_dirty))
        slot = m.slots[folio.slot]
        m.set_slot(folio.slot, replace(slot, count=slot.count + 1))
        kept = folio.exclusive and not m.policy.swapout_clears
        maps = tuple(at for at in folio.maps if at != (mm, vpn))
        m.set_folio(pfn, replace(folio, maps=maps, exclusive=kept, dirty=folio.dirty or pte.dirty))
        what = "marked exclusive" if remembered else "not marked exclusive"
        m.say(reasons.UNMAPPED, mm, vpn, pfn, what, slot=folio.slot)
    return ""


def discard(m: Draft, pfn: int, mm: int, vpn: int, pte: Present, folio: Folio) -> str:
    """try_to_unmap_one() of a MADV_FREE page: gone if nobody wrote to it or holds it since."""
    if pte.dirty or folio.dirty or folio.refcount != folio.mapcount:
        m.say(reasons.REDIRTIED, mm, vpn, pfn)
        m.set_folio(pfn, replace(folio, swapbacked=True))
        return "written or referenced since MADV_FREE"
    m.say(reasons.DISCARDED, mm, vpn, pfn)
    m.clear_pte(mm, vpn)
    m.unmap_page(pfn, mm, vpn, None)
    m.forget(mm, vpn)
    return ""


def remove_mapping(m: Draft, pfn: int) -> None:
    """Linux __remove_mapping(): written out and freed, unless somebody else holds the folio."""
    folio = m.folios.get(pfn)
    if folio is None or folio.slot < 0 or folio.maps:
        return
    slot = m.slots[folio.slot]
    m.set_slot(folio.slot, replace(slot, data=folio.data))
    if folio.refcount != 1:
        m.say(reasons.STAYS_CACHED, -1, -1, pfn)
        return
    if m.config.swap == "file" and folio.dirty:
        m.set_folio(pfn, replace(folio, dirty=False))
        m.say(reasons.WRITEBACK, -1, -1, pfn, slot=folio.slot)
        return
    m.say(reasons.SWAPPED, -1, -1, pfn, slot=folio.slot)
    m.set_slot(folio.slot, replace(slot, data=folio.data, cache=-1))
    m.put(pfn, replace(folio, slot=-1))


def shrink_page_cache(m: Draft, pfn: int) -> str:
    """Shared memory and file pages: the mappings go, the page cache keeps the bytes."""
    folio = m.folios[pfn]
    if maybe_pinned(folio):
        m.say(reasons.RECLAIM_KEEPS, -1, -1, pfn)
        return f"may be pinned: refcount {folio.refcount}"
    for mm, vpn in folio.maps:
        m.clear_pte(mm, vpn)
        m.unmap_page(pfn, mm, vpn, None)
    return ""
