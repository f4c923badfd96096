"""Why fork and get_user_pages() shared, copied or unshared."""

from __future__ import annotations

from .reason import Reason

_MEMORY = "mm/memory.c"
_V519 = "mm/memory.c, 6c287605fd56 (5.19)"

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
    "{0} and this mm has pinned before",
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
PUT = Reason(
    "drop", "", "unpin_user_page", "{0} lets go of {f}.", "refcount {folio.refcount}", "mm/gup.c"
)
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
