"""Reclaim of large folios: consecutive swap slots, or a split (mm/vmscan.c, mm/rmap.c)."""

from __future__ import annotations

from collections import Counter
from functools import partial

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft
from .neighbours import change_pages, mapped_alike
from .state import Entry, Folio, Present, Slot, Swapped
from .stretches import Stretch, drop, drop_all, put_all, stretches
from .touched import touch


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
    for first, count, page in mapped_alike(m, head, pages):
        # By one owner alone it does not matter when a page goes; else each is counted as it does.
        alone = len(page.maps) == 1 and not m.compounds[head].shared and not m.handles
        some = count if alone else 1
        for pfn in range(first, first + count, some):
            for mm, by in page.maps:
                vpns = range(pfn + by, pfn + by + some)
                if why := discard_ptes(m, head, mm, vpns):
                    return why
    m.say(reasons.DISCARDED_LARGE, -1, -1, -1, pages)
    return ""


def discard_ptes(m: Draft, head: int, mm: int, vpns: range) -> str:
    """Take these PTEs, which are alike, off a large folio; why they stay, or ""."""
    value = m.compounds[head]
    vpn = vpns.start
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
    m.tables = m.tables.set(mm, drop(m.tables[mm], vpns))
    gone = partial(large.unmapped, gone=(mm, vpn - pte.pfn))
    frames = range(pte.pfn, pte.pfn + len(vpns))
    m.folios = change_pages(m.folios, frames, gone)
    touch(m.touched, frames)
    large.leave(m, head, large.fewer_ptes(value, len(vpns), mm))
    for at in vpns if m.handles else ():
        m.let_go(mm, at)
    m.ghosts = m.ghosts.set(mm, drop(m.ghosts[mm], vpns))
    return ""


def add_to_swap(m: Draft, head: int) -> bool:
    """Linux folio_alloc_swap(): as many consecutive slots as the folio has pages."""
    value = m.compounds[head]
    if m.config.swap == "none" or len(m.slots) + value.pages > m.config.slots:
        m.say(reasons.NO_SLOT, -1, -1, head, m.config.slots if m.config.swap != "none" else 0)
        return False
    first = m.next_slot
    m.next_slot = first + value.pages
    m.slots = put_all(m.slots, [
        (first + pfn - head, count, Slot(0, page.data, pfn))
        for pfn, count, page in stretches(m.folios, head, value.pages)
    ])  # fmt: skip
    large.set_compound(m, head, replace(value, slot=first, dirty=True))
    m.say(reasons.TO_SWAP, -1, -1, head, slot=first)
    return True


def unmap_pages(m: Draft, head: int) -> str:
    """Linux try_to_unmap(): every PTE of every page becomes a swap entry, unless a pin forbids."""
    value = m.compounds[head]
    policy = m.policy
    refuses = policy.unmap_checks_pinned and value.maybe_pinned
    slots, to_slot = m.slots, value.slot - head
    bodies: list[Stretch[Folio]] = []
    counts: list[Stretch[Slot]] = []
    entries: dict[int, list[Stretch[Entry]]] = {}
    marked: Counter[int] = Counter()
    why = ""
    for pfn, some, page in mapped_alike(m, head, value.pages):
        count, owned = some, page.exclusive
        gone: list[tuple[int, int, Swapped]] = []
        for mm, by in page.maps:
            pte = m.tables[mm][by + pfn]
            assert type(pte) is Present
            exclusive = pte.exclusive or owned
            if refuses and exclusive:
                m.say(reasons.UNMAP_KEEPS, mm, by + pfn, pfn)
                why = f"may be pinned: pincount {value.pincount}"
                # Pages are taken in order: what stands behind the one that stays is not reached.
                count = 1
                break
            remembered = exclusive and policy.swap_exclusive
            entry = Swapped(pfn + to_slot, remembered, pte.uffd_wp, pte.soft_dirty)
            gone.append((mm, by + pfn, entry))
            owned = owned and not policy.swapout_clears
        for mm, vpn, entry in gone:
            entries.setdefault(mm, []).append((vpn, count, entry))
            marked[mm] += entry.exclusive * count
        if gone:
            after = replace(page, maps=page.maps[len(gone) :], exclusive=owned)
            bodies.append((pfn, count, after))
            counts += [
                (at, same, replace(slot, count=slot.count + len(gone)))
                for at, same, slot in stretches(slots, pfn + to_slot, count)
            ]
        if why:
            break
    m.set_folios(bodies)
    m.set_slots(counts)
    for mm, stretched in entries.items():
        m.tables = m.tables.set(mm, put_all(m.tables[mm], stretched))
    for mm, stretched in entries.items():
        count = sum(same for _, same, _ in stretched)
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
    written: list[Stretch[Slot]] = []
    unused: list[tuple[int, int]] = []
    for pfn, count, page in stretches(m.folios, head, value.pages):
        for at, same, slot in stretches(m.slots, value.slot + pfn - head, count):
            if not freed:
                written.append((at, same, replace(slot, data=page.data)))
            elif slot.count:
                written.append((at, same, replace(slot, data=page.data, cache=-1)))
            else:
                unused.append((at, same))
    m.slots = put_all(drop_all(m.slots, unused), written)
    if not freed:
        m.say(reasons.STAYS_CACHED, -1, -1, head)
        return
    m.say(reasons.SWAPPED, -1, -1, head, slot=value.slot)
    large.set_compound(m, head, replace(value, slot=-1))
