"""Why swap took a page or left it, and what the rest of the address space did."""

from __future__ import annotations

from .reason import Reason

_MEMORY = "mm/memory.c"

SWAP_SKIPS = Reason(
    "keep", "", "madvise_cold_or_pageout_pte_range", "{place} stays.", "{0}", "mm/madvise.c"
)
RECLAIM_KEEPS = Reason(
    "keep",
    "reclaim-refuses-pinned",
    "shrink_folio_list",
    "{f} stays mapped.",
    "may be pinned: refcount {folio.refcount} >= 1024",
    "mm/vmscan.c, feb889fb40fa (5.11)",
)
UNMAP_KEEPS = Reason(
    "keep",
    "unmap-checks-pinned",
    "folio_try_share_anon_rmap_pte",
    "{f} stays mapped at {place}.",
    "may be pinned: refcount {folio.refcount} >= 1024",
    "mm/rmap.c, 6c287605fd56 (5.19)",
)
NO_SLOT = Reason(
    "keep", "", "folio_alloc_swap", "{f} stays mapped.", "no free swap slot of {0}", "mm/swapfile.c"
)
TO_SWAP = Reason(
    "swap",
    "",
    "folio_alloc_swap",
    "{f} enters the swap cache as {s}.",
    "refcount + 1",
    "mm/swapfile.c",
)
UNMAPPED_PTES = Reason(
    "swap",
    "",
    "try_to_unmap_one",
    "{0} PTEs of {f} become swap entries, from {s} on.",
    "{1} of them marked exclusive",
    "mm/rmap.c",
)
UNMAPPED = Reason(
    "swap",
    "",
    "try_to_unmap_one",
    "{place} becomes a swap entry for {s}.",
    "{0}",
    "mm/rmap.c, 1493a1913e34",
)
SWAPPED = Reason(
    "swap",
    "",
    "__remove_mapping",
    "{f} is written to {s} and freed.",
    "nobody holds it any more",
    "mm/vmscan.c",
)
PAGE_CACHE_DROPPED = Reason(
    "swap",
    "",
    "__remove_mapping",
    "{f} leaves the page cache: the file has the same bytes.",
    "clean, and nobody else holds it",
    "mm/vmscan.c",
)
STAYS_CACHED = Reason(
    "keep",
    "",
    "__remove_mapping",
    "{f} stays in the swap cache, mapped by nobody.",
    "refcount {folio.refcount} != 1: somebody holds it",
    "mm/vmscan.c",
)
WRITEBACK = Reason(
    "swap",
    "",
    "shrink_folio_list",
    "{f} is being written to {s} and stays in the swap cache.",
    "asynchronous device: the next reclaim frees it",
    "mm/vmscan.c",
)
DISCARDED = Reason(
    "free", "", "try_to_unmap_one", "{f} is discarded.", "MADV_FREE and clean since", "mm/rmap.c"
)
DISCARDED_LARGE = Reason(
    "swap",
    "",
    "try_to_unmap_one",
    "{0} pages of a huge page are discarded: nobody wrote to them since MADV_FREE.",
    "PTEs and folio clean, no reference beyond the mappings",
    "mm/rmap.c",
)
REDIRTIED = Reason(
    "keep",
    "",
    "try_to_unmap_one",
    "{f} is kept: it was written, or somebody else holds it, since MADV_FREE.",
    "{0}",
    "mm/rmap.c",
)
SWAP_CACHED = Reason(
    "swap", "", "do_swap_page", "{place} finds {f} in the swap cache.", "{s} is cached", _MEMORY
)
SWAP_READ = Reason(
    "swap",
    "",
    "do_swap_page",
    "{place} reads {s} into {f}, through the swap cache.",
    "{0}",
    _MEMORY,
)
SWAP_FRESH = Reason(
    "swap",
    "",
    "do_swap_page",
    "{place} reads {s} into {f}, past the swap cache.",
    "synchronous device, swap entries 1",
    _MEMORY,
)
SWAPIN_EXCLUSIVE = Reason(
    "decide",
    "swap-exclusive",
    "do_swap_page",
    "{f} belongs to {place} alone.",
    "{0}",
    "mm/memory.c, 1493a1913e34",
)
SWAPIN_SHARED = Reason(
    "decide", "", "do_swap_page", "{f} may be shared: {place} maps it read-only.", "{0}", _MEMORY
)
SWAPIN_ALONE = Reason(
    "decide",
    "count-references",
    "do_swap_page",
    "{f} may be written by {place}.",
    "refcount {folio.refcount} = 1",
    "mm/memory.c, c145e0b47c77 (5.18)",
)
SWAPIN_REUSED = Reason(
    "decide",
    "",
    "reuse_swap_page",
    "{f} may be written by {place}.",
    "mapcount {0} + swap entries {1} = 1",
    "mm/swapfile.c (up to 5.17)",
)

MAPPED = Reason(
    "map", "", "mmap_region", "{0}: {1} pages, {2}.", "nothing is present yet", "mm/vma.c"
)
ZAPPED = Reason(
    "unmap", "", "zap_present_folio_ptes", "{place} no longer maps {f}.", "refcount {0}", _MEMORY
)
ZAPPED_SWAP = Reason(
    "unmap",
    "",
    "free_swap_and_cache_nr",
    "{place} drops its swap entry {s}.",
    "swap entries {0}",
    "mm/swapfile.c",
)
FREED = Reason("free", "", "__folio_put", "{f} is free.", "refcount 0", "mm/swap.c")
PROTECTED = Reason("protect", "", "change_pte_range", "{place} is {0}.", "{1}", "mm/mprotect.c")
UPGRADED = Reason(
    "protect",
    "upgrade",
    "can_change_private_pte_writable",
    "{place} is writable again without a fault.",
    "PageAnonExclusive({f}) = 1",
    "mm/mprotect.c, 64fe24a3e05e (6.0)",
)
NOT_UPGRADED = Reason(
    "protect",
    "upgrade",
    "can_change_private_pte_writable",
    "{place} stays read-only until the next write.",
    "{0}",
    "mm/mprotect.c, 64fe24a3e05e (6.0)",
)
MOVED = Reason(
    "move", "", "move_ptes", "{0} moves to {1}.", "frames, bits and references stay", "mm/mremap.c"
)
LAZYFREE = Reason(
    "lazyfree",
    "",
    "madvise_free_single_vma",
    "{place} may be discarded.",
    "MADV_FREE: PTE clean",
    "mm/madvise.c",
)
ADVISED = Reason(
    "advise", "", "madvise_vma_behavior", "{0} is marked {1}.", "VMA flag only", "mm/madvise.c"
)
LOCKED = Reason("lock", "", "mlock_fixup", "{0} is {1}.", "{2}", "mm/mlock.c")
HOLD = Reason(
    "hold",
    "",
    "folio_try_get",
    "{0} speculative references on {f}.",
    "refcount {1}",
    "include/linux/page_ref.h",
)
