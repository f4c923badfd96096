"""What stands in a page table: PTEs, and the PMDs of huge pages."""

from __future__ import annotations

from msgspec import Struct


class Zero(Struct, frozen=True, gc=False):
    """A PTE that maps the shared zero page: present, special, read-only, not counted.

    `huge`: one page of a PMD that maps the huge zero page.
    """

    uffd_wp: bool = False
    huge: bool = False


class Marker(Struct, frozen=True, gc=False):
    """A PTE marker: nothing is mapped, and uffd-wp waits for the page that will be."""

    uffd_wp: bool = True


class Present(Struct, frozen=True, gc=False):
    """A PTE that maps a page. `exclusive` is used by the policy that keeps the bit here.

    `huge`: one page as a PMD maps it; all pages of that PMD share every bit.
    """

    pfn: int
    write: bool
    dirty: bool
    young: bool = True
    exclusive: bool = False
    uffd_wp: bool = False
    soft_dirty: bool = True
    huge: bool = False


class Swapped(Struct, frozen=True, gc=False):
    """A PTE that holds a swap entry, with pte_swp_exclusive()."""

    slot: int
    exclusive: bool
    uffd_wp: bool = False
    soft_dirty: bool = True


class Migrating(Struct, frozen=True, gc=False):
    """A migration entry: the page in frame `pfn` is about to leave it, and who touches it waits.

    No reference and no mapcount. It lives between two micro-steps of a `par` block only: a
    migration that runs as one step has brought its entries back at its end. `write` and `exclusive`
    tell the kinds of entry apart (`mode`).
    """

    pfn: int
    write: bool
    exclusive: bool
    dirty: bool
    young: bool = True
    uffd_wp: bool = False
    soft_dirty: bool = True

    @property
    def mode(self) -> str:
        """What swapops.h calls it: "writable", "readable_exclusive" or "readable"."""
        if self.write:
            return "writable"
        return "readable_exclusive" if self.exclusive else "readable"


class Pmd(Struct, frozen=True, gc=False):
    """A PMD that maps a whole large folio, head frame `pfn`: one reference and one mapcount."""

    pfn: int
    write: bool
    dirty: bool
    young: bool = True
    exclusive: bool = False
    uffd_wp: bool = False
    soft_dirty: bool = True


class HugeZero(Struct, frozen=True, gc=False):
    """A PMD that maps the huge zero page: read-only, not counted."""

    uffd_wp: bool = False


class PteTable(Struct, frozen=True, gc=False):
    """A PMD that points to a page table: single pages from here on, until the table is freed."""


Pte = Zero | Present | Swapped | Marker | Migrating
Entry = Pte | Pmd | HugeZero | PteTable
ZERO = Zero()
HUGE_ZERO = Zero(huge=True)
TABLE = PteTable()
