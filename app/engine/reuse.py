"""May this page be written in place? The question that every policy answers differently."""

from __future__ import annotations

from msgspec.structs import replace

from . import reasons
from .draft import Draft
from .state import GUP_PIN_COUNTING_BIAS, Folio, Present


def is_exclusive(m: Draft, pte: Present) -> bool:
    """The policy's "exclusive" bit of the page that `pte` maps (PageAnonExclusive())."""
    if m.policy.bit == "page":
        return m.folios[pte.pfn].exclusive
    return m.policy.bit == "pte" and pte.exclusive


def maybe_pinned(folio: Folio) -> bool:
    """Linux folio_maybe_dma_pinned() of a small folio: never a false no, sometimes a false yes."""
    return folio.refcount >= GUP_PIN_COUNTING_BIAS


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
    alone = folio.refcount == 1
    m.say(reasons.ALONE_PLAIN if alone else reasons.HELD_PLAIN, mm, vpn, pfn)
    return alone


def wp_can_reuse_anon_folio(m: Draft, mm: int, vpn: int, pfn: int) -> bool:
    """Linux wp_can_reuse_anon_folio() of a small folio, since 5.18."""
    folio = m.folios[pfn]
    if folio.ksm:
        m.say(reasons.KSM_PAGE, mm, vpn, pfn)
        return False
    if folio.refcount > 3:
        m.say(reasons.HELD, mm, vpn, pfn)
        return False
    if not folio.lru:
        m.lru_add_drain(m.cpu)
        folio = m.folios[pfn]
    if folio.refcount > 1 + folio.swapcache:
        m.say(reasons.HELD, mm, vpn, pfn)
        return False
    if folio.slot >= 0:
        entries = m.slots[folio.slot].count
        if not m.free_swap(pfn):
            m.say(reasons.SLOT_HELD, mm, vpn, pfn, entries)
            return False
        folio = m.folios[pfn]
    if folio.refcount != 1:
        m.say(reasons.HELD, mm, vpn, pfn)
        return False
    m.say(reasons.ONLY_REFERENCE, mm, vpn, pfn)
    return True


def observed(m: Draft, folio: Folio) -> bool:
    """Could anybody else still see `folio`? Mappings, swap entries, handles; no mere count."""
    if folio.maps or folio.gets or folio.pins:
        return True
    return folio.slot >= 0 and m.slots[folio.slot].count > 0


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
