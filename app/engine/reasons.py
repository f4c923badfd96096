"""Why the machine did what it did: one constant for each decision it can take.

A reason is never formatted while the machine runs. The engine keeps the constant, the folio as it
was and the numbers that were compared; `app.trace` fills them in when somebody looks.
"""

from __future__ import annotations

from msgspec import Struct


class Reason(Struct, frozen=True):
    """One decision.

    kind      what happened: fault, decide, copy, reuse, install, share, clear, keep, swap, ...
    rule      the rule that decided, as `cowscope policies` names it, or "" where all kernels agree
    function  the kernel function in which it is decided
    decision  a sentence; `{f}` the frame, `{to}` a second frame, `{place}` the page, `{s}` a slot
    because   the rule with its numbers: `{0}` `{1}` ... and `{folio.refcount}` and the like
    source    file, and commit or release, where that rule stands
    """

    kind: str
    rule: str
    function: str
    decision: str
    because: str
    source: str


_MEMORY = "mm/memory.c"
_V519 = "mm/memory.c, 6c287605fd56 (5.19)"

# -- faults
READ_FAULT = Reason(
    "fault", "", "handle_pte_fault", "{place} is read and has no usable entry.", "PTE: {0}", _MEMORY
)
WRITE_FAULT = Reason(
    "fault",
    "",
    "handle_pte_fault",
    "{place} is written and may not be written.",
    "PTE: {0}",
    _MEMORY,
)
SEGV = Reason(
    "refuse",
    "",
    "handle_mm_fault",
    "{place} gets a signal, nothing changes.",
    "{0}",
    "arch/x86/mm/fault.c",
)
ZERO_MAPPED = Reason(
    "install",
    "",
    "do_anonymous_page",
    "{place} maps the shared zero page.",
    "read fault, PTE none",
    _MEMORY,
)
FRESH = Reason(
    "install",
    "",
    "do_anonymous_page",
    "{place} gets a fresh zeroed page {f}.",
    "write fault, PTE {0}",
    _MEMORY,
)
SHMEM = Reason(
    "install",
    "",
    "shmem_fault",
    "{place} maps {f} of the shared memory behind it.",
    "shared mapping",
    "mm/shmem.c",
)
FILE_READ = Reason(
    "install",
    "",
    "do_read_fault",
    "{place} maps the page-cache page {f}, read-only.",
    "private file mapping, read fault",
    _MEMORY,
)
FILE_COW = Reason(
    "copy",
    "",
    "do_cow_fault",
    "{place} gets a copy {to} of the page-cache page {f}.",
    "private file mapping, write fault",
    _MEMORY,
)
SHARED_WRITABLE = Reason(
    "install", "", "wp_page_shared", "{place} may write {f}.", "shared mapping", _MEMORY
)

