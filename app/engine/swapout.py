"""Taking pages away: MADV_PAGEOUT, reclaim, and the swap cache (mm/madvise.c, vmscan.c, rmap.c)."""

from __future__ import annotations

from msgspec.structs import replace

from . import large, reasons, swaplarge
from .blocks import nth
from .draft import Draft, vma_of, without
from .neighbours import mapped_alike, neighbours
from .state import NOT_CACHED, Area, Folio, Marker, Present, Slot, Swapped, folio_of, ptes_of
from .stretches import fill, stretches


def pageout(m: Draft, mm: int, area: Area, pages: range) -> list[str]:
    """MADV_PAGEOUT of some pages; returns why pages were skipped, one sentence each.

    Linux madvise_pageout() of one VMA: takes every page that this mm alone maps. A page on another
    CPU's batch is not on the LRU and stays.
    """
    kept = split_for(m, mm, pages)
    skipped: list[str] = []
    chosen: list[tuple[int, int]] = []
    for part, _ in neighbours(m, mm, pages):
        why, pfn = may_pageout(m, mm, area, part.start, kept)
        large = pfn >= 0 and m.folios[pfn].head >= 0
        if why:
            step = 0 if pfn < 0 or large else 1
            for i, vpn in enumerate(part):
                m.say(reasons.SWAP_SKIPS, mm, vpn, pfn + i * step, why)
            skipped.append(why)
        elif large and (pfn, 1) not in chosen[-1:]:
            chosen.append((pfn, 1))
        elif not large:
            chosen.append((pfn, len(part)))
    for pfn, count in chosen:
        skipped += shrink_folios(m, pfn, count, m.cpu)
    return skipped


def may_pageout(m: Draft, mm: int, area: Area, vpn: int, kept: dict[int, str]) -> tuple[str, int]:
    """Why MADV_PAGEOUT leaves this page alone ("" if it does not), and its frame.

    `kept` are the large folios that could not be split, each with the reason.
    """
    vma = vma_of(area, vpn)
    if vma is None:
        return "no VMA", -1
    pte = m.pte(mm, vpn)
    if type(pte) is not Present:
        what = (
            "no page"
            if pte is None or type(pte) is Marker
            else "swapped already"
            if type(pte) is Swapped
            else "the zero page"
        )
        return what, -1
    folio = m.folios[pte.pfn]
    if folio.head >= 0:
        return kept.get(folio.head) or may_pageout_large(m, folio.head), folio.head
    if not folio.lru:
        return f"not on the LRU: it is in the batch of CPU {folio.batch}", pte.pfn
    if folio.mapcount != 1:
        return f"shared: mapcount {folio.mapcount}", pte.pfn
    if folio.mlocked:
        return LOCKED, pte.pfn
    return "", pte.pfn


def may_pageout_large(m: Draft, head: int) -> str:
    """Why MADV_PAGEOUT leaves a large folio alone; one that it covers in part was split before."""
    value = m.compounds[head]
    if value.hugetlb:
        return "hugetlb pages are not swapped"
    if value.shared or value.mapcount not in (1, value.pages):
        return f"shared, or not all of it: mapcount {value.mapcount}"
    return LOCKED if value.mlocked else ""


def split_for(m: Draft, mm: int, pages: range) -> dict[int, str]:
    """madvise_cold_or_pageout_pte_range(): large folios covered in part are split first.

    Returns why some were not, by head frame.
    """
    refused: dict[int, str] = {}
    if not m.compounds:
        return refused
    whole: set[int] = set()
    for part, pte in neighbours(m, mm, pages):
        vpn = part.start
        if type(pte) is not Present or m.folios[pte.pfn].head < 0:
            continue
        head = m.folios[pte.pfn].head
        value = m.compounds[head]
        first = vpn - (pte.pfn - head)
        covered = pages.start <= first and first + value.pages <= pages.stop
        if head in refused or head in whole or value.hugetlb:
            continue
        if covered and all_here(m, mm, first, head, value.pages):
            whole.add(head)
            continue
        if value.shared:
            refused[head] = "shared, and only part of it is meant"
        elif why := large.split_folio(m, head):
            refused[head] = why
    return refused


