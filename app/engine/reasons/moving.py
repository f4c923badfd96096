"""Migration, KSM, and the write protection of userfaultfd and soft-dirty."""

from __future__ import annotations

from .reason import Reason

MIGRATED = Reason(
    "move", "migration-keeps", "migrate_folio_move", "{f} moves to {to}; every mapping follows.",
    "refcount {0} is its mappings and the swap cache; the migration entries were {1}",
    "mm/migrate.c, 6c287605fd56 (5.19)",
)  # fmt: skip
MIGRATE_REFUSED = Reason(
    "keep", "", "migrate_folio_unmap", "{f} stays where it is.", "{0}", "mm/migrate.c"
)
MIGRATE_PINNED = Reason(
    "keep", "unmap-checks-pinned", "try_to_migrate_one", "{f} stays where it is.",
    "may be pinned: the bit cannot be cleared under the migration entry",
    "mm/rmap.c, 6c287605fd56 (5.19)",
)  # fmt: skip
KSM_BECOMES = Reason(
    "share", "", "stable_tree_append", "{f} becomes a KSM page, read-only.",
    "its bytes equal those of {0}", "mm/ksm.c",
)  # fmt: skip
KSM_PROTECTED = Reason(
    "clear", "ksm-clears", "write_protect_page",
    "{place} is write-protected and {f} loses the exclusive bit.",
    "a candidate to merge: refcount {folio.refcount}, no references beyond its mappings",
    "mm/ksm.c, 6c287605fd56 (5.19)",
)  # fmt: skip
KSM_MERGED = Reason(
    "share", "", "replace_page", "{place} maps the KSM page {to} now.", "equal bytes", "mm/ksm.c"
)
KSM_REFUSED = Reason(
    "keep", "", "write_protect_page", "{f} is not merged.",
    "refcount {folio.refcount}, {0} of them mappings and swap cache", "mm/ksm.c",
)  # fmt: skip
KSM_BROKEN = Reason(
    "copy", "", "break_ksm", "{place} gets a copy {to} of the KSM page {f}.", "{0}", "mm/ksm.c"
)
UFFD_PROTECTED = Reason(
    "protect", "", "change_pte_range", "{place} is write-protected for userfaultfd.",
    "the exclusive bit stays as it is", "mm/mprotect.c",
)  # fmt: skip
UFFD_MARKED = Reason(
    "install", "", "change_pte_range", "{place} gets a uffd-wp marker.",
    "nothing is mapped there yet (WP_UNPOPULATED)", "mm/mprotect.c",
)  # fmt: skip
UFFD_LIFTED = Reason(
    "protect", "", "do_wp_page", "{place} loses its uffd-wp protection.",
    "asynchronous mode: the write itself lifts it", "mm/memory.c",
)  # fmt: skip
UFFD_SIGBUS = Reason(
    "decide", "", "handle_userfault", "The write to {place} gets SIGBUS.",
    "write-protected with UFFD_FEATURE_SIGBUS", "fs/userfaultfd.c",
)  # fmt: skip
UFFD_RESOLVED = Reason(
    "protect", "", "change_pte_range", "{place} is no longer write-protected for userfaultfd.",
    "uffd-wp cleared", "mm/mprotect.c",
)  # fmt: skip
SOFT_DIRTY_CLEARED = Reason(
    "protect", "", "clear_soft_dirty", "{place} is write-protected to see the next write.",
    "clear_refs", "fs/proc/task_mmu.c",
)  # fmt: skip
SOFT_DIRTY_SKIPPED = Reason(
    "keep", "reclaim-refuses-pinned", "clear_soft_dirty", "{place} stays writable.",
    "may be pinned", "fs/proc/task_mmu.c, 9348b73c2e1b (5.11)",
)  # fmt: skip
SWAP_KSM_COPY = Reason(
    "install", "", "ksm_might_need_to_copy", "{place} gets a copy {to} of {s}.",
    "a KSM page was swapped out there, and the cached page belongs to another page", "mm/ksm.c",
)  # fmt: skip
