"""What happens to huge pages: PMDs, their splits, and hugetlb."""

from __future__ import annotations

from .reason import Reason

_HUGE = "mm/huge_memory.c"

HUGE_FRESH = Reason(
    "install", "", "do_huge_pmd_anonymous_page",
    "A huge page, head {to}, is allocated; one PMD maps it, writable.",
    "the PMD was {0}, and the aligned range allows transparent huge pages", _HUGE,
)  # fmt: skip
HUGE_ZERO_MAPPED = Reason(
    "install", "", "do_huge_pmd_anonymous_page",
    "The PMD maps the huge zero page, read-only.",
    "a read fault of a range that allows transparent huge pages", _HUGE,
)  # fmt: skip
HUGE_FALLBACK = Reason(
    "decide", "", "do_huge_pmd_anonymous_page", "A base page must do.",
    "no {0} free page frames", _HUGE,
)  # fmt: skip
HUGE_EXCLUSIVE = Reason(
    "decide", "reuse-exclusive", "do_huge_pmd_wp_page",
    "{f} may be written in place.", "the head page's exclusive bit is set",
    "mm/huge_memory.c, 6c287605fd56 (5.19)",
)  # fmt: skip
HUGE_ALONE = Reason(
    "decide", "", "do_huge_pmd_wp_page", "{f} is this process's own, all of it.", "{0}", _HUGE
)
HUGE_HELD = Reason(
    "decide", "", "do_huge_pmd_wp_page", "{f} is not this process's own.", "{0}", _HUGE
)
HUGE_COPIED = Reason(
    "copy", "huge-copy", "do_huge_pmd_wp_page", "{f} is copied whole to {to}.",
    "{0} base pages; splitting instead came with 5.8", "mm/huge_memory.c, until 3917c80280c9 (5.8)",
)  # fmt: skip
HUGE_REUSED = Reason(
    "reuse", "", "do_huge_pmd_wp_page", "The PMD is writable again; {f} stays.",
    "all {0} pages at once", _HUGE,
)  # fmt: skip
HUGE_UNSHARED = Reason(
    "reuse", "unshare", "do_huge_pmd_wp_page",
    "{f} gets the exclusive bit; the PMD stays read-only.",
    "FAULT_FLAG_UNSHARE", "mm/huge_memory.c, a7f226604170 (5.19)",
)  # fmt: skip
SPLIT_PMD = Reason(
    "split", "split-distributes", "__split_huge_pmd_locked",
    "The PMD of {f} becomes {0} PTEs with the same bits.",
    "the head page is {1}, and so is every page now", "mm/huge_memory.c, 6c287605fd56 (5.19)",
)  # fmt: skip
SPLIT_HUGE_ZERO = Reason(
    "split", "", "__split_huge_zero_page_pmd", "The PMD becomes {0} PTEs of the zero page.",
    "the huge zero page has no pages of its own to share", _HUGE,
)  # fmt: skip
SPLIT_FOLIO = Reason(
    "split", "", "__folio_split", "{f} is split into {0} base pages; their exclusive bits stay.",
    "no reference but its mappings: refcount {1}", _HUGE,
)  # fmt: skip
SPLIT_REFUSED = Reason(
    "keep", "", "__folio_split", "{f} is not split.", "{0}", _HUGE
)  # fmt: skip
LARGE_OWNED = Reason(
    "decide", "owner-tracking", "__wp_can_reuse_large_anon_folio",
    "{f} is mapped by this process alone; this page of it may be written in place.",
    "mapcount {folio.mapcount} == refcount {folio.refcount}, one owner",
    "mm/memory.c, 1da190f4d0a6 (6.15)",
)  # fmt: skip
LARGE_HELD = Reason(
    "decide", "owner-tracking", "__wp_can_reuse_large_anon_folio",
    "{f} is not this process's own.", "{0}", "mm/memory.c, 1da190f4d0a6 (6.15)",
)  # fmt: skip
FORK_SHARES_PMD = Reason(
    "share", "fork-clears", "copy_huge_pmd", "{place} and the child share {f} by PMD, read-only.",
    "one reference and one mapcount for all of it", _HUGE,
)  # fmt: skip
FORK_SHARES_PTES = Reason(
    "share", "fork-clears", "copy_present_ptes",
    "The child maps {0} pages of {f}, too, read-only on both sides.",
    "not pinned: pincount {folio.pincount}", "mm/memory.c",
)  # fmt: skip
FORK_HUGE_ZERO = Reason(
    "share", "", "copy_huge_pmd", "The child's PMD maps the huge zero page, too.",
    "the huge zero page is not counted", _HUGE,
)  # fmt: skip
FORK_SPLITS = Reason(
    "split", "fork-copies-pinned", "copy_huge_pmd", "The PMD of {f} is split before it is copied.",
    "pincount {folio.pincount} and this mm has pinned before",
    "mm/huge_memory.c, d042035eaf5f (5.9)",
)  # fmt: skip
ZAPPED_PMD = Reason(
    "unmap", "", "zap_huge_pmd", "The PMD of {f} is cleared.",
    "one mapcount and one reference less", _HUGE,
)  # fmt: skip
SPLIT_TO_ZERO = Reason(
    "split", "", "try_to_map_unused_to_zeropage",
    "{0} pages of {f} hold only zeroes: their PTEs map the zero page instead.",
    "the split looks for pages that are all zeroes", _HUGE,
)  # fmt: skip
ZAPPED_PTES = Reason(
    "unmap", "", "zap_present_folio_ptes", "{0} PTEs of {f} are cleared.",
    "{0} mapcounts and references less", "mm/memory.c",
)  # fmt: skip
MOVED_PMD = Reason(
    "move", "", "move_huge_pmd", "The PMD of {f} moves as it is.", "the whole PMD moves", _HUGE
)
COLLAPSED = Reason(
    "install", "", "collapse_huge_page", "{0} pages are copied into a new huge page, head {to}.",
    "copying is right whoever shares them; holes become zeroes", "mm/khugepaged.c",
)  # fmt: skip
COLLAPSE_REFUSED = Reason(
    "keep", "", "__collapse_huge_page_isolate", "{place} and its neighbours stay base pages.",
    "{0}", "mm/khugepaged.c",
)  # fmt: skip
HUGETLB_FRESH = Reason(
    "install", "", "hugetlb_no_page", "A hugetlb page, head {to}, is mapped.",
    "the entry was none; hugetlb has no zero page", "mm/hugetlb.c",
)  # fmt: skip
HUGETLB_REUSED = Reason(
    "reuse", "", "hugetlb_wp", "{f} is written in place.",
    "{0}", "mm/hugetlb.c",
)  # fmt: skip
HUGETLB_COPIED = Reason(
    "copy", "", "hugetlb_wp", "{f} is copied to {to}.", "{0}, not exclusive",
    "mm/hugetlb.c",
)  # fmt: skip
HUGETLB_FORK_COPIES = Reason(
    "copy", "fork-copies-pinned", "copy_hugetlb_page_range",
    "The child gets a copy {to} of {f} at once.",
    "pincount {folio.pincount} and this mm has pinned before", "mm/hugetlb.c",
)  # fmt: skip