def all_here(m: Draft, mm: int, first: int, head: int, pages: int) -> bool:
    """Does this mm map every page of the folio in order from `first`?"""
    if m.pmds(mm, range(first, first + pages)) == [first]:
        return True
    parts = list(stretches(m.tables[mm], first, pages))
    return sum(count for _, count, _ in parts) == pages and all(
        type(pte) is Present and pte.pfn - head == vpn - first for vpn, _, pte in parts
    )


def reclaim(m: Draft, mm: int, pages: range) -> list[str]:
    """Reclaim proper of the pages mapped here: shared ones go out too, from everybody."""
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    skipped: list[str] = []
    while pages:
        part, pte = next(neighbours(m, mm, pages))
        if type(pte) is Present and folio_of(m, pte.pfn).mlocked:
            for i, vpn in enumerate(part):
                m.say(reasons.SWAP_SKIPS, mm, vpn, pte.pfn + i, LOCKED)
            skipped.append(LOCKED)
        elif type(pte) is Present:
            # Of a large folio each page asks again, if it is still there.
            part = part[:1] if m.folios[pte.pfn].head >= 0 else part
            # The reclaiming thread does not run where the tasks do.
            skipped += shrink_folios(m, pte.pfn, len(part), m.config.cpus - 1)
        elif type(pte) is not Swapped:
            for vpn in part:
                m.say(reasons.SWAP_SKIPS, mm, vpn, -1, "no page to reclaim")
            skipped.append("no page to reclaim")
        pages = pages[len(part) :]
    return skipped


LOCKED = "locked in memory"


def shrink_folios(m: Draft, pfn: int, count: int, cpu: int) -> list[str]:
    """`shrink_folio` of frames in order; returns why those that stay mapped do."""
    skipped: list[str] = []
    while count > 1:
        _, same, folio = next(mapped_alike(m, pfn, count))
        slot, lru, violations = m.next_slot, m.lru, len(m.violations)
        said = m.said()
        why = shrink_folio(m, pfn, cpu)
        done = 1
        if why:
            skipped.append(why)
        elif (
            m.next_slot == slot + 1 and slot in m.slots and m.slots[slot].cache < 0
            and folio.inode is None and pfn not in m.folios
            and m.lru is lru and len(m.violations) == violations
        ):  # fmt: skip
            done += swap_others(m, pfn, folio, slot, min(same - 1, m.config.slots - len(m.slots)))
            m.say_again(m.told_since(said), done - 1, (pfn,))
        pfn, count = pfn + done, count - done
    if count and (why := shrink_folio(m, pfn, cpu)):
        skipped.append(why)
    return skipped


def swap_others(m: Draft, pfn: int, folio: Folio, slot: int, count: int) -> int:
    """What became of the page in frame `pfn`, now in `slot`, becomes of `count` alike behind it."""
    if count <= 0:
        return 0
    m.next_slot += count
    m.set_slots([(slot + 1, count, nth(m.slots[slot], 1))])
    for mm, by in folio.maps:
        entry = m.tables[mm][pfn + by]
        vpns = range(pfn + by, pfn + by + count + 1)
        m.tables = m.tables.set(mm, fill(m.tables[mm], vpns, entry))
    m.drop_folios([(pfn + 1, count)])
    return count


def shrink_folio(m: Draft, pfn: int, cpu: int) -> str:
    """Linux reclaim_folio_list() of one folio, on `cpu`; "" when it left its page tables."""
    if not m.folios[pfn].anon:
        return shrink_page_cache(m, pfn)
    if m.folios[pfn].head >= 0:
        return swaplarge.shrink_large(m, m.folios[pfn].head)
    why = unmap_to_swap(m, pfn)
    remove_mapping(m, pfn)
    if pfn in m.folios:
        m.putback_lru(pfn, cpu)
    return why


