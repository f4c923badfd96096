"""Why a fault was resolved as it was."""

from __future__ import annotations

from .reason import Reason

_MEMORY = "mm/memory.c"
_V519 = "mm/memory.c, 6c287605fd56 (5.19)"

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
SHMEM_SWAPIN = Reason(
    "swap",
    "",
    "shmem_swapin_folio",
    "The page comes back from {s} into the page cache.",
    "shared memory was swapped out",
    "mm/shmem.c",
)
FAULT_AROUND = Reason(
    "install",
    "",
    "do_fault_around",
    "{0} more pages around it are mapped, too.",
    "they are in the page cache, within 64 KiB",
    "mm/memory.c",
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
    "value {0}",
    _MEMORY,
)
UNSHARED = Reason(
    "copy",
    "",
    "wp_page_copy",
    "{f} is copied to {to}; {place} maps {to}, still read-only.",
    "FAULT_FLAG_UNSHARE, value {0}",
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
    "references that the batches gave back: {1}",
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
