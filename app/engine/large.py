"""Large folios: mappings, owners, and the splits (mm/huge_memory.c, mm/rmap.c).

A large folio's pages stand in `folios` like small ones; what they share stands in `compounds`
under the head's frame number. A PMD maps all of it with one reference and one mapcount.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from immutables import MapMutation
from msgspec.structs import astuple, replace

from . import reasons
from .equal import by_key, change_pages
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

if TYPE_CHECKING:
    from .draft import Draft
    from .frames import Frames


def alloc(
    m: Frames, mm: int, first: int, data: list[Version] | None = None, *, hugetlb: bool = False,
    mlocked: bool = False, inode: tuple[int, int] | None = None,
) -> int:  # fmt: skip
    """A large folio that one PMD of `mm` maps; returns its head, or -1 without free memory.

    With an `inode` it is shared memory, which is nobody's own.

    Large folios do not wait in an LRU batch (folio_batch_add() moves them at once).
    """
    pages = m.config.huge
    if len(m.folios) + pages > m.config.memory:
        m.say(reasons.NO_MEMORY, -1, -1, -1, len(m.folios), m.config.memory)
        return -1
    head = m.next_pfn
    m.next_pfn = head + pages
    frames = range(head, head + pages)
    if data is None:
        body = dict.fromkeys(frames, Folio(ZEROES, head=head, anon=inode is None))
    else:
        body = {pfn: Folio(value, head=head) for pfn, value in zip(frames, data, strict=True)}
    if m.policy.sets_page and inode is None:
        body[head] = replace(body[head], exclusive=True)
    m.folios = m.folios.update(body)
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
    folios = m.folios.mutate()
    for pfn in range(head, head + value.pages):
        del folios[pfn]
    m.folios = folios.finish()
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
    owners = tuple(
        (owner, held - count if owner == mm else held)
        for owner, held in value.owners
        if owner != mm or held > count
    )
    shared = value.shared and all(held != value.mapcount for _, held in owners)
    return replace(value, owners=owners, shared=shared and value.mapcount > 0)


def add_mappings(m: Frames, head: int, mm: int, count: int) -> None:
    """So many more PTEs map a page of the folio."""
    value = m.compounds[head]
    set_compound(m, head, replace(add_owner(value, mm, count), ptes=value.ptes + count))


def fewer_ptes(value: Compound, mm: int, count: int) -> Compound:
    """So many PTEs of `mm` no longer map a page of the folio."""
    left = drop_owner(replace(value, ptes=value.ptes - count), mm, count)
    return replace(left, partly=left.mapcount > 0)


def unmap_page(m: Frames, pfn: int, mm: int, vpn: int) -> None:
    """One PTE less: folio_remove_rmap_pte(), and the folio tries to leave the swap cache."""
    page = m.folios[pfn]
    gone = (mm, vpn - pfn)
    m.set_folio(pfn, replace(page, maps=tuple(at for at in page.maps if at != gone)))
    leave(m, page.head, fewer_ptes(m.compounds[page.head], mm, 1))


def unmap_pages(m: Frames, head: int, mm: int, mapped: list[tuple[int, int]]) -> None:
    """All at once: the (pfn, vpn) of PTEs of `mm` that map pages of one folio."""
    for at, pfns in by_key((vpn - pfn, pfn) for pfn, vpn in mapped).items():
        m.folios = change_pages(m.folios, pfns, partial(unmapped, gone=(mm, at)))
    value = fewer_ptes(m.compounds[head], mm, len(mapped))
    m.say(reasons.ZAPPED_PTES, mm, mapped[0][1], head, len(mapped))
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
    slots = range(value.slot, value.slot + value.pages)
    if any(m.slots[slot].count for slot in slots):
        return False
    m.say(reasons.SWAPCACHE_FREED, -1, -1, head, slot=value.slot)
    mutation = m.slots.mutate()
    for slot in slots:
        del mutation[slot]
    m.slots = mutation.finish()
    set_compound(m, head, replace(value, slot=-1, dirty=True))
    return True


# -- splits -------------------------------------------------------------------------------------


def split_pmd(m: Draft, mm: int, first: int) -> None:
    """Linux __split_huge_pmd_locked(): one PMD becomes PTEs with the same bits; never fails."""
    pmd = m.tables[mm][~first]
    pages = m.config.huge
    entries: dict[int, Entry] = {~first: TABLE}
    if type(pmd) is HugeZero:
        entries.update(dict.fromkeys(range(first, first + pages), Zero(pmd.uffd_wp)))
        m.tables = m.tables.set(mm, m.tables[mm].update(entries))
        m.say(reasons.SPLIT_HUGE_ZERO, mm, first, -1, pages)
        return
    assert type(pmd) is Pmd
    assert not m.compounds[pmd.pfn].hugetlb
    head = pmd.pfn
    distributes = m.policy.split_distributes
    bit = m.folios[head].exclusive
    _, write, dirty, young, owned, uffd_wp, soft_dirty = astuple(pmd)
    for i in range(pages):
        exclusive = owned and (distributes or not i)
        entries[first + i] = Present(head + i, write, dirty, young, exclusive, uffd_wp, soft_dirty)
    m.folios = change_pages(
        m.folios,
        range(head, head + pages),
        lambda page: replace(
            page,
            maps=(*page.maps, (mm, first - head)),
            exclusive=page.exclusive or (bit and distributes),
        ),
    )
    m.tables = m.tables.set(mm, m.tables[mm].update(entries))
    value = m.compounds[head]
    maps = tuple(at for at in value.maps if at != (mm, first))
    value = add_owner(replace(value, ptes=value.ptes + pages), mm, pages)
    set_compound(m, head, drop_owner(replace(value, maps=maps), mm, 1))
    if not distributes:
        m.touched.update(range(head, head + pages))
    m.say(reasons.SPLIT_PMD, mm, first, head, pages, "exclusive" if bit else "not exclusive")


def split_partial(m: Draft, mm: int, pages: range) -> None:
    """Split every huge PMD that these pages cover only in part."""
    for first in m.pmds(mm, pages):
        if first < pages.start or pages.stop < first + m.config.huge:
            split_pmd(m, mm, first)


def map_zero_filled(m: Draft, head: int) -> None:
    """Linux try_to_map_unused_to_zeropage(): the split gives no page to what is all zeroes."""
    tables: dict[int, MapMutation[int, Entry]] = {}
    gone: dict[int, list[tuple[int, int]]] = {}
    for pfn in range(head, head + m.compounds[head].pages):
        page = m.folios[pfn]
        for mm, vpn in ptes_of(page, pfn) if page.data.value == 0 else ():
            if m.locked(mm, vpn):
                continue
            if mm not in tables:
                tables[mm] = m.tables[mm].mutate()
            pte = tables[mm][vpn]
            assert type(pte) is Present
            tables[mm][vpn] = Zero(pte.uffd_wp)
            gone.setdefault(mm, []).append((pfn, vpn))
    for mm, mapped in gone.items():
        m.tables = m.tables.set(mm, tables[mm].finish())
        m.say(reasons.SPLIT_TO_ZERO, mm, mapped[0][1], head, len(mapped))
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
    locking = {
        mm
        for mm, space in m.mms.items()
        if any(vma.locked for area in space.areas.values() for vma in area.vmas)
    }
    bodies: dict[int, Folio] = {}
    unused: list[int] = []
    before, after = None, None
    for pfn in range(head, head + value.pages):
        page = m.folios[pfn]
        slot = value.slot + pfn - head if value.slot >= 0 else -1
        if not page.maps and (slot < 0 or not m.slots[slot].count):
            unused.append(pfn)
            if slot >= 0:
                m.slots = m.slots.delete(slot)
            continue
        if after is None or page is not before or locking or slot >= 0:
            before = page
            maps = ptes_of(page, pfn) if locking else ()
            after = Folio(
                page.data,
                page.maps,
                page.exclusive and keeps,
                slot=slot,
                swapbacked=value.swapbacked,
                dirty=value.dirty,
                mlocked=value.mlocked or any(m.locked(mm, v) for mm, v in maps if mm in locking),
            )
        bodies[pfn] = after
    folios = m.folios.mutate()
    folios.update(bodies)
    for pfn in unused:
        del folios[pfn]
    m.folios = folios.finish()
    m.compounds = m.compounds.delete(head)
    m.touched.update(range(head, head + value.pages))
    m.say(reasons.SPLIT_FOLIO, -1, -1, head, value.pages, value.refcount)
    return ""
