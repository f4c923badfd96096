"""Reclaim of large folios: consecutive swap slots, or a split (mm/vmscan.c, mm/rmap.c)."""

from __future__ import annotations

from collections import Counter

from immutables import MapMutation
from msgspec.structs import replace

from . import large, reasons
from .draft import Draft
from .state import Entry, Present, Slot, Swapped, ptes_of


def shrink_large(m: Draft, head: int) -> str:
    """Linux shrink_folio_list() of a large folio; "" when it left its page tables."""
    value = m.compounds[head]
    if value.hugetlb:
        return "hugetlb pages are not swapped"
    if not value.swapbacked:
        return discard(m, head)
    if m.policy.reclaim_refuses_pinned and value.maybe_pinned:
        m.say(reasons.RECLAIM_KEEPS, -1, -1, head)
        return f"may be pinned: pincount {value.pincount}"
    if value.slot < 0:
        spare = value.refcount - value.mapcount
        if spare:
            m.say(reasons.SPLIT_REFUSED, -1, -1, head, f"{spare} references beyond its mappings")
            return "somebody else holds it, so it could not be split"
        if not add_to_swap(m, head):
            return "no free swap slots"
    for mm, first in m.compounds[head].maps:
        large.split_pmd(m, mm, first)
    why = unmap_pages(m, head)
    remove_mapping(m, head)
    return why


def discard(m: Draft, head: int) -> str:
    """try_to_unmap_one() after MADV_FREE, PTE by PTE: gone where nobody wrote or holds it."""
    for mm, first in m.compounds[head].maps:
        large.split_pmd(m, mm, first)
    pages = m.compounds[head].pages
    for pfn in range(head, head + pages):
        for mm, vpn in ptes_of(m.folios[pfn], pfn):
            value = m.compounds[head]
            pte = m.tables[mm][vpn]
            assert type(pte) is Present
            if pte.dirty or value.dirty:
                m.say(reasons.REDIRTIED, mm, vpn, head, "dirty")
                large.set_compound(m, head, replace(value, swapbacked=True))
                return "written since MADV_FREE"
            if value.refcount != value.mapcount:
                why = f"refcount {value.refcount} > {value.mapcount}"
                m.say(reasons.REDIRTIED, mm, vpn, head, why)
                return "somebody else holds it"
            m.clear_pte(mm, vpn)
            large.unmap_page(m, pfn, mm, vpn)
            m.forget(mm, vpn)
    m.say(reasons.DISCARDED_LARGE, -1, -1, -1, pages)
    return ""


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
    policy = m.policy
    refuses = policy.unmap_checks_pinned and value.maybe_pinned
    folios, slots = m.folios.mutate(), m.slots.mutate()
    tables: dict[int, MapMutation[int, Entry]] = {}
    gone: Counter[int] = Counter()
    marked: Counter[int] = Counter()
    why = ""
    for pfn in range(head, head + value.pages):
        page = folios[pfn]
        slot = value.slot + pfn - head
        owned, left = page.exclusive, page.maps
        for mm, vpn in ptes_of(page, pfn):
            table = tables.get(mm)
            if table is None:
                table = tables[mm] = m.tables[mm].mutate()
            pte = table[vpn]
            assert type(pte) is Present
            exclusive = pte.exclusive or owned
            if refuses and exclusive:
                m.say(reasons.UNMAP_KEEPS, mm, vpn, pfn)
                why = f"may be pinned: pincount {value.pincount}"
                break
            remembered = exclusive and policy.swap_exclusive
            table[vpn] = Swapped(slot, remembered, pte.uffd_wp, pte.soft_dirty)
            owned = owned and not policy.swapout_clears
            left = left[1:]
            gone[mm] += 1
            marked[mm] += remembered
        unmapped = len(page.maps) - len(left)
        if unmapped:
            folios[pfn] = replace(page, maps=left, exclusive=owned)
            slots[slot] = replace(slots[slot], count=slots[slot].count + unmapped)
            m.touched.update((pfn, ~slot))
        if why:
            break
    m.folios, m.slots = folios.finish(), slots.finish()
    for mm, table in tables.items():
        m.tables = m.tables.set(mm, table.finish())
    for mm, count in gone.items():
        value = m.compounds[head]
        value = large.drop_owner(replace(value, ptes=value.ptes - count), mm, count)
        large.set_compound(m, head, replace(value, partly=value.mapcount > 0))
        m.say(reasons.UNMAPPED_PTES, -1, -1, head, count, marked[mm], slot=value.slot)
    return why


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
    slots = m.slots.mutate()
    for number in range(value.slot, value.slot + value.pages):
        if not slots[number].count:
            del slots[number]
    m.slots = slots.finish()
    large.set_compound(m, head, replace(value, slot=-1))
