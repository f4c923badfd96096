"""Reclaim of large folios: consecutive swap slots, or a split (mm/vmscan.c, mm/rmap.c)."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft
from .state import Entry, Folio, Present, Slot, Swapped, ptes_of


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
    folios, by = m.folios, head - first
    slots = range(first, first + value.pages)
    m.slots = m.slots.update({at: Slot(0, folios[at + by].data, at + by) for at in slots})
    large.set_compound(m, head, replace(value, slot=first, dirty=True))
    m.say(reasons.TO_SWAP, -1, -1, head, slot=first)
    return True


def unmap_pages(m: Draft, head: int) -> str:
    """Linux try_to_unmap(): every PTE of every page becomes a swap entry, unless a pin forbids."""
    value = m.compounds[head]
    policy = m.policy
    refuses = policy.unmap_checks_pinned and value.maybe_pinned
    folios, slots = m.folios, m.slots
    to_slot = value.slot - head
    bodies: dict[int, Folio] = {}
    counts: dict[int, Slot] = {}
    entries: dict[int, dict[int, Entry]] = {}
    marked: Counter[int] = Counter()
    why = ""
    before, after = None, None
    for pfn in range(head, head + value.pages):
        page = folios[pfn]
        owned, unmapped = page.exclusive, 0
        for mm, by in page.maps:
            pte = m.tables[mm][by + pfn]
            assert type(pte) is Present
            exclusive = pte.exclusive or owned
            if refuses and exclusive:
                m.say(reasons.UNMAP_KEEPS, mm, by + pfn, pfn)
                why = f"may be pinned: pincount {value.pincount}"
                break
            remembered = exclusive and policy.swap_exclusive
            entry = Swapped(pfn + to_slot, remembered, pte.uffd_wp, pte.soft_dirty)
            entries.setdefault(mm, {})[by + pfn] = entry
            owned = owned and not policy.swapout_clears
            unmapped += 1
            marked[mm] += remembered
        if unmapped:
            if after is None or page is not before or why:
                before = page
                after = replace(page, maps=page.maps[unmapped:], exclusive=owned)
            bodies[pfn] = after
            slot = slots[pfn + to_slot]
            counts[pfn + to_slot] = replace(slot, count=slot.count + unmapped)
        if why:
            break
    m.folios, m.slots = folios.update(bodies), slots.update(counts)
    m.touched.update(bodies)
    m.touched.update([~slot for slot in counts])
    for mm, gone in entries.items():
        m.tables = m.tables.set(mm, m.tables[mm].update(gone))
    for mm, gone in entries.items():
        count = len(gone)
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
    freed = value.refcount == value.pages
    written: dict[int, Slot] = {}
    unused: list[int] = []
    for i in range(value.pages):
        slot = m.slots[value.slot + i]
        data = m.folios[head + i].data
        if not freed:
            written[value.slot + i] = replace(slot, data=data)
        elif slot.count:
            written[value.slot + i] = replace(slot, data=data, cache=-1)
        else:
            unused.append(value.slot + i)
    slots = m.slots.mutate()
    slots.update(written)
    for number in unused:
        del slots[number]
    m.slots = slots.finish()
    if not freed:
        m.say(reasons.STAYS_CACHED, -1, -1, head)
        return
    m.say(reasons.SWAPPED, -1, -1, head, slot=value.slot)
    large.set_compound(m, head, replace(value, slot=-1))
