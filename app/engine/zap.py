"""Taking entries away, with the references that they held: zap_pte_range() of mm/memory.c."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft, vma_of, without
from .reasons import Reason
from .state import Area, Entry, Folio, Pmd, Present, Swapped, Vma, folio_of


def zap_pages(m: Draft, mm: int, area: Area, pages: range) -> None:
    """Linux zap_pte_range(): the entries go, with their references."""
    large.split_partial(m, mm, pages)
    for key in pmd_keys(m, mm, pages):
        zap_key(m, mm, key, None)
    table = m.tables[mm]
    present = [(vpn, table[vpn]) for vpn in pages if vpn in table]
    left = table.mutate()
    for vpn, _ in present:
        del left[vpn]
    m.tables = m.tables.set(mm, left.finish())
    huge = m.config.huge
    whole = range(-(-pages.start // huge) * huge, pages.stop // huge * huge)
    m.keep_tables(mm, area, [vpn for vpn, _ in present if vpn not in whole])
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


def zap_large(m: Draft, mm: int, entries: list[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """Let go of the PTEs that map large folios, folio by folio; returns all other entries."""
    if not m.compounds:
        return entries
    others: list[tuple[int, Entry]] = []
    left: dict[int, Folio] = {}
    gone: dict[int, list[int]] = {}
    folios = m.folios
    before, after, by = None, None, 0
    for vpn, pte in entries:
        page = folios[pte.pfn] if type(pte) is Present else None
        if page is None or page.head < 0:
            others.append((vpn, pte))
            continue
        assert type(pte) is Present
        pfn = pte.pfn
        page = left.get(pfn, page)
        if after is None or page is not before or by != vpn - pfn:
            before, by = page, vpn - pfn
            after = replace(page, maps=without(page.maps, (mm, by)))
        left[pfn] = after
        gone.setdefault(page.head, []).append(vpn)
    m.folios = folios.update(left)
    for head, vpns in gone.items():
        m.say(reasons.ZAPPED_PTES, mm, vpns[0], head, len(vpns))
        large.leave(m, head, large.fewer_ptes(m.compounds[head], mm, len(vpns)))
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
        m.say(reasons.ZAPPED_SWAP, mm, vpn, -1, m.slots[pte.slot].count - 1, slot=pte.slot)
        m.put_swap(pte.slot)


def zap_entries(
    m: Draft, mm: int, entries: list[tuple[int, Entry]], find_vma: Callable[[int], Vma | None]
) -> None:
    """`zap_entry` for each."""
    by_one = unmap_pages(m, mm, zap_large(m, mm, entries), reasons.ZAPPED)
    for vpn, pte in by_one:
        mlocked = type(pte) is Present and m.folios[pte.pfn].mlocked
        zap_entry(m, mm, vpn, pte, find_vma(vpn) if mlocked else None)


def unmap_pages(
    m: Draft, mm: int, entries: list[tuple[int, Entry]], reason: Reason | None
) -> list[tuple[int, Entry]]:
    """`unmap_page` for the small anonymous pages that are mapped here; returns all other entries.

    A page that is locked or in the swap cache is among those: it may leave more than its mapping.
    """
    others: list[tuple[int, Entry]] = []
    kept: dict[int, Folio] = {}
    freed: list[int] = []
    folios = m.folios
    before, after, by = None, None, 0
    for vpn, pte in entries:
        folio = folios[pte.pfn] if type(pte) is Present else None
        if folio is None or folio.mlocked or folio.slot >= 0 or folio.head >= 0 or not folio.anon:
            others.append((vpn, pte))
            continue
        assert type(pte) is Present
        pfn = pte.pfn
        if pfn in kept:
            others.append((vpn, pte))
            continue
        if reason is not None and m.events is not None:
            m.say(reason, mm, vpn, pfn, folio.refcount - 1)
        if after is None or folio is not before or by != vpn - pfn:
            before, by = folio, vpn - pfn
            after = replace(folio, maps=without(folio.maps, (mm, by)))
        if after.maps or after.held:
            kept[pfn] = after
        else:
            m.say(reasons.FREED, -1, -1, pfn)
            freed.append(pfn)
    if freed:
        left = folios.mutate()
        left.update(kept)
        for pfn in freed:
            del left[pfn]
        m.folios = left.finish()
    elif kept:
        m.folios = folios.update(kept)
    m.touched.update(kept)
    m.touched.update(freed)
    return others