# -- write-protect faults
EXCLUSIVE = Reason(
    "decide",
    "reuse-exclusive",
    "do_wp_page",
    "{f} may be reused.",
    "PageAnonExclusive({f}) = 1",
    _V519,
)
ONLY_REFERENCE = Reason(
    "decide",
    "count-references",
    "wp_can_reuse_anon_folio",
    "{f} may be reused.",
    "refcount {folio.refcount} <= 1 + swapcache {folio.swapcache:d}",
    _MEMORY,
)
HELD = Reason(
    "decide",
    "count-references",
    "wp_can_reuse_anon_folio",
    "{f} must be copied.",
    "refcount {folio.refcount} > 1 + swapcache {folio.swapcache:d}",
    _MEMORY,
)
HELD_PLAIN = Reason(
    "decide",
    "count-references",
    "do_wp_page",
    "{f} must be copied.",
    "refcount {folio.refcount} > 1",
    "mm/memory.c, 09854ba94c6a (5.9)",
)
ALONE_PLAIN = Reason(
    "decide",
    "count-references",
    "do_wp_page",
    "{f} may be reused.",
    "refcount {folio.refcount} = 1",
    "mm/memory.c, 09854ba94c6a (5.9)",
)
SLOT_HELD = Reason(
    "decide",
    "count-references",
    "folio_free_swap",
    "{f} must be copied.",
    "{0} other swap entries keep {f} in the swap cache",
    "mm/swapfile.c",
)
MAPPED_ONCE = Reason(
    "decide",
    "reuse-fallback",
    "reuse_swap_page",
    "{f} may be reused.",
    "mapcount {0} + swap entries {1} = 1",
    "mm/swapfile.c (up to 5.8)",
)
MAPPED_OFTEN = Reason(
    "decide",
    "reuse-fallback",
    "reuse_swap_page",
    "{f} must be copied.",
    "mapcount {0} + swap entries {1} > 1",
    "mm/swapfile.c (up to 5.8)",
)
KSM_PAGE = Reason(
    "decide",
    "",
    "wp_can_reuse_anon_folio",
    "{f} must be copied.",
    "PageKsm({f}): a KSM page is never written",
    _MEMORY,
)
NEVER = Reason(
    "decide",
    "",
    "do_wp_page",
    "{f} must be copied.",
    "no rule in force proves that nobody else holds it",
    _MEMORY,
)
REUSED = Reason(
    "reuse",
    "",
    "wp_page_reuse",
    "{place} keeps {f} and may write it.",
    "the page is its own",
    _MEMORY,
)
UNSHARED_IN_PLACE = Reason(
    "reuse",
    "",
    "do_wp_page",
    "{f} is exclusive to {place} now; the PTE stays read-only.",
    "FAULT_FLAG_UNSHARE",
    "mm/memory.c, a7f226604170 (5.19)",
)
COPIED = Reason(
    "copy",
    "",
    "wp_page_copy",
    "{f} is copied to {to}; {place} maps {to}, writable.",
    "value {folio.data.value}",
    _MEMORY,
)
UNSHARED = Reason(
    "copy",
    "",
    "wp_page_copy",
    "{f} is copied to {to}; {place} maps {to}, still read-only.",
    "FAULT_FLAG_UNSHARE, value {folio.data.value}",
    "mm/memory.c, a7f226604170 (5.19)",
)
ZEROED = Reason(
    "install",
    "",
    "wp_page_copy",
    "{place} leaves the zero page for a fresh page {to}.",
    "zeroing, not copying",
    _MEMORY,
)
DRAINED = Reason(
    "count",
    "",
    "lru_add_drain",
    "CPU {0} drains its LRU batches.",
    "{1} pages lose the batch's reference",
    "mm/swap.c",
)
SWAPCACHE_FREED = Reason(
    "count",
    "",
    "folio_free_swap",
    "{f} leaves the swap cache.",
    "no swap entry names {s} any more",
    "mm/swapfile.c",
)
NO_MEMORY = Reason(
    "refuse",
    "",
    "alloc_anon_folio",
    "There is no free page frame.",
    "{0} of {1} frames in use",
    "mm/page_alloc.c",
)

