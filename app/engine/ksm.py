"""Kernel samepage merging: mm/ksm.c, run to its end as one step."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft, vma_of
from .faults import do_wp_page, write_fault
from .reuse import is_exclusive
from .state import Present, folio_of

SCANS = 4
"""Full scans of one step: a huge page that is taken apart merges in the scan after that."""


def merge_pass(m: Draft) -> int:
    """Scan all mergeable ranges until nothing changes; returns how many pages were merged."""
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    merged = 0
    for _ in range(SCANS):
        found = Scan(m).run()
        merged += found
    return merged


def mergeable(m: Draft) -> Iterator[tuple[int, int]]:
    """Every page of every mergeable VMA, mms in order of creation, ranges by address."""
    for mm in sorted(m.mms.keys()):
        for area in sorted(m.mms[mm].areas.values(), key=lambda area: area.start):
            for vma in area.vmas:
                if vma.mergeable and not vma.shared and not vma.hugetlb:
                    yield from ((mm, vpn) for vpn in range(vma.lo, vma.hi))


class Scan:
    """One full scan. `stable` are the KSM pages by content, `unstable` the candidates."""

    def __init__(self, m: Draft) -> None:
        self.m = m
        self.stable = {f.data.value: pfn for pfn, f in m.folios.items() if f.ksm}
        self.unstable: dict[int, tuple[int, int, int]] = {}

    def run(self) -> int:
        return sum(self.cmp_and_merge_page(mm, vpn) for mm, vpn in list(mergeable(self.m)))

    def cmp_and_merge_page(self, mm: int, vpn: int) -> int:
        """Linux cmp_and_merge_page(): the number of pages that were merged (0, 1 or 2)."""
        m = self.m
        pte = m.pte(mm, vpn)
        if type(pte) is not Present:
            return 0
        page = m.folios[pte.pfn]
        if not page.anon or page.ksm:
            return 0
        value = page.data.value
        if value in self.stable:
            return self.merge_with(mm, vpn, self.stable[value])
        candidate = self.unstable.get(value)
        if candidate is None or not self.still(candidate):
            self.unstable[value] = (mm, vpn, pte.pfn)
            return 0
        if candidate[2] == pte.pfn:
            return 0
        other = m.folios[candidate[2]]
        if page.head >= 0 and page.head == other.head:
            # Both references are on one folio, so it cannot merge now; it is taken apart.
            large.split_folio(m, page.head)
            self.unstable[value] = candidate
            return 0
        return self.merge_two(mm, vpn, candidate)

    def still(self, candidate: tuple[int, int, int]) -> bool:
        mm, vpn, pfn = candidate
        pte = self.m.pte(mm, vpn) if mm in self.m.tables else None
        return type(pte) is Present and pte.pfn == pfn

    def merge_two(self, mm: int, vpn: int, candidate: tuple[int, int, int]) -> int:
        """Linux try_to_merge_two_pages(): this page becomes the KSM page, the other joins it."""
        m = self.m
        if not write_protect_page(m, mm, vpn):
            return 0
        pte = m.pte(mm, vpn)
        assert type(pte) is Present
        page = m.folios[pte.pfn]
        m.set_folio(pte.pfn, replace(page, ksm=True, dirty=True))
        m.say(reasons.KSM_BECOMES, mm, vpn, pte.pfn, f"f{candidate[2]}")
        if self.merge_with(candidate[0], candidate[1], pte.pfn):
            self.stable[page.data.value] = pte.pfn
            del self.unstable[page.data.value]
            return 2
        break_ksm(m, mm, vpn, "its twin could not be merged")
        return 0

    def merge_with(self, mm: int, vpn: int, kpage: int) -> int:
        """Linux try_to_merge_with_ksm_page() and replace_page()."""
        m = self.m
        if not write_protect_page(m, mm, vpn):
            return 0
        pte = m.pte(mm, vpn)
        assert type(pte) is Present
        m.set_pte(mm, vpn, Present(kpage, False, False, soft_dirty=pte.soft_dirty))
        m.map_page(kpage, mm, vpn)
        m.unmap_page(pte.pfn, mm, vpn, m.vma(mm, vpn))
        m.say(reasons.KSM_MERGED, mm, vpn, pte.pfn, to=kpage)
        return 1


def write_protect_page(m: Draft, mm: int, vpn: int) -> bool:
    """Linux try_to_merge_one_page() up to write_protect_page(): may this page be merged?"""
    pte = m.pte(mm, vpn)
    assert type(pte) is Present
    head = m.folios[pte.pfn].head
    if head >= 0 and large.split_folio(m, head):
        return False
    pte = m.pte(mm, vpn)
    if type(pte) is not Present:
        return False  # the split gave the page back: it was all zeroes
    folio = folio_of(m, pte.pfn)
    expected = folio.mapcount + (folio.slot >= 0)
    exclusive = is_exclusive(m, pte)
    pinned = m.policy.unmap_checks_pinned and exclusive and folio.maybe_pinned
    if folio.refcount != expected or pinned:
        m.say(reasons.KSM_REFUSED, mm, vpn, pte.pfn, expected)
        return False
    if pte.write or pte.dirty or exclusive:
        m.say(reasons.KSM_PROTECTED, mm, vpn, pte.pfn)
        clear = m.policy.ksm_clears
        page = m.folios[pte.pfn]
        if exclusive and clear and page.exclusive:
            m.set_folio(pte.pfn, replace(page, exclusive=False))
        kept = pte.exclusive and not clear
        m.set_pte(mm, vpn, replace(pte, write=False, dirty=False, exclusive=kept))
    return True


def break_ksm(m: Draft, mm: int, vpn: int, why: str) -> None:
    """Linux break_ksm(): an unshare fault since 6.2, a write fault before."""
    vma = m.vma(mm, vpn)
    pte = m.pte(mm, vpn)
    assert vma is not None
    assert type(pte) is Present
    if m.policy.unshare == "exclusive":
        new = do_wp_page(m, mm, vpn, vma, pte, unshare=True)
    else:
        new = write_fault(m, mm, vpn, vma, pte)
    m.say(reasons.KSM_BROKEN, mm, vpn, pte.pfn, why, to=new.pfn)


def unmerge(m: Draft, mm: int, name: str, pages: range) -> None:
    """Linux unmerge_ksm_pages(): every KSM page of the range becomes the mm's own copy."""
    area = m.mms[mm].areas[name]
    for vpn in pages:
        pte = m.pte(mm, vpn)
        if type(pte) is Present and m.folios[pte.pfn].ksm and vma_of(area, vpn) is not None:
            break_ksm(m, mm, vpn, "MADV_UNMERGEABLE")
