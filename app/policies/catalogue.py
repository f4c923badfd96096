"""The policies by name: seven answers that Linux gave or was offered, and the textbook's.

Sources: `semantics.md` section 2; commits are named where their titles were read.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from app.engine.policy import Policy


class Era(Struct, frozen=True):
    """One release in which a policy's rules were as in `policy`."""

    name: str
    sentence: str
    policy: Policy


class Entry(Struct, frozen=True):
    """A policy as `cowscope policies` shows it. The last era is the default."""

    name: str
    title: str
    years: str
    sentence: str
    eras: tuple[Era, ...]

    @property
    def default(self) -> Era:
        return self.eras[-1]


MAPCOUNT = Policy("mapcount", huge_copy=True)

COW_ON_GUP_READ = Policy("cow-on-gup-read", gup_breaks_cow=True)

REFCOUNT_59 = Policy("refcount", reuse="refcount", ksm_reuse=False, fork_copies_pinned=True)
REFCOUNT_511 = replace(REFCOUNT_59, reclaim_refuses_pinned=True, gup_seq=True)
REFCOUNT_518 = replace(
    REFCOUNT_511,
    discounts=True,
    swapin="refcount",
    huge_reuse="refcount",
    fault_flushes=True,
)

MAPCOUNT_UNSHARE = Policy(
    "mapcount-unshare",
    fork_copies_pinned=True,
    reclaim_refuses_pinned=True,
    unshare="mapcount",
    gup_seq=True,
    fault_flushes=True,
)

EXCLUSIVE_PTE = Policy(
    "exclusive-pte",
    bit="pte",
    reuse_exclusive=True,
    reuse="refcount",
    discounts=True,
    ksm_reuse=False,
    cow_sets=True,
    fork_clears=True,
    fork_copies_pinned=True,
    fork_clears_swap=True,
    reclaim_refuses_pinned=True,
    swapout_clears=True,
    swap_exclusive=True,
    swapin="exclusive",
    upgrades=True,
    migration_keeps=True,
    ksm_clears=True,
    split_distributes=True,
    huge_reuse="refcount",
    gup_seq=True,
    fault_flushes=True,
)

EXCLUSIVE_PAGE = replace(
    EXCLUSIVE_PTE,
    name="exclusive-page",
    bit="page",
    swap_exclusive=False,
    fork_clears_swap=False,
)

LINUX_519 = replace(
    EXCLUSIVE_PAGE,
    name="linux",
    fork_asks_exclusive=True,
    fork_clears_swap=True,
    unshare="exclusive",
    unmap_checks_pinned=True,
    swap_exclusive=True,
    upgrades=False,
)
LINUX_60 = replace(LINUX_519, upgrades=True, force_exclusive=True)
LINUX_62 = replace(LINUX_60, unshare_zero=True, gup_rechecks_pmd=True)
LINUX_615 = replace(LINUX_62, owner_tracking=True, split_maps_zero=True)

TEXTBOOK = Policy(
    "textbook",
    reuse="refcount",
    ksm_reuse=False,
    swapin="refcount",
    huge_reuse="refcount",
    hugetlb_reuse="refcount",
    batches=False,
)

CATALOGUE: tuple[Entry, ...] = (
    Entry(
        "mapcount",
        "Count the mappings",
        "up to Linux 5.7",
        "A write keeps the page when exactly one page-table or swap entry leads to it; references "
        "from pipes and pins are not asked.",
        (Era("5.7", "reuse_swap_page(): mapcount plus swap entries", MAPCOUNT),),
    ),
    Entry(
        "cow-on-gup-read",
        "Every reference breaks COW",
        "Linux 5.8",
        "As mapcount, and taking any reference, even for reading, copies the page first "
        "(17839856fd58, reverted for 5.9).",
        (Era("5.8", "should_force_cow_break()", COW_ON_GUP_READ),),
    ),
    Entry(
        "refcount",
        "Count the references",
        "Linux 5.9 to 5.18",
        "A write keeps the page only when nobody else holds any reference (09854ba94c6a).",
        (
            Era("5.9", "page_count() == 1; fork copies what may be pinned", REFCOUNT_59),
            Era("5.11", "and reclaim keeps off what may be pinned (feb889fb40fa)", REFCOUNT_511),
            Era("5.18", "and the LRU batch and the swap cache are not counted", REFCOUNT_518),
        ),
    ),
    Entry(
        "mapcount-unshare",
        "Count mappings, unshare for references",
        "proposed December 2021, never merged",
        "As mapcount, and a read-only reference to a page mapped more than once unshares it first.",
        (Era("v1", "the announced end state of the v1 series", MAPCOUNT_UNSHARE),),
    ),
    Entry(
        "exclusive-pte",
        "One bit in the page table",
        "19 December 2021, 09:27",
        "The PTE says that this VM owns the page: set by COW, cleared by fork, kept over swap.",
        (Era("2021", "the first of the two mails", EXCLUSIVE_PTE),),
    ),
    Entry(
        "exclusive-page",
        "One bit in struct page",
        "19 December 2021, 09:44",
        "The same bit in the page itself, and nothing remembered in swap entries.",
        (Era("2021", "the second of the two mails", EXCLUSIVE_PAGE),),
    ),
    Entry(
        "linux",
        "PG_anon_exclusive",
        "Linux 5.19 and later",
        "The bit in struct page, kept in swap entries, and R/O pins unshare first (6c287605fd56).",
        (
            Era("5.19", "PG_anon_exclusive, the swap marker, unsharing pins", LINUX_519),
            Era("6.0", "and mprotect() upgrades exclusive pages (64fe24a3e05e)", LINUX_60),
            Era("6.2", "and long-term pins leave the zero page (84209e87c696)", LINUX_62),
            Era("6.15", "and large folios track their owner (1da190f4d0a6)", LINUX_615),
            Era("6.18", "as recorded in the golden traces", LINUX_615),
        ),
    ),
    Entry(
        "textbook",
        "Copy unless the count is 1",
        "teaching material",
        "Share at fork, copy unless the count is 1, nothing else: no pins, no LRU batches.",
        (Era("book", "the rule that teaching material shows", TEXTBOOK),),
    ),
)