# -- fork
FORK_SHARES = Reason(
    "share",
    "fork-clears",
    "copy_present_ptes",
    "{place} and the child share {f}, both read-only.",
    "not pinned: refcount {folio.refcount}",
    _V519,
)
FORK_SHARES_AGAIN = Reason(
    "share", "", "copy_present_ptes", "The child maps {f}, too.", "{f} was not exclusive", _MEMORY
)
FORK_COPIES = Reason(
    "copy",
    "fork-copies-pinned",
    "copy_present_page",
    "The child gets a copy {to} of {f} at once.",
    "refcount {folio.refcount} >= 1024 and this mm has pinned before",
    "mm/memory.c, 70e806e4e645 (5.9)",
)
FORK_SWAP = Reason(
    "share",
    "fork-clears-swap",
    "copy_nonpresent_pte",
    "The child gets the swap entry {s}.",
    "swap entries {0}, exclusive marker cleared",
    "mm/memory.c, 1493a1913e34",
)
FORK_SWAP_COUNT = Reason(
    "share",
    "",
    "copy_nonpresent_pte",
    "The child gets the swap entry {s}.",
    "swap entries {0}",
    _MEMORY,
)
FORK_ZERO = Reason(
    "share",
    "",
    "copy_present_ptes",
    "The child maps the zero page at {place}.",
    "the zero page is not counted",
    _MEMORY,
)
FORK_SKIPS = Reason(
    "keep",
    "",
    "vma_needs_copy",
    "The page table of {0} is not copied.",
    "{1}",
    "mm/memory.c: vma_needs_copy()",
)
FORK_DONTFORK = Reason(
    "keep", "", "dup_mmap", "The child has no {0}.", "MADV_DONTFORK", "mm/mmap.c"
)
FORK_WIPES = Reason(
    "keep", "", "dup_mmap", "The child starts with an empty {0}.", "MADV_WIPEONFORK", "mm/mmap.c"
)

# -- get_user_pages
GUP_AS_IS = Reason(
    "decide", "", "follow_page_pte", "{f} is taken as {place} maps it.", "{0}", "mm/gup.c"
)
GUP_UNSHARES = Reason(
    "decide",
    "unshare",
    "gup_must_unshare",
    "{place} must own {f} before it is pinned.",
    "FOLL_PIN, read-only, PageAnonExclusive({f}) = 0",
    "mm/gup.c, a7f226604170 (5.19)",
)
GUP_UNSHARES_MAPPED = Reason(
    "decide",
    "unshare",
    "gup_must_unshare",
    "{place} must own {f} before it is referenced.",
    "mapcount {folio.mapcount} > 1",
    "the v1 series of 2021-12-17, never merged",
)
GUP_UNSHARES_ZERO = Reason(
    "decide",
    "unshare-zero",
    "gup_must_unshare",
    "{place} needs a page of its own before a long-term pin.",
    "FOLL_LONGTERM, not an anonymous page",
    "mm/gup.c, 84209e87c696 (6.2)",
)
GUP_BREAKS = Reason(
    "decide",
    "gup-breaks-cow",
    "should_force_cow_break",
    "{place} is treated as if it were written.",
    "every reference to a private mapping",
    "mm/gup.c, 17839856fd58 (5.8)",
)
GUP_FORCES = Reason(
    "decide",
    "force-exclusive",
    "can_follow_write_pte",
    "{f} is written through its read-only PTE.",
    "FOLL_FORCE, PageAnonExclusive({f}) = 1",
    "mm/gup.c (6.0)",
)
GOT = Reason("hold", "", "try_grab_folio", "{0} holds {f}.", "FOLL_GET: refcount + 1", "mm/gup.c")
PINNED = Reason(
    "hold", "", "try_grab_folio", "{0} pins {f}.", "FOLL_PIN: refcount + 1024", "mm/gup.c"
)
PINNED_ZERO = Reason(
    "hold",
    "",
    "try_grab_folio",
    "{0} names the zero page.",
    "FOLL_PIN of the zero page counts nothing",
    "mm/gup.c (6.5)",
)
PUT = Reason("drop", "", "unpin_user_page", "{0} lets go of {f}.", "refcount {1}", "mm/gup.c")
GUP_FAULT = Reason(
    "refuse", "", "check_vma_flags", "{place} cannot be referenced.", "{0}", "mm/gup.c"
)
DEVICE_WROTE = Reason(
    "store",
    "",
    "device",
    "{0} stores {1} in {f}.",
    "no page table is asked",
    "the device behind the handle",
)

# -- swap
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
REDIRTIED = Reason(
    "keep",
    "",
    "try_to_unmap_one",
    "{f} is kept: it was written after MADV_FREE.",
    "PTE dirty",
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

# -- the rest of the address space
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
