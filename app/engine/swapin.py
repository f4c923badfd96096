"""Bringing a page back from swap: do_swap_page() of mm/memory.c."""

from __future__ import annotations

from msgspec.structs import replace

from . import reasons
from .draft import Draft
from .state import Folio, Present, Swapped, Vma, folio_of


def do_swap_page(m: Draft, mm: int, vpn: int, vma: Vma, entry: Swapped, *, write: bool) -> Present:
    """Linux do_swap_page(): map the page again, and decide whether it is this mm's own.

    A write that is not allowed by the PTE left behind goes on to do_wp_page() (the caller's part).
    """
    policy = m.policy
    pfn, fresh = swap_cache_folio(m, mm, vpn, vma, entry.slot)
    if write and not fresh and not m.folios[pfn].lru and policy.discounts:
        m.lru_add_drain(m.cpu)
    by_counts = policy.swapin == "counts" and write and reuse_by_counts(m, mm, vpn, pfn, entry.slot)
    take_entry(m, pfn, entry.slot, fresh=fresh)
    if should_try_to_free_swap(m, pfn, vma, write=write):
        m.free_swap(pfn)
    folio = folio_of(m, pfn)
    ksm = m.folios[pfn].ksm
    # The fault's own reference becomes the mapping's; it is counted already.
    alone = folio.refcount == 1
    exclusive = not ksm and owns(m, mm, vpn, pfn, entry, fresh=fresh, alone=alone)
    if policy.swapin == "exclusive":
        writable = exclusive
    elif policy.swapin == "refcount":
        writable = write and alone and not ksm
    else:
        writable = by_counts
    writable = writable and vma.writable and not entry.uffd_wp
    if policy.swapin != "exclusive" and not by_counts:
        if writable:
            m.say(reasons.SWAPIN_ALONE, mm, vpn, pfn)
        else:
            m.say(reasons.SWAPIN_SHARED, mm, vpn, pfn, "others hold it" if write else "read fault")
    if exclusive and policy.bit == "page":
        m.set_folio(pfn, replace(m.folios[pfn], exclusive=True))
    pte = Present(
        pfn,
        writable,
        write and writable,
        exclusive=exclusive and policy.bit == "pte",
        uffd_wp=entry.uffd_wp,
        soft_dirty=entry.soft_dirty or (write and writable),
    )
    m.set_pte(mm, vpn, pte)
    return pte


def swap_cache_folio(m: Draft, mm: int, vpn: int, vma: Vma, slot: int) -> tuple[int, bool]:
    """The folio to map (its mapping counted), and whether it bypassed the swap cache."""
    value = m.slots[slot]
    here = (mm, vpn - m.next_pfn)
    if value.cache >= 0 and value.ksm and needs_copy(m, value.cache, vpn):
        # ksm_might_need_to_copy(): the cached page belongs to another page of the process.
        pfn = m.alloc(Folio(value.data, (here,), mlocked=vma.locked))
        m.say(reasons.SWAP_KSM_COPY, mm, vpn, value.cache, to=pfn, slot=slot)
        return pfn, True
    if value.cache >= 0:
        m.say(reasons.SWAP_CACHED, mm, vpn, value.cache, slot=slot)
        m.map_page(value.cache, mm, vpn)
        if vma.locked and m.folios[value.cache].head < 0:
            m.set_folio(value.cache, replace(m.folios[value.cache], mlocked=True))
        return value.cache, False
    if m.config.swap == "zram" and value.count == 1:
        pfn = m.alloc(Folio(value.data, (here,)))
        m.say(reasons.SWAP_FRESH, mm, vpn, pfn, slot=slot)
        return pfn, True
    # Linux mlocks what it copies and what it maps again, not a page that comes in from swap.
    pfn = m.alloc(Folio(value.data, (here,), slot=slot))
    m.set_slot(slot, replace(value, cache=pfn))
    m.say(reasons.SWAP_READ, mm, vpn, pfn, f"swap entries {value.count}", slot=slot)
    return pfn, False


def needs_copy(m: Draft, cached: int, vpn: int) -> bool:
    """Is the cached page mapped, but nowhere as this page of a process?"""
    maps = m.folios[cached].maps
    return bool(maps) and all(by + cached != vpn for _, by in maps)


def take_entry(m: Draft, pfn: int, slot: int, *, fresh: bool) -> None:
    """Linux swap_free(): this PTE no longer names the slot."""
    value = m.slots.get(slot)
    if fresh and value is not None and value.cache < 0:
        m.slots = m.slots.delete(slot)
    elif fresh:
        m.put_swap(slot)
    elif value is not None and value.cache == pfn:
        m.set_slot(slot, replace(value, count=value.count - 1))


def should_try_to_free_swap(m: Draft, pfn: int, vma: Vma, *, write: bool) -> bool:
    """Linux should_try_to_free_swap()."""
    folio = folio_of(m, pfn)
    if folio.slot < 0:
        return False
    if vma.locked or folio.mlocked or 2 * len(m.slots) > m.config.slots:
        return True
    return m.policy.discounts and write and not m.folios[pfn].ksm and folio.refcount == 2


def owns(
    m: Draft, mm: int, vpn: int, pfn: int, entry: Swapped, *, fresh: bool, alone: bool
) -> bool:
    """Does the page come back exclusive? Only policies with a bit ask."""
    if m.policy.swapin != "exclusive":
        return False
    for yes, why in (
        (entry.exclusive, "the swap entry is marked exclusive"),
        (fresh, "no other swap entry names it, and it bypassed the swap cache"),
        (alone, "refcount 1"),
    ):
        if yes:
            m.say(reasons.SWAPIN_EXCLUSIVE, mm, vpn, pfn, why)
            return True
    m.say(reasons.SWAPIN_SHARED, mm, vpn, pfn,
          f"entry not exclusive, refcount {folio_of(m, pfn).refcount}")  # fmt: skip
    return False


def reuse_by_counts(m: Draft, mm: int, vpn: int, pfn: int, slot: int) -> bool:
    """Linux reuse_swap_page() as do_swap_page() asked it up to 5.17: entries and mappings only."""
    folio = m.folios[pfn]
    if folio.ksm or folio.head >= 0:
        return False
    # This PTE is counted as an entry, not yet as a mapping.
    others, entries = folio.mapcount - 1, m.slots[slot].count
    if others + entries != 1:
        return False
    m.say(reasons.SWAPIN_REUSED, mm, vpn, pfn, others, entries)
    if folio.slot >= 0:
        m.slots = m.slots.delete(slot)
        m.put(pfn, replace(folio, slot=-1, dirty=True))
    return True