def unmap_to_swap(m: Draft, pfn: int) -> str:
    """Linux shrink_folio_list() up to try_to_unmap(); why the folio stays mapped, or ""."""
    return prepare_unmap(m, pfn) or try_to_unmap(m, pfn)


def prepare_unmap(m: Draft, pfn: int) -> str:
    """Pins are asked for, and a swap slot; why the folio stays, or ""."""
    folio = m.folios[pfn]
    if m.policy.reclaim_refuses_pinned and folio.swapbacked and folio.maybe_pinned:
        m.say(reasons.RECLAIM_KEEPS, -1, -1, pfn)
        return f"may be pinned: refcount {folio.refcount}"
    if folio.slot < 0 and folio.swapbacked and not add_to_swap(m, pfn):
        return "no free swap slot"
    return ""


def add_to_swap(m: Draft, pfn: int) -> bool:
    """Linux folio_alloc_swap(): a slot, and the swap cache's reference."""
    if m.config.swap == "none" or len(m.slots) >= m.config.slots:
        m.say(reasons.NO_SLOT, -1, -1, pfn, m.config.slots if m.config.swap != "none" else 0)
        return False
    folio = m.folios[pfn]
    slot = m.next_slot
    m.next_slot = slot + 1
    m.slots = m.slots.set(slot, Slot(0, folio.data, pfn, folio.ksm))
    m.set_folio(pfn, replace(folio, slot=slot, dirty=True))
    m.say(reasons.TO_SWAP, -1, -1, pfn, slot=slot)
    return True


def try_to_unmap(m: Draft, pfn: int) -> str:
    """Linux try_to_unmap(): every mapping becomes a swap entry, unless a pin forbids it."""
    for mm, vpn in ptes_of(m.folios[pfn], pfn):
        folio = m.folios[pfn]
        pte = m.tables[mm][vpn]
        assert type(pte) is Present
        if not folio.swapbacked:
            why = discard(m, pfn, mm, vpn, pte, folio)
            if why:
                return why
            continue
        exclusive = pte.exclusive or folio.exclusive
        why = refuse_pinned(m, pfn, mm, vpn, exclusive=exclusive)
        if why:
            return why
        clear_exclusive(m, pfn)
        install_swap_entry(m, pfn, mm, vpn, pte, exclusive=exclusive)
        drop_rmap(m, pfn, mm, vpn, pte)
    return ""


def refuse_pinned(m: Draft, pfn: int, mm: int, vpn: int, *, exclusive: bool) -> str:
    """Linux folio_try_share_anon_rmap_pte(): why the bit cannot be cleared, or ""."""
    folio = m.folios[pfn]
    if m.policy.unmap_checks_pinned and exclusive and folio.maybe_pinned:
        m.say(reasons.UNMAP_KEEPS, mm, vpn, pfn)
        return f"may be pinned: refcount {folio.refcount}"
    return ""


def clear_exclusive(m: Draft, pfn: int) -> None:
    folio = m.folios[pfn]
    if folio.exclusive and m.policy.swapout_clears:
        m.set_folio(pfn, replace(folio, exclusive=False))


def install_swap_entry(
    m: Draft, pfn: int, mm: int, vpn: int, pte: Present, *, exclusive: bool
) -> None:
    """The entry names the slot, and remembers the bit where the policy has it do so."""
    at = m.folios[pfn].slot
    remembered = exclusive and m.policy.swap_exclusive
    m.set_pte(mm, vpn, Swapped(at, remembered, pte.uffd_wp, pte.soft_dirty))
    slot = m.slots[at]
    m.set_slot(at, replace(slot, count=slot.count + 1))
    what = "marked exclusive" if remembered else "not marked exclusive"
    m.say(reasons.UNMAPPED, mm, vpn, pfn, what, slot=at)


