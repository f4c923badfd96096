"""Page tables. A scenario's processes share none, so each is one persistent map, vpn to entry."""

from __future__ import annotations

from .entries import Entry, HugeZero, Marker, Pmd, Present, Pte, Zero
from .pages import Pages

PageTable = Pages[Entry]
"""PTEs by vpn; the PMD of a PMD-sized range whose first page is `vpn` stands at ~vpn."""


def walk(table: PageTable, huge: int, vpn: int) -> Pte | None:
    """What maps this page, as a PTE: its own, or its part of the PMD that covers it."""
    pte = table.get(vpn)
    if pte is not None:
        return pte  # type: ignore[return-value]
    first = vpn - vpn % huge
    pmd = table.get(~first)
    if type(pmd) is Pmd:
        return Present(
            pmd.pfn + vpn - first, pmd.write, pmd.dirty, pmd.young, pmd.exclusive,
            pmd.uffd_wp, pmd.soft_dirty, True,
        )  # fmt: skip
    if type(pmd) is HugeZero:
        return Zero(pmd.uffd_wp, True)
    return pmd if type(pmd) is Marker else None
