"""The rules a policy is made of: switches of `app.engine.policy.Policy`, with their names."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from app.engine.policy import Policy


class Rule(Struct, frozen=True):
    """One rule that can be switched off (`linux:-swap-exclusive`).

    `fields` are the policy's fields as they are with the rule off; a policy *has* the rule when
    one of them is otherwise.
    """

    name: str
    sentence: str
    fields: dict[str, Any]

    def holds(self, policy: Policy) -> bool:
        return any(getattr(policy, name) != off for name, off in self.fields.items())


RULES: tuple[Rule, ...] = (
    Rule(
        "reuse-exclusive",
        "A write to a page whose exclusive bit is set keeps the page, no questions asked.",
        {"reuse_exclusive": False},
    ),
    Rule(
        "reuse-fallback",
        "Where no bit says so, counting mappings or references may prove that the page is its own.",
        {"reuse": "never"},
    ),
    Rule(
        "count-references",
        "The proof counts references, not mappings: a pipe or a pin is somebody, too.",
        {"reuse": "mapcount"},
    ),
    Rule(
        "discount",
        "Counting references leaves out this CPU's LRU batch and the swap cache.",
        {"discounts": False},
    ),
    Rule(
        "cow-sets",
        "A fresh page, a copy and a page that was found to be its own get the exclusive bit.",
        {"cow_sets": False},
    ),
    Rule(
        "fork-protects",
        "Fork write-protects both sides of a page that they share.",
        {"fork_protects": False},
    ),
    Rule(
        "fork-clears",
        "Fork clears the exclusive bit of a page that parent and child share from now on.",
        {"fork_clears": False},
    ),
    Rule(
        "fork-clears-swap",
        "Fork clears the exclusive marker of a swap entry that both have from now on.",
        {"fork_clears_swap": False},
    ),
    Rule(
        "fork-copies-pinned",
        "Fork gives the child a copy at once of a page that may be pinned.",
        {"fork_copies_pinned": False},
    ),
    Rule(
        "fork-asks-exclusive",
        "... but only of an exclusive page: a pinned page that is shared already is shared again.",
        {"fork_asks_exclusive": False},
    ),
    Rule(
        "gup-breaks-cow",
        "Every reference to a private mapping is taken as if for writing.",
        {"gup_breaks_cow": False},
    ),
    Rule(
        "unshare",
        "A read-only reference that could go stale unshares first (FAULT_FLAG_UNSHARE).",
        {"unshare": "none"},
    ),
    Rule(
        "unshare-zero",
        "A long-term read-only pin gets a page of its own instead of the zero page or page cache.",
        {"unshare_zero": False},
    ),
    Rule(
        "force-exclusive",
        "FOLL_FORCE writes through a read-only PTE only when the page is exclusive.",
        {"force_exclusive": False},
    ),
    Rule(
        "reclaim-refuses-pinned",
        "Reclaim leaves a page that may be pinned in its page tables.",
        {"reclaim_refuses_pinned": False, "unmap_checks_pinned": False},
    ),
    Rule(
        "unmap-checks-pinned",
        "The exclusive bit is cleared only if the page is not pinned, asked while no PTE maps it.",
        {"unmap_checks_pinned": False},
    ),
    Rule(
        "swapout-clears",
        "Unmapping a page for swap-out clears its exclusive bit.",
        {"swapout_clears": False},
    ),
    Rule(
        "swap-exclusive",
        "The swap entry of an exclusive page remembers that it was exclusive.",
        {"swap_exclusive": False},
    ),
    Rule(
        "upgrade",
        "mprotect() and the end of userfaultfd-wp make an exclusive page writable without a fault.",
        {"upgrades": False},
    ),
    Rule(
        "migration-keeps",
        "A migration entry remembers the exclusive bit.",
        {"migration_keeps": False},
    ),
    Rule(
        "ksm-clears", "KSM clears the exclusive bit before it shares a page.", {"ksm_clears": False}
    ),
    Rule(
        "split-distributes",
        "Splitting a PMD gives the head's exclusive bit to every subpage.",
        {"split_distributes": False},
    ),
    Rule(
        "owner-tracking",
        "A large folio knows whether one mm has all its mappings, and is then reused page by page.",
        {"owner_tracking": False},
    ),
    Rule(
        "gup-seq",
        "GUP-fast gives a pin back when a fork of the same mm ran meanwhile (write_protect_seq).",
        {"gup_seq": False},
    ),
    Rule(
        "gup-grabs-first",
        "GUP-fast takes its reference before it reads the page-table entry again.",
        {"gup_grabs_first": False},
    ),
    Rule(
        "gup-rechecks-pmd",
        "GUP-fast reads the PMD again, too: the page table may have been detached by a collapse.",
        {"gup_rechecks_pmd": False},
    ),
    Rule(
        "fork-seq-first",
        "Fork announces itself in write_protect_seq before it asks whether a page is pinned.",
        {"fork_seq_first": False},
    ),
    Rule(
        "fork-flushes",
        "Fork flushes the parent's TLBs before it returns.",
        {"fork_flushes": False},
    ),
    Rule(
        "unmap-clears-first",
        "The exclusive bit is cleared before another entry takes the place of the PTE.",
        {"unmap_clears_first": False},
    ),
    Rule(
        "copy-flushes-first",
        "A write fault gives the old page back only when no TLB leads to it any more.",
        {"copy_flushes_first": False},
    ),
    Rule(
        "fault-flushes",
        "A write fault flushes what a write protection in flight has not flushed yet.",
        {"fault_flushes": False},
    ),
    Rule(
        "zap-flushes-first",
        "An unmapped page is given back only when no TLB leads to it any more.",
        {"zap_flushes_first": False},
    ),
    Rule(
        "swapin-asks-locked",
        "Swap-in reads the entry's exclusive marker under the page-table lock.",
        {"swapin_asks_locked": False},
    ),
    Rule(
        "reclaim-freezes",
        "Reclaim sets the refcount to zero in the same instant in which it finds it unused.",
        {"reclaim_freezes": False},
    ),
)

BY_NAME = {rule.name: rule for rule in RULES}
