"""What one micro-step of a `par` block does (`semantics.md` section 5), by its name there."""

from __future__ import annotations

from .reason import Reason

_GUP = "mm/gup.c: gup_fast_pte_range()"
_FORK = "mm/memory.c: copy_present_ptes()"
_RMAP = "mm/rmap.c: try_to_unmap_one()"
_COPY = "mm/memory.c: wp_page_copy()"


def _step(function: str, decision: str, source: str, rule: str = "", because: str = "") -> Reason:
    return Reason("micro", rule, function, decision, because, source)


MICRO: dict[str, Reason] = {
    "waits": _step("down_read", "Line {0} waits.", "mm/mmap_lock.c", because="{1}"),
    "over": _step("", "Line {0} has finished already.", "scenario-language.md"),
    "whole": _step("", "Line {0} runs as one step.", "semantics.md 5"),
    # GUP-fast
    "g0": _step("gup_fast", "g0: read write_protect_seq: {0}.", "mm/gup.c, 57efa1fe5957 (5.11)"),
    "g1": _step("gup_fast_pte_range", "g1: read the PTE of {place}: {0}.", _GUP),
    "g2": _step("try_grab_folio_fast", "g2: take a reference on {f}.", _GUP),
    "g3": _step(
        "gup_fast_pte_range",
        "g3: read PTE and PMD of {place} again: {0}.",
        "mm/gup.c, 70cbc3cc78a9 (6.1)",
    ),
    "g4": _step("gup_must_unshare", "g4: would the reference go stale? {0}.", _GUP),
    "g5": _step(
        "gup_fast",
        "g5: write_protect_seq is {0}.",
        "mm/gup.c, 57efa1fe5957 (5.11)",
        "gup-seq",
        "it was {1}",
    ),
    "slow": _step("__gup_longterm_locked", "GUP-fast gives up; the slow path begins.", "mm/gup.c"),
    # fork
    "f0": _step("copy_page_range", "f0: write_protect_seq becomes odd: {0}.", "mm/memory.c"),
    "f": _step("copy_pte_range", "The child gets the entry of {place}.", "mm/memory.c"),
    "f1": _step("folio_get", "f1: one reference more on {f}.", _FORK),
    "f2": _step("folio_try_dup_anon_rmap_pte", "f2: is {f} pinned? {0}.", _FORK),
    "f3": _step("folio_try_dup_anon_rmap_pte", "f3: {f} loses the bit and is mapped twice.", _FORK),
    "f4": _step("ptep_set_wrprotect", "f4: the parent's PTE becomes read-only.", _FORK),
    "f5": _step("set_ptes", "f5: the child's PTE is installed.", _FORK),
    "f6": _step("copy_page_range", "f6: write_protect_seq becomes even: {0}.", "mm/memory.c"),
    "f7": _step(
        "dup_mmap", "f7: fork returns; the parent's TLBs are {0}.", "kernel/fork.c", "fork-flushes"
    ),
    # unmapping for swap, migration and KSM
    "u0": _step("shrink_folio_list", "u0: {f} is taken off the LRU. {0}", "mm/vmscan.c"),
    "u1": _step("ptep_clear", "u1: the PTE of {place} is cleared.", _RMAP),
    "u2": _step("flush_tlb_page", "u2: no TLB leads to {f} through {place} any more.", _RMAP),
    "u3": _step(
        "folio_try_share_anon_rmap_pte",
        "u3: is {f} pinned? {0}.",
        "include/linux/rmap.h, 6c287605fd56 (5.19)",
        "unmap-checks-pinned",
    ),
    "u4": _step("folio_try_share_anon_rmap_pte", "u4: {f} loses the bit.", "include/linux/rmap.h"),
    "u5": _step("set_pte_at", "u5: the entry of {place} is installed: {0}.", _RMAP),
    "u6": _step("folio_remove_rmap_pte", "u6: one mapping of {f} less.", _RMAP),
    "m1": _step("folio_migrate_mapping", "m1: does nobody else hold {f}? {0}.", "mm/migrate.c"),
    "m2": _step("folio_migrate_copy", "m2: {f} is copied to {to}, flags and all.", "mm/migrate.c"),
    "m3": _step(
        "remove_migration_ptes",
        "m3: the migration entries of {f} are PTEs again, of {to}.",
        "mm/migrate.c",
    ),
    "fm": _step(
        "copy_nonpresent_pte",
        "The child gets the migration entry of {place}, both sides readable.",
        "mm/memory.c",
        because="it was {0}",
    ),
    "k6": _step("try_to_merge_two_pages", "k6: the pages are merged.", "mm/ksm.c"),
    "v1": _step(
        "folio_ref_freeze",
        "v1: is the swap cache the last holder of {f}? {0}.",
        "mm/vmscan.c: __remove_mapping()",
        "reclaim-freezes",
    ),
    "v2": _step("__delete_from_swap_cache", "v2: {f} leaves the swap cache.", "mm/vmscan.c"),
    # stores, loads, write faults
    "st": _step("", "The store goes through {0}.", "semantics.md 5"),
    "ld": _step("", "The load goes through {0}.", "semantics.md 5"),
    "r1": _step("pte_offset_map_lock", "r1: write fault at {place}: the PTE lock.", "mm/memory.c"),
    "r2": _step("do_wp_page", "r2: may {f} be written in place? {0}.", "mm/memory.c"),
    "r3": _step("SetPageAnonExclusive", "r3: {f} gets the bit.", "mm/memory.c"),
    "r4": _step("wp_page_reuse", "r4: the PTE becomes writable.", "mm/memory.c"),
    "w1": _step("folio_get", "w1: a reference on {f}, and the lock is dropped.", _COPY),
    "w2": _step("__wp_page_copy_user", "w2: {f} is copied to {to}; no lock is held.", _COPY),
    "w3": _step("pte_offset_map_lock", "w3: the lock again; the PTE is {0}.", _COPY),
    "w4": _step("ptep_clear_flush", "w4: the PTE is cleared.", _COPY),
    "w5": _step("ptep_clear_flush", "w5: no TLB leads to {f} any more.", _COPY),
    "w6": _step("set_pte_at", "w6: the PTE leads to {f}.", _COPY),
    "w7": _step(
        "folio_remove_rmap_pte", "w7: one mapping of {f} less.", _COPY, "copy-flushes-first"
    ),
    "w8": _step("folio_put", "w8: {f} is given back.", _COPY, "copy-flushes-first"),
    "d1": _step("do_swap_page", "d1: read the swap entry of {place}: {0}.", "mm/memory.c"),
    "d2": _step("swapin_readahead", "d2: the page is read; no lock is held.", "mm/memory.c"),
    "d3": _step(
        "do_swap_page", "d3: the lock; the entry is {0}.", "mm/memory.c", "swapin-asks-locked"
    ),
    # zapping
    "z1": _step("zap_pte_range", "z1: the PTE of {place} is cleared.", "mm/memory.c"),
    "z2": _step("tlb_flush_mmu", "z2: no TLB leads there any more.", "mm/mmu_gather.c"),
    "z3": _step("folio_remove_rmap_ptes", "z3: one mapping of {f} less.", "mm/memory.c"),
    "z4": _step(
        "tlb_batch_pages_flush",
        "z4: the references are given back.",
        "mm/mmu_gather.c",
        "zap-flushes-first",
    ),
    # userfaultfd write protection
    "p1": _step(
        "change_protection", "p1: the PTEs become read-only, not yet flushed.", "mm/mprotect.c"
    ),
    "p2": _step("flush_tlb_range", "p2: the TLBs are flushed.", "mm/mprotect.c"),
    "pending": _step(
        "do_wp_page",
        "A write protection in flight is flushed first.",
        "mm/memory.c, 6ce64428d620 (5.12)",
        "fault-flushes",
    ),
    # huge pages
    "c1": _step(
        "pmdp_collapse_flush",
        "c1: the page table is detached, the TLBs flushed.",
        "mm/khugepaged.c",
    ),
    "c2": _step(
        "__collapse_huge_page_isolate", "c2: does anybody hold a page? {0}.", "mm/khugepaged.c"
    ),
    "c3": _step(
        "collapse_huge_page", "c3: the pages are copied, the huge PMD installed.", "mm/khugepaged.c"
    ),
    "x1": _step("pmdp_invalidate", "x1: the PMD is not present for a moment.", "mm/huge_memory.c"),
    "x2": _step(
        "__split_huge_pmd_locked",
        "x2: the PTEs and their bits are installed.",
        "mm/huge_memory.c",
        "split-distributes",
    ),
}
"""One reason for each micro-step; the programs in `app.engine.race` name them."""
