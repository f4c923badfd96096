"""Large folios: mappings, owners, and the splits (mm/huge_memory.c, mm/rmap.c).

A large folio's pages stand in `folios` like small ones; what they share stands in `compounds`
under the head's frame number. A PMD maps all of it with one reference and one mapcount.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import astuple, replace

from . import reasons
from .neighbours import change_pages
from .state import (
    TABLE,
    ZEROES,
    Compound,
    Entry,
    Folio,
    HugeZero,
    Pmd,
    Present,
    Version,
    Zero,
    ptes_of,
)
from .stretches import Stretch, drop, fill, put_all, stretches
from .touched import touch

if TYPE_CHECKING:
    from .draft import Draft
    from .frames import Frames


def alloc(
    m: Frames, mm: int, first: int, data: Iterable[tuple[int, Version]] | None = None,
    *, hugetlb: bool = False, mlocked: bool = False, inode: tuple[int, int] | None = None,
) -> int:  # fmt: skip
    """A large folio that one PMD of `mm` maps; returns its head, or -1 without free memory.

    With an `inode` it is shared memory, which is nobody's own. `data`: how many pages hold what.

    Large folios do not wait in an LRU batch (folio_batch_add() moves them at once).
    """
    pages = m.config.huge
    if len(m.folios) + pages > m.config.memory:
        m.say(reasons.NO_MEMORY, -1, -1, -1, len(m.folios), m.config.memory)
        return -1
    head = m.next_pfn
    m.next_pfn = head + pages
    frames = range(head, head + pages)
    page = Folio(ZEROES, head=head, anon=inode is None)
    if data is None:
        m.folios = fill(m.folios, frames, page)
    else:
        at, parts = head, []
        for count, version in data:
            if count:
                parts.append((at, count, replace(page, data=version)))
            at += count
        m.folios = put_all(m.folios, parts)
    if m.policy.sets_page and inode is None:
        m.folios = m.folios.set(head, replace(m.folios[head], exclusive=True))
    m.compounds = m.compounds.set(
        head,
        Compound(
            pages,
            ((mm, first),),
            owners=((mm, 1),),
            hugetlb=hugetlb,
            swapbacked=not hugetlb,
            dirty=True,
            mlocked=mlocked,
            inode=inode,
        ),
    )
    m.touched.add(head)
    return head


def set_compound(m: Frames, head: int, value: Compound) -> None:
    """Store what the pages share; without references the folio is freed, pages and all."""
    m.touched.add(head)
    if value.refcount:
        m.compounds = m.compounds.set(head, value)
        return
    m.say(reasons.FREED, -1, -1, head)
    m.folios = drop(m.folios, range(head, head + value.pages))
    m.compounds = m.compounds.delete(head)


# -- mappings and owners ------------------------------------------------------------------------


def add_owner(value: Compound, mm: int, count: int) -> Compound:
    """Linux folio_add_return_large_mapcount(): two owner slots, and the bit "maybe shared"."""
    for at, (owner, held) in enumerate(value.owners):
        if owner == mm:
            owners = (*value.owners[:at], (mm, held + count), *value.owners[at + 1 :])
            return replace(value, owners=owners)
    shared = value.shared or value.mapcount > 0
    if len(value.owners) < 2:
        return replace(value, owners=(*value.owners, (mm, count)), shared=shared)
    return replace(value, shared=shared)


def drop_owner(value: Compound, mm: int, count: int) -> Compound:
    """Linux folio_sub_return_large_mapcount(); `value` has the mappings that are left."""
    left = len(value.maps) + value.ptes
    shared = value.shared and left > 0
    owners = []
    for slot in value.owners:
        if slot[0] == mm:
            slot = (mm, slot[1] - count)
        if slot[1] > 0:
            owners.append(slot)
            shared = shared and slot[1] != left
    return replace(value, owners=tuple(owners), shared=shared)


def add_mappings(m: Frames, head: int, mm: int, count: int) -> None:
    """So many more PTEs map a page of the folio."""
    set_compound(m, head, more_ptes(m.compounds[head], count, mm))


def more_ptes(value: Compound, count: int, mm: int) -> Compound:
    """So many PTEs of `mm` more map a page of the folio."""
    return replace(add_owner(value, mm, count), ptes=value.ptes + count)


def fewer_ptes(value: Compound, count: int, mm: int) -> Compound:
    """So many PTEs of `mm` no longer map a page of the folio."""
    ptes = value.ptes - count
    left = replace(value, ptes=ptes, partly=ptes > 0 or bool(value.maps))
    return drop_owner(left, mm, count)


def unmap_page(m: Frames, pfn: int, mm: int, vpn: int) -> None:
    """One PTE less: folio_remove_rmap_pte(), and the folio tries to leave the swap cache."""
    page = m.folios[pfn]
    gone = (mm, vpn - pfn)
    m.set_folio(pfn, replace(page, maps=tuple(at for at in page.maps if at != gone)))
    leave(m, page.head, fewer_ptes(m.compounds[page.head], 1, mm))


def unmap_pages(m: Frames, head: int, mm: int, parts: list[tuple[range, range]]) -> None:
    """All at once: the (pages, frames) of PTEs of `mm` that map pages of one folio."""
    for vpns, frames in parts:
        gone = (mm, vpns.start - frames.start)
        m.folios = change_pages(m.folios, frames, partial(unmapped, gone=gone))
    count = sum(len(vpns) for vpns, _ in parts)
    value = fewer_ptes(m.compounds[head], count, mm)
    m.say(reasons.ZAPPED_PTES, mm, parts[0][0].start, head, count)
    leave(m, head, value)


def unmapped(page: Folio, gone: tuple[int, int]) -> Folio:
    return replace(page, maps=tuple(at for at in page.maps if at != gone))


def add_pmd(m: Frames, head: int, mm: int, first: int) -> None:
    value = m.compounds[head]
    set_compound(m, head, replace(add_owner(value, mm, 1), maps=(*value.maps, (mm, first))))


def unmap_pmd(m: Frames, head: int, mm: int, first: int) -> None:
    """One PMD less: folio_remove_rmap_pmd()."""
    value = m.compounds[head]
    maps = tuple(at for at in value.maps if at != (mm, first))
    leave(m, head, drop_owner(replace(value, maps=maps), mm, 1))


def leave(m: Frames, head: int, value: Compound) -> None:
    m.compounds = m.compounds.set(head, value)
    if value.slot >= 0 and not value.mapcount and free_swap(m, head):
        return
    set_compound(m, head, m.compounds[head])


def free_swap(m: Frames, head: int) -> bool:
    """Linux folio_free_swap(): leave the swap cache, unless a page of it is still an entry."""
    value = m.compounds[head]
    if any(slot.count for _, _, slot in stretches(m.slots, value.slot, value.pages)):
        return False
    m.say(reasons.SWAPCACHE_FREED, -1, -1, head, slot=value.slot)
    m.slots = drop(m.slots, range(value.slot, value.slot + value.pages))
    set_compound(m, head, replace(value, slot=-1, dirty=True))
    return True


# -- splits -------------------------------------------------------------------------------------


def split_pmd(m: Draft, mm: int, first: int) -> None:
    """Linux __split_huge_pmd_locked(): one PMD becomes PTEs with the same bits; never fails."""
    pmd = m.tables[mm][~first]
    pages = m.config.huge
    table = m.tables[mm].set(~first, TABLE)
    vpns = range(first, first + pages)
    if type(pmd) is HugeZero:
        m.tables = m.tables.set(mm, fill(table, vpns, Zero(pmd.uffd_wp)))
        m.say(reasons.SPLIT_HUGE_ZERO, mm, first, -1, pages)
        return
    assert type(pmd) is Pmd
    assert not m.compounds[pmd.pfn].hugetlb
    head = pmd.pfn
    distributes = m.policy.split_distributes
    bit = m.folios[head].exclusive
    entry: Entry = Present(*astuple(pmd))
    if pmd.exclusive and not distributes:
        table = fill(table, vpns, replace(entry, exclusive=False)).set(first, entry)
    else:
        table = fill(table, vpns, entry)
    m.tables = m.tables.set(mm, table)
    m.folios = change_pages(
        m.folios,
        range(head, head + pages),
        lambda page: replace(
            page,
            maps=(*page.maps, (mm, first - head)),
            exclusive=page.exclusive or (bit and distributes),
        ),
    )
    value = m.compounds[head]
    maps = tuple(at for at in value.maps if at != (mm, first))
    value = add_owner(replace(value, ptes=value.ptes + pages), mm, pages)
    set_compound(m, head, drop_owner(replace(value, maps=maps), mm, 1))
    if not distributes:
        touch(m.touched, range(head, head + pages))
    m.say(reasons.SPLIT_PMD, mm, first, head, pages, "exclusive" if bit else "not exclusive")


def split_partial(m: Draft, mm: int, pages: range) -> None:
    """Split every huge PMD that these pages cover only in part."""
    for first in m.pmds(mm, pages):
        if first < pages.start or pages.stop < first + m.config.huge:
            split_pmd(m, mm, first)


def locking(m: Frames) -> set[int]:
    """The mms that have locked something."""
    return {
        mm
        for mm, space in m.mms.items()
        if any(vma.locked for area in space.areas.values() for vma in area.vmas)
    }


def map_zero_filled(m: Draft, head: int) -> None:
    """Linux try_to_map_unused_to_zeropage(): the split gives no page to what is all zeroes."""
    gone: dict[int, list[tuple[range, range]]] = {}
    asked = locking(m)
    for pfn, count, page in stretches(m.folios, head, m.compounds[head].pages):
        if page.data.value:
            continue
        for mm, by in page.maps:
            # What is locked is asked page by page.
            some = [(pfn, count)] if mm not in asked else [(pfn + i, 1) for i in range(count)]
            for at, same in some:
                if mm not in asked or not m.locked(mm, at + by):
                    vpns, frames = range(at + by, at + by + same), range(at, at + same)
                    gone.setdefault(mm, []).append((vpns, frames))
    for mm, mapped in gone.items():
        table = m.tables[mm]
        zeroed: list[Stretch[Entry]] = []
        for vpns, _ in mapped:
            for vpn, count, pte in stretches(table, vpns.start, len(vpns)):
                assert type(pte) is Present
                zeroed.append((vpn, count, Zero(pte.uffd_wp)))
        m.tables = m.tables.set(mm, put_all(table, zeroed))
        count = sum(len(vpns) for vpns, _ in mapped)
        m.say(reasons.SPLIT_TO_ZERO, mm, mapped[0][0].start, head, count)
        unmap_pages(m, head, mm, mapped)


def split_folio(m: Draft, head: int) -> str:
    """Linux split_folio(): base pages of their own. Returns why it cannot be, or "".

    Every mapping becomes a migration entry meanwhile, which remembers the exclusive bit where the
    policy has it do so; any reference beyond mappings and swap cache refuses.
    """
    value = m.compounds[head]
    spare = value.refcount - value.mapcount - (value.pages if value.slot >= 0 else 0)
    if spare or value.hugetlb:
        why = f"{spare} references beyond its mappings" if spare else "hugetlb pages never split"
        m.say(reasons.SPLIT_REFUSED, -1, -1, head, why)
        return why
    for mm, first in value.maps:
        split_pmd(m, mm, first)
    if m.policy.split_maps_zero and not value.mlocked:
        map_zero_filled(m, head)
        if head not in m.compounds:
            return ""
    value = m.compounds[head]
    keeps = m.policy.bit == "page" and m.policy.migration_keeps
    asked = locking(m)
    pfns = range(head, head + value.pages)
    bodies: list[Stretch[Folio]] = []
    for first, count, page in stretches(m.folios, head, value.pages):
        # Each page has a slot of its own, and is locked by itself.
        alike = value.slot < 0 and not any(mm in asked for mm, _ in page.maps)
        for pfn in range(first, first + count, count if alike else 1):
            slot = value.slot + pfn - head if value.slot >= 0 else -1
            if not page.maps and (slot < 0 or not m.slots[slot].count):
                if slot >= 0:
                    m.slots = m.slots.delete(slot)
                continue
            locked = value.mlocked or (
                not alike and any(m.locked(mm, vpn) for mm, vpn in ptes_of(page, pfn))
            )
            body = Folio(
                page.data,
                page.maps,
                page.exclusive and keeps,
                slot=slot,
                swapbacked=value.swapbacked,
                dirty=value.dirty,
                mlocked=locked,
            )
            bodies.append((pfn, count if alike else 1, body))
    m.folios = put_all(drop(m.folios, pfns), bodies)
    m.compounds = m.compounds.delete(head)
    touch(m.touched, pfns)
    m.say(reasons.SPLIT_FOLIO, -1, -1, head, value.pages, value.refcount)
    return ""