def drop_rmap(m: Draft, pfn: int, mm: int, vpn: int, pte: Present) -> None:
    """One mapping and reference less; the PTE's dirty bit goes to the folio."""
    folio = m.folios[pfn]
    maps = without(folio.maps, (mm, vpn - pfn))
    m.set_folio(pfn, replace(folio, maps=maps, dirty=folio.dirty or pte.dirty))


def discard(m: Draft, pfn: int, mm: int, vpn: int, pte: Present, folio: Folio) -> str:
    """try_to_unmap_one() of a MADV_FREE page: gone if nobody wrote to it or holds it since."""
    if pte.dirty or folio.dirty:
        m.say(reasons.REDIRTIED, mm, vpn, pfn, "dirty")
        m.set_folio(pfn, replace(folio, swapbacked=True))
        return "written since MADV_FREE"
    if folio.refcount != folio.mapcount:
        m.say(reasons.REDIRTIED, mm, vpn, pfn, f"refcount {folio.refcount} > {folio.mapcount}")
        return "somebody else holds it"
    m.say(reasons.DISCARDED, mm, vpn, pfn)
    m.clear_pte(mm, vpn)
    area = next(a for a in m.mms[mm].areas.values() if a.start <= vpn < a.start + a.pages)
    m.keep_tables(mm, area, [range(vpn, vpn + 1)])
    m.unmap_page(pfn, mm, vpn, None)
    m.forget(mm, vpn)
    return ""


def remove_mapping(m: Draft, pfn: int) -> None:
    """Linux __remove_mapping(): written out and freed, unless somebody else holds the folio."""
    folio = m.folios.get(pfn)
    if folio is None or folio.slot < 0 or folio.maps:
        return
    at = folio.slot
    held = folio.refcount != 1
    written = not held and not (m.config.swap == "file" and folio.dirty)
    m.touched.add(pfn)
    m.set_slot(at, replace(m.slots[at], data=folio.data, cache=-1 if written else pfn))
    if held:
        m.say(reasons.STAYS_CACHED, -1, -1, pfn)
    elif written:
        m.say(reasons.SWAPPED, -1, -1, pfn, slot=at)
        m.put(pfn, replace(folio, slot=-1))
    else:
        m.set_folio(pfn, replace(folio, dirty=False))
        m.say(reasons.WRITEBACK, -1, -1, pfn, slot=at)


def shrink_page_cache(m: Draft, pfn: int) -> str:
    """Shared memory and file pages: the mappings go.

    What nobody else holds leaves the page cache, too: a file has the bytes, and shared memory goes
    to swap; its page cache then names the slot.
    """
    for mm, vpn in ptes_of(m.folios[pfn], pfn):
        pte = m.tables[mm][vpn]
        assert type(pte) is Present
        m.clear_pte(mm, vpn)
        if pte.uffd_wp:
            # pte_install_uffd_wp_if_needed(): the protection waits for the page to come back.
            m.set_pte(mm, vpn, Marker())
        m.unmap_page(pfn, mm, vpn, None)
    folio = m.folios[pfn]
    if not folio.swapbacked and not folio.dirty and folio.refcount == 1:
        assert folio.inode is not None
        m.say(reasons.PAGE_CACHE_DROPPED, -1, -1, pfn)
        m.inodes = m.inodes.set(folio.inode, NOT_CACHED)
        m.put(pfn, replace(folio, inode=None))
        return ""
    if folio.swapbacked and folio.refcount == 1 and m.config.swap != "none":
        if len(m.slots) >= m.config.slots:
            return "no free swap slot"
        assert folio.inode is not None
        slot = m.next_slot
        m.next_slot = slot + 1
        m.set_slot(slot, Slot(1, folio.data))
        m.inodes = m.inodes.set(folio.inode, ~slot)
        m.say(reasons.SWAPPED, -1, -1, pfn, slot=slot)
        m.put(pfn, replace(folio, inode=None))
    return ""
