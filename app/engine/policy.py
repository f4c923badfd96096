"""What kernels have answered differently: one frozen value of switches, read by the engine.

The engine is one state machine (`semantics.md` section 3). Everything in which the policies of
section 2 differ is a field here; `app.policies` gives the fields their values, their names and
their eras. The engine never asks which kernel it is, only what its rule says.
"""

from __future__ import annotations

from msgspec import Struct


class Policy(Struct, frozen=True):
    """The rules in force. Defaults are the first kernels': count mappings, ask nothing else."""

    name: str

    bit: str = "none"
    """Where "exclusive" is kept: "none", "pte" or "page" (PG_anon_exclusive)."""

    # -- write faults
    reuse_exclusive: bool = False
    """A page whose bit is set is written in place, no questions."""
    reuse: str = "mapcount"
    """The proof without the bit: "mapcount" (plus swap entries), "refcount", or "never"."""
    discounts: bool = False
    """Counting references, drain this CPU's batch first and do not count the swap cache (5.18)."""
    ksm_reuse: bool = True
    """A KSM page with one reference may be written in place."""
    cow_sets: bool = False
    """A fresh page, a copy and a reused page get the bit."""

    # -- fork
    fork_protects: bool = True
    """Fork write-protects both sides."""
    fork_clears: bool = False
    """Fork clears the bit of a page that it shares."""
    fork_copies_pinned: bool = False
    """Fork copies a page for the child when the mm has pinned and the page may be pinned."""
    fork_asks_exclusive: bool = False
    """... and only when its bit is set."""
    fork_clears_swap: bool = False
    """Fork of a swap entry clears its exclusive marker on both sides."""

    # -- get_user_pages
    gup_breaks_cow: bool = False
    """Every reference to a COW mapping is taken as if for writing (5.8)."""
    unshare: str = "none"
    """Which read-only references unshare first: "none", "mapcount" (mapped more than once),
    "exclusive" (FOLL_PIN of a page without the bit)."""
    unshare_zero: bool = False
    """A long-term read-only pin replaces the zero page and page cache, too (6.2)."""
    force_exclusive: bool = False
    """FOLL_FORCE writes to a read-only PTE without a fault when the page is exclusive (6.0)."""

    # -- swap
    reclaim_refuses_pinned: bool = False
    """Reclaim leaves a page that may be pinned where it is (5.11)."""
    swapout_clears: bool = False
    """Unmapping for swap clears the page's bit."""
    swap_exclusive: bool = False
    """... and remembers it in the swap entry."""
    swapin: str = "counts"
    """What makes a page that comes back writable: "counts" (mappings + swap entries, write faults
    only), "refcount" (write faults only), "exclusive" (the bit, reads too)."""

    # -- write protection
    upgrades: bool = False
    """mprotect() and the end of uffd-wp make an exclusive page's PTE writable without a fault."""

    # -- migration and KSM
    migration_keeps: bool = False
    """A migration entry remembers the bit."""
    ksm_clears: bool = False
    """KSM clears the bit of a page that it is about to share."""
    unmap_checks_pinned: bool = False
    """Clearing the bit is refused, under the cleared PTE, when the page may be pinned."""

    # -- huge pages
    split_distributes: bool = False
    """Splitting a PMD gives the head's bit to every subpage."""
    huge_copy: bool = False
    """A write fault on a shared PMD copies the whole huge page (up to 5.7)."""
    huge_reuse: str = "mapcount"
    """The proof for a PMD-mapped folio: "mapcount" or "refcount"."""
    hugetlb_reuse: str = "mapcount"
    """The proof for a hugetlb page: every Linux counts mappings, "refcount" is the textbook's."""
    owner_tracking: bool = False
    """A PTE-mapped large folio is reused page by page when one mm has all its mappings (6.15)."""

    split_maps_zero: bool = False
    """Splitting a huge page maps what is all zeroes to the zero page (6.12)."""

    # -- LRU batches
    batches: bool = True
    """A fresh page waits in a per-CPU batch that holds a reference."""

    # -- what holds when others run at the same time (`par` blocks; `semantics.md` section 5)
    gup_seq: bool = False
    """GUP-fast gives a pin back when a fork of the mm ran meanwhile (write_protect_seq)."""
    gup_grabs_first: bool = True
    """GUP-fast takes its reference before it reads the PTE again."""
    gup_rechecks_pmd: bool = False
    """GUP-fast reads the PMD again, too: the page table may have been detached (6.1)."""
    fork_seq_first: bool = True
    """Fork announces itself in write_protect_seq before it asks whether a page is pinned."""
    fork_flushes: bool = True
    """Fork flushes the parent's TLBs before it returns."""
    unmap_clears_first: bool = True
    """The bit is cleared before another entry takes the place of the PTE."""
    copy_flushes_first: bool = True
    """A write fault gives the old page back only when no TLB leads to it any more."""
    fault_flushes: bool = False
    """A write fault flushes what a write protection in flight has not flushed yet (5.12)."""
    zap_flushes_first: bool = True
    """An unmapped page is given back only when no TLB leads to it any more."""
    swapin_asks_locked: bool = True
    """Swap-in reads the entry's exclusive marker under the page-table lock."""
    reclaim_freezes: bool = True
    """Reclaim sets the refcount to zero in the same instant in which it finds it unused."""

    @property
    def sets_page(self) -> bool:
        """A page that becomes one mm's own gets the bit, in struct page."""
        return self.cow_sets and self.bit == "page"

    @property
    def sets_pte(self) -> bool:
        """A page that becomes one mm's own gets the bit, in the PTE that maps it."""
        return self.cow_sets and self.bit == "pte"
