"""Taking entries away, with the references that they held: zap_pte_range() of mm/memory.c."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from . import large, reasons
from .blocks import nth
from .draft import Draft, vma_of, without
from .reasons import Reason
from .state import Area, Entry, Folio, Pmd, Present, Swapped, Vma, folio_of
from .stretches import Stretch, drop, put_all, stretches

Entries = list[Stretch[Entry]]


def zap_pages(m: Draft, mm: int, area: Area, pages: range) -> None:
    """Linux zap_pte_range(): the entries go, with their references."""
    large.split_partial(m, mm, pages)
    for key in pmd_keys(m, mm, pages):
        zap_key(m, mm, key, None)
    table = m.tables[mm]
    present = list(stretches(table, pages.start, len(pages)))
    m.tables = m.tables.set(mm, drop(table, pages))
    huge = m.config.huge
    start, stop = -(-pages.start // huge) * huge, pages.stop // huge * huge
    outside = [(pages.start, min(start, pages.stop)), (max(stop, start), pages.stop)]
    kept = [
        range(max(vpn, lo), min(vpn + count, hi)) for vpn, count, _ in present for lo, hi in outside
    ]
    m.keep_tables(mm, area, filter(len, kept))
    zap_entries(m, mm, present, lambda vpn: vma_of(area, vpn))
    m.forget_pages(mm, pages)


def pmd_keys(m: Draft, mm: int, pages: range) -> list[int]:
    """Keys of the PMDs, huge or with a page table, that lie wholly in `pages`.

    Emptying all of it frees the page table, too (CONFIG_PT_RECLAIM): the PMD is none again.
    """
    huge, table = m.config.huge, m.tables[mm]
    start = -(-pages.start // huge) * huge
    firsts = range(start, pages.stop - huge + 1, huge)
    return [~first for first in firsts if ~first in table]


def zap_large(m: Draft, mm: int, entries: Entries) -> Entries:
    """Let go of the PTEs that map large folios, folio by folio; returns all other entries."""
    if not m.compounds:
        return entries
    others: Entries = []
    left: list[Stretch[Folio]] = []
    gone: dict[int, tuple[int, int]] = {}
    for start, length, pte in entries:
        if type(pte) is not Present:
            others.append((start, length, pte))
            continue
        by = start - pte.pfn
        for pfn, count, page in stretches(m.folios, pte.pfn, length):
            if page.head < 0:
                others.append((pfn + by, count, nth(pte, pfn - pte.pfn)))
                continue
            left.append((pfn, count, replace(page, maps=without(page.maps, (mm, by)))))
            first, before = gone.get(page.head, (pfn + by, 0))
            gone[page.head] = first, before + count
    m.folios = put_all(m.folios, left)
    for head, (first, count) in gone.items():
        m.say(reasons.ZAPPED_PTES, mm, first, head, count)
        large.leave(m, head, large.fewer_ptes(m.compounds[head], count, mm))
    return others


def zap_key(m: Draft, mm: int, key: int, vma: Vma | None) -> None:
    entry = m.tables[mm][key]
    m.clear_pte(mm, key)
    zap_entry(m, mm, key, entry, vma)


def zap_entry(m: Draft, mm: int, vpn: int, pte: Entry, vma: Vma | None) -> None:
    """What an entry held is let go; the entry itself is the caller's to clear."""
    if type(pte) is Pmd:
        m.say(reasons.ZAPPED_PMD, mm, ~vpn, pte.pfn)
        large.unmap_pmd(m, pte.pfn, mm, ~vpn)
    elif type(pte) is Present:
        folio = m.folios[pte.pfn]
        if m.events is not None:
            left = folio_of(m, pte.pfn).refcount - 1
            m.say(reasons.ZAPPED, mm, vpn, pte.pfn, left)
        if pte.dirty and not folio.anon:
            m.set_folio(pte.pfn, replace(folio, dirty=True))
        m.unmap_page(pte.pfn, mm, vpn, vma)
    elif type(pte) is Swapped:
        put_swap_entries(m, mm, vpn, 1, pte)


def zap_entries(m: Draft, mm: int, entries: Entries, find_vma: Callable[[int], Vma | None]) -> None:
    """`zap_entry` for each."""
    for first, count, pte in unmap_pages(m, mm, zap_large(m, mm, entries), reasons.ZAPPED):
        if type(pte) is Swapped:
            put_swap_entries(m, mm, first, count, pte)
            continue
        for by in range(count):
            entry = nth(pte, by)
            mlocked = type(entry) is Present and m.folios[entry.pfn].mlocked
            zap_entry(m, mm, first + by, entry, find_vma(first + by) if mlocked else None)


def put_swap_entries(m: Draft, mm: int, vpn: int, count: int, pte: Swapped) -> None:
    """Linux free_swap_and_cache_nr(): each of the slots, which are in order, has an entry less."""
    for first, same, slot in list(stretches(m.slots, pte.slot, count)):
        by = vpn - pte.slot
        cached = slot.cache >= 0
        for at in range(first, first + same) if cached else ():
            m.say(reasons.ZAPPED_SWAP, mm, at + by, -1, slot.count - 1, slot=at)
            m.put_swap(at)
        if not cached:
            said = m.said()
            m.say(reasons.ZAPPED_SWAP, mm, first + by, -1, slot.count - 1, slot=first)
            m.say_again(m.told_since(said), same - 1)
            m.set_slots([(first, same, replace(slot, count=slot.count - 1))])
            if slot.count == 1:
                m.slots = drop(m.slots, range(first, first + same))


def unmap_pages(m: Draft, mm: int, entries: Entries, reason: Reason | None) -> Entries:
    """`unmap_page` for the small anonymous pages that are mapped here; returns all other entries.

    A page that is locked or in the swap cache is among those: it may leave more than its mapping.
    """
    others: Entries = []
    kept: list[Stretch[Folio]] = []
    freed: list[tuple[int, int]] = []
    merged: set[int] = set()
    for start, length, pte in entries:
        if type(pte) is not Present:
            others.append((start, length, pte))
            continue
        by = start - pte.pfn
        for pfn, count, folio in stretches(m.folios, pte.pfn, length):
            own = folio.anon and folio.head < 0 and folio.slot < 0 and not folio.mlocked
            # KSM maps one page many times; its next mapping is of what this one has left.
            if not own or (folio.ksm and not merged.isdisjoint(range(pfn, pfn + count))):
                others.append((pfn + by, count, nth(pte, pfn - pte.pfn)))
                continue
            if folio.ksm:
                merged.update(range(pfn, pfn + count))
            after = replace(folio, maps=without(folio.maps, (mm, by)))
            stays = bool(after.maps) or after.held
            if m.events is not None:
                said = m.said()
                if reason is not None:
                    m.say(reason, mm, pfn + by, pfn, folio.refcount - 1)
                if not stays:
                    m.say(reasons.FREED, -1, -1, pfn)
                if count > 1:
                    m.say_again(m.told_since(said), count - 1, (pfn,))
            if stays:
                kept.append((pfn, count, after))
            else:
                freed.append((pfn, count))
    if freed:
        m.drop_folios(freed)
    if kept:
        m.set_folios(kept)
    return others
