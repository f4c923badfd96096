"""Reclaim of large folios: consecutive swap slots, or a split (mm/vmscan.c, mm/rmap.c)."""

from __future__ import annotations

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft
from .state import Present, Slot, Swapped


def shrink_large(m: Draft, head: int) -> str:
    """Linux shrink_folio_list() of a large folio; "" when it left its page tables."""
    value = m.compounds[head]
    if value.hugetlb:
        return "hugetlb pages are not swapped"
    if m.policy.reclaim_refuses_pinned and value.maybe_pinned:
        m.say(reasons.RECLAIM_KEEPS, -1, -1, head)
        return f"may be pinned: pincount {value.pincount}"
    if value.slot < 0 and not add_to_swap(m, head):
        return "no free swap slots"
    for mm, first in m.compounds[head].maps:
        large.split_pmd(m, mm, first)
    why = unmap_pages(m, head)
    remove_mapping(m, head)
    return why


def add_to_swap(m: Draft, head: int) -> bool:
    """Linux folio_alloc_swap(): as many consecutive slots as the folio has pages."""
    value = m.compounds[head]
    if m.config.swap == "none" or len(m.slots) + value.pages > m.config.slots:
        m.say(reasons.NO_SLOT, -1, -1, head, m.config.slots if m.config.swap != "none" else 0)
        return False
    first = m.next_slot
    m.next_slot = first + value.pages
    slots = m.slots.mutate()
    for i in range(value.pages):
        slots[first + i] = Slot(0, m.folios[head + i].data, head + i)
    m.slots = slots.finish()
    large.set_compound(m, head, replace(value, slot=first, dirty=True))
    m.say(reasons.TO_SWAP, -1, -1, head, slot=first)
    return True


def unmap_pages(m: Draft, head: int) -> str:
    """Linux try_to_unmap(): every PTE of every page becomes a swap entry, unless a pin forbids."""
    value = m.compounds[head]
    for pfn in range(head, head + value.pages):
        for mm, vpn in m.folios[pfn].maps:
            page = m.folios[pfn]
            pte = m.tables[mm][vpn]
            assert type(pte) is Present
            exclusive = pte.exclusive or page.exclusive
            if m.policy.unmap_checks_pinned and exclusive and m.compounds[head].maybe_pinned:
                m.say(reasons.UNMAP_KEEPS, mm, vpn, pfn)
                return f"may be pinned: pincount {value.pincount}"
            slot = value.slot + pfn - head
            remembered = exclusive and m.policy.swap_exclusive
            m.set_pte(mm, vpn, Swapped(slot, remembered, pte.uffd_wp, pte.soft_dirty))
            old = m.slots[slot]
            m.set_slot(slot, replace(old, count=old.count + 1))
            kept = page.exclusive and not m.policy.swapout_clears
            m.set_folio(pfn, replace(page, exclusive=kept))
            large.unmap_page(m, pfn, mm, vpn)
            what = "marked exclusive" if remembered else "not marked exclusive"
            m.say(reasons.UNMAPPED, mm, vpn, pfn, what, slot=slot)
    return ""


def remove_mapping(m: Draft, head: int) -> None:
    """Linux __remove_mapping(): written out and freed, unless somebody else holds the folio."""
    value = m.compounds.get(head)
    if value is None or value.slot < 0 or value.mapcount:
        return
    slots = m.slots.mutate()
    freed = value.refcount == value.pages
    for i in range(value.pages):
        slot = slots[value.slot + i]
        data = m.folios[head + i].data
        slots[value.slot + i] = replace(slot, data=data, cache=-1 if freed else slot.cache)
    m.slots = slots.finish()
    if not freed:
        m.say(reasons.STAYS_CACHED, -1, -1, head)
        return
    m.say(reasons.SWAPPED, -1, -1, head, slot=value.slot)
    first = value.slot
    for i in range(value.pages):
        if not m.slots[first + i].count:
            m.slots = m.slots.delete(first + i)
    large.set_compound(m, head, replace(value, slot=-1))
