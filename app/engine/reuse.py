"""May this page be written in place? The question that every policy answers differently."""

from __future__ import annotations

from msgspec.structs import replace

from . import huge, large, reasons
from .draft import Draft
from .state import Present, exclusive_bit


def is_exclusive(m: Draft, pte: Present) -> bool:
    """The policy's "exclusive" bit of the page that `pte` maps (PageAnonExclusive())."""
    if m.policy.bit == "page":
        return exclusive_bit(m, pte) if pte.huge else m.folios[pte.pfn].exclusive
    return m.policy.bit == "pte" and pte.exclusive


def may_reuse(m: Draft, mm: int, vpn: int, pte: Present) -> bool:
    """A store met a read-only anonymous PTE: is the page this mm's own?

    Linux do_wp_page(). Looking may drain this CPU's LRU batches and free the swap cache.
    """
    policy = m.policy
    if policy.reuse_exclusive and is_exclusive(m, pte):
        m.say(reasons.EXCLUSIVE, mm, vpn, pte.pfn)
        return True
    if policy.reuse == "mapcount":
        return reuse_swap_page(m, mm, vpn, pte.pfn)
    if policy.reuse == "refcount":
        if policy.discounts:
            return wp_can_reuse_anon_folio(m, mm, vpn, pte.pfn)
        return reuse_plain(m, mm, vpn, pte.pfn)
    m.say(reasons.NEVER, mm, vpn, pte.pfn)
    return False


def reuse_swap_page(m: Draft, mm: int, vpn: int, pfn: int) -> bool:
    """Linux reuse_swap_page(), up to 5.8: mappings plus swap entries, blind to references."""
    folio = m.folios[pfn]
    if folio.head >= 0:
        return reuse_large_by_mapcount(m, mm, vpn, folio.head)
    if folio.ksm:
        alone = m.policy.ksm_reuse and folio.refcount == 1
        m.say(reasons.ALONE_PLAIN if alone else reasons.KSM_PAGE, mm, vpn, pfn)
        return alone
    entries = m.slots[folio.slot].count if folio.slot >= 0 else 0
    if folio.mapcount + entries != 1:
        m.say(reasons.MAPPED_OFTEN, mm, vpn, pfn, folio.mapcount, entries)
        return False
    m.say(reasons.MAPPED_ONCE, mm, vpn, pfn, folio.mapcount, entries)
    if folio.slot >= 0:
        m.free_swap(pfn)
    return True


def reuse_plain(m: Draft, mm: int, vpn: int, pfn: int) -> bool:
    """Linux do_wp_page() from 5.9 (09854ba94c6a) to 5.17: page_count() == 1, whoever counts."""
    folio = m.folios[pfn]
    if folio.ksm:
        m.say(reasons.KSM_PAGE, mm, vpn, pfn)
        return False
    if folio.head >= 0:
        return only_reference(m, mm, vpn, folio.head)
    alone = folio.refcount == 1
    m.say(reasons.ALONE_PLAIN if alone else reasons.HELD_PLAIN, mm, vpn, pfn)
    return alone


def wp_can_reuse_anon_folio(m: Draft, mm: int, vpn: int, pfn: int) -> bool:
    """Linux wp_can_reuse_anon_folio() of a small folio, since 5.18."""
    folio = m.folios[pfn]
    if folio.ksm:
        m.say(reasons.KSM_PAGE, mm, vpn, pfn)
        return False
    if folio.head >= 0:
        return wp_can_reuse_large(m, mm, vpn, folio.head)
    count = folio.refcount
    if count > 3:
        m.say(reasons.HELD, mm, vpn, pfn)
        return False
    if not folio.lru:
        m.lru_add_drain(m.cpu)
        folio = m.folios[pfn]
        count = folio.refcount
    if count > 1 + folio.swapcache:
        m.say(reasons.HELD, mm, vpn, pfn)
        return False
    if folio.slot >= 0:
        entries = m.slots[folio.slot].count
        if not m.free_swap(pfn):
            m.say(reasons.SLOT_HELD, mm, vpn, pfn, entries)
            return False
        count = m.folios[pfn].refcount
    if count != 1:
        m.say(reasons.HELD, mm, vpn, pfn)
        return False
    m.say(reasons.ONLY_REFERENCE, mm, vpn, pfn)
    return True


def reuse_large_by_mapcount(m: Draft, mm: int, vpn: int, head: int) -> bool:
    """Linux page_trans_huge_map_swapcount() up to 5.8, for a PTE-mapped huge page."""
    count = huge.max_mapcount(m, head, m.compounds[head])
    m.say(reasons.MAPPED_ONCE if count == 1 else reasons.MAPPED_OFTEN, mm, vpn, head, count, 0)
    return count == 1


def only_reference(m: Draft, mm: int, vpn: int, head: int) -> bool:
    """page_count(head) == 1: with a second page mapped by a PTE it never is."""
    alone = m.compounds[head].refcount == 1
    m.say(reasons.ALONE_PLAIN if alone else reasons.HELD_PLAIN, mm, vpn, head)
    return alone


def wp_can_reuse_large(m: Draft, mm: int, vpn: int, head: int) -> bool:
    """Linux __wp_can_reuse_large_anon_folio(), since 6.15; before, only refcount 1 proved it."""
    if not m.policy.owner_tracking:
        return only_reference(m, mm, vpn, head)
    value = m.compounds[head]
    why = ""
    if value.mapcount <= 1:
        why = "its last mapped page is copied, to free the rest soon"
    elif value.shared:
        why = "another process maps pages of it, or did when the owner slots were full"
    else:
        if value.slot >= 0:
            large.free_swap(m, head)
            value = m.compounds[head]
        if value.mapcount != value.refcount:
            why = f"mapcount {value.mapcount} != refcount {value.refcount}"
    m.say(reasons.LARGE_HELD if why else reasons.LARGE_OWNED, mm, vpn, head, why)
    return not why


def observed(m: Draft, pfn: int, besides: tuple[int, int] | None = None) -> bool:
    """Could anybody else still see this page? Mappings, swap entries, handles; no mere count.

    `besides` is a mapping that does not count: the one that asks.
    """
    page = m.folios.get(pfn)
    if page is None:
        return False
    maps = page.maps
    if page.gets or page.pins or len(maps) > 1:
        return True
    if maps and (besides is None or maps[0] != (besides[0], besides[1] - pfn)):
        return True
    if page.head < 0:
        return page.slot >= 0 and m.slots[page.slot].count > 0
    value = m.compounds[page.head]
    if value.maps or (value.slot >= 0 and m.slots[value.slot + pfn - page.head].count > 0):
        return True
    return any(at == pfn for handle in m.handles.values() for _, at in handle.pages)


def set_exclusive(m: Draft, pte: Present) -> Present:
    """Give the page to the mm that maps it through `pte`; returns the PTE to install."""
    if not m.policy.cow_sets:
        return pte
    if m.policy.bit == "page":
        folio = m.folios[pte.pfn]
        if not folio.exclusive:
            m.set_folio(pte.pfn, replace(folio, exclusive=True))
        return pte
    return replace(pte, exclusive=True) if m.policy.bit == "pte" else pte
