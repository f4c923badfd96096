"""What was seen on a real kernel, fact by fact, each with the recorded steps that show it.

The numbers are those of `kernel-facts.md`. A sight is "name:step" of a trace recorded with swap
on zram, or "file/name:step" of one recorded with a swap file.
"""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True):
    """One fact. `number` is "" for what the page of facts has no number for."""

    number: str
    sentence: str
    sights: tuple[tuple[str, int], ...]
    """(key of a recording, step)"""


class Chapter(Struct, frozen=True):
    name: str
    facts: tuple[Fact, ...]


def fact(number: int | str, sentence: str, sights: str) -> Fact:
    found = []
    for sight in sights.split():
        name, _, step = sight.rpartition(":")
        found.append((name if "/" in name else f"zram/{name}", int(step)))
    return Fact(str(number), sentence, tuple(found))


CHAPTERS: tuple[Chapter, ...] = (
    Chapter(
        "Fork and copy-on-write",
        (
            fact(
                1,
                "Fork clears the exclusive bit of both sides. The other side's exit, an unmap or a "
                "read does not bring it back: only a write that finds itself the sole owner does.",
                "fork-child-exits-parent-writes:6 fork-refork-nonexclusive:6 "
                "fork-parent-exits-child-writes:6 fork-chain-middle-exits:7",
            ),
            fact(
                2,
                "The last owner reuses when the refcount is 1, not the mapcount: a vmsplice "
                "reference makes it copy, and once that is released it reuses.",
                "splice-child-leak-cve:6 splice-child-leak-exit:6 "
                "splice-after-fork-release-first:7",
            ),
            fact(
                3,
                "A fresh page in the LRU batch of this CPU is drained before it is counted. In the "
                "batch of another CPU it is copied.",
                "lru-same-cpu-reuse:5 lru-other-cpu-batch:9",
            ),
            fact(
                4,
                "An exclusive page that a pipe refers to is written in place, and the pipe sees "
                "it. After a fork it is not.",
                "splice-exclusive-write:4 splice-parent-before-fork:5",
            ),
            fact(
                5,
                "Fork copies page tables only of a range that ever had an anonymous page: a range "
                "of zero pages leaves the child's entries empty. A huge zero page is shared.",
                "basic-zero-fork:3 thp-huge-zero-fork:3 shared-anon-fork:3",
            ),
            fact(
                6,
                "Populating for reading maps the zero page. Any write, also by a pin, replaces it "
                "by a fresh exclusive page.",
                "basic-map-populate:2 basic-populate-read-write:2 pin-zero-page:3",
            ),
            fact(
                7,
                "mprotect to read-only and back: exclusive pages are writable again without a "
                "fault, others take the COW fault.",
                "mprotect-exclusive-no-fault:5 mprotect-exclusive-no-fault:10 "
                "fork-mprotect-after:6 ptrace-write-prot-none:4",
            ),
            fact(
                8,
                "mremap and mprotect keep frame and exclusive bit; ranges that fork leaves out "
                "stay exclusive.",
                "basic-mremap-move:5 pin-dontfork:6 fork-wipeonfork:7",
            ),
            fact(
                9,
                "MADV_FREE marks a page lazyfree although another process shares it.",
                "fork-free-shared:5",
            ),
            fact(
                10,
                "mlock belongs to the range: the child's copy is not locked, the shared page is.",
                "basic-mlock-fork:5 basic-mlock-fork:7",
            ),
        ),
    ),
    Chapter(
        "Pins",
        (
            fact(
                11,
                "Fork copies a pinned, exclusive page for the child at once; the parent keeps its "
                "frame, writable. After the release fork shares again.",
                "pin-fork-release-fork:4 pin-fork-release-fork:6 pin-twice:6 pin-multi-page-fork:4",
            ),
            fact(
                12,
                "A pin for writing after fork breaks COW first. The other side keeps the old page.",
                "fork-then-pin-parent:4 fork-then-pin-parent:8 "
                "pin-unpinned-fork-nonexclusive-pin:6",
            ),
            fact(
                13,
                "A pin for reading after fork unshares: the page becomes exclusive, stays "
                "read-only, and the next write takes a fault without a copy.",
                "ro-pin-vm-read-shared:4 ro-pin-vm-read-shared:6 "
                "ro-pin-vm-read-sole-nonexclusive:6 dio-write-shared:4 ro-pin-vm-read-zero:4",
            ),
            fact(
                14,
                "Pinning a read-only range for writing fails with EFAULT. Unmapping leaves the "
                "page to the device.",
                "pin-ro-mapping-fails:3 pin-munmap:4 pin-mprotect-ro:5",
            ),
            fact(
                15,
                "A pinned page is not paged out, moved or split. A page with a pipe's reference is "
                "not moved, but paged out: it stays in the swap cache and comes back exclusive.",
                "swap-pinned-resists:4 migrate-pinned:4 thp-pin-split-attempt:4 migrate-spliced:4 "
                "splice-swapout-held:4 splice-swapout-held:5 splice-swapout-fork-held:6",
            ),
            fact(
                16,
                "A debugger's write copies or reuses like a fault, also where the process may not "
                "write; the entry stays read-only. An exclusive page is written in place.",
                "ptrace-write-readonly-exclusive:5 ptrace-write-prot-none:5 ptrace-write-shared:4 "
                "ptrace-write-sole-nonexclusive:7",
            ),
        ),
    ),
    Chapter(
        "Swap",
        (
            fact(
                17,
                "The swap entry remembers that the page was exclusive: it comes back exclusive, "
                "also by a read, and the next write takes no fault.",
                "swap-exclusive-read-in:4 swap-exclusive-read-in:5 swap-exclusive-write-in:4",
            ),
            fact(
                18,
                "Fork of a swap entry clears the marker on both sides. A write brings in a private "
                "copy while others keep the entry; the last holder reuses.",
                "swap-fork-swapped-parent-writes:5 swap-fork-3:6 swap-fork-3:7 swap-fork-3:10",
            ),
            fact(
                19,
                "With zram an entry that has one user left comes back exclusive, marker or not. "
                "With a swap file it goes through the swap cache and does not.",
                "swap-fork-swapped-child-exit:6 file/swap-fork-swapped-child-exit:6 "
                "file/swap-exclusive-read-in:4",
            ),
            fact(
                20,
                "MADV_PAGEOUT leaves shared pages and zero pages. A pin, a debugger's write and "
                "populating act on a swapped page as a read or a write does.",
                "swap-shared-madvise-skips:4 swap-zero-page:4 swap-vm-read:5 swap-ptrace-write:5 "
                "swap-then-pin:4 swap-populate-write:5 swap-populate-write:6 uffd-wp-swap:5",
            ),
        ),
    ),
    Chapter(
        "KSM",
        (
            fact(
                21,
                "A merged page is never exclusive and never reused: even the last one that maps it "
                "copies, also for the same value. Fork shares it.",
                "ksm-merge-three-same-value-write:4 ksm-merge-three-same-value-write:7 "
                "ksm-last-mapping-write:6 ksm-fork-merged:5",
            ),
            fact(
                22,
                "Pages shared by fork are merged, too. Debuggers un-merge by copying. A THP is "
                "split to be merged; paging out and reading in gives separate pages.",
                "ksm-shared-by-fork:5 ksm-ptrace-write:6 thp-ksm:5 ksm-reclaim-swapin:5 "
                "ksm-reclaim-swapin:7",
            ),
        ),
    ),
    Chapter(
        "Transparent huge pages",
        (
            fact(
                23,
                "A read maps the huge zero page, a write a whole huge page with one fault. Fork "
                "shares it by its PMD; after the child's exit one write reuses all of it.",
                "thp-huge-zero-fork:2 thp-two:2 thp-fork-child-exit:3 thp-fork-child-exit:6",
            ),
            fact(
                24,
                "A write to a shared huge page splits the writer's PMD and copies one base page. "
                "While anybody else maps or holds the folio, each further write copies one more.",
                "thp-fork-parent-writes:4 thp-fork-parent-writes:8 thp-splice-cve:8",
            ),
            fact(
                25,
                "When one process has all mappings and nobody holds it, subpages are reused one by "
                "one.",
                "thp-munmap-partial:9 thp-splice-cve:10 thp-cold-split-after-cow:7 "
                "thp-fork-child-exit-pin:5",
            ),
            fact(
                26,
                "Unmapping or protecting a part splits the PMD only; every subpage stays "
                "exclusive. Done to the whole range, the PMD stays.",
                "thp-munmap-partial:4 thp-mprotect-partial:5 thp-mprotect-whole:6 "
                "thp-mremap-whole:5 thp-mremap-partial:4 thp-dontneed-partial:3",
            ),
            fact(
                27,
                "Fork of a huge page with any page pinned gives the child 512 small copies.",
                "thp-pin-then-fork:4 thp-pin-whole-then-fork:4",
            ),
            fact(
                28,
                "A read-only pin of a shared huge page copies one subpage, as a write does.",
                "thp-vm-read-shared:4",
            ),
            fact(
                29,
                "An exclusive huge page goes out as 512 consecutive entries and comes in page by "
                "page. A part of it is split off first. Shared or pinned it stays.",
                "thp-swapout-whole:3 thp-swapout-whole:4 thp-swapout-shared:4 "
                "thp-swapout-partial:3 thp-swapout-partial-shared:5 thp-swapout-pinned:4 "
                "thp-cold-split:3",
            ),
            fact(
                30,
                "MADV_COLLAPSE copies into a fresh exclusive huge page, from shared, swapped and "
                "missing pages alike. It refuses MADV_NOHUGEPAGE with EINVAL.",
                "thp-collapse-exclusive:5 thp-collapse-child-exit:7 thp-collapse-pte-mapped:5 "
                "thp-collapse-swapped:6 thp-collapse-partly-populated:6 thp-collapse-nohugepage:4",
            ),
        ),
    ),
    Chapter(
        "hugetlb, userfaultfd, migration",
        (
            fact(
                31,
                "hugetlb reuses by mapcount alone: the vmsplice leak is still there. A read brings "
                "a page, there is no zero page; a read-only pin unshares.",
                "hugetlb-splice-leak:6 hugetlb-splice-leak:7 hugetlb-read-fault:2 "
                "hugetlb-vm-read:4 hugetlb-child-exit:5",
            ),
            fact(
                32,
                "A write lifts asynchronous write protection in place; the child inherits none. A "
                "write to a marker takes two faults. A pin for writing lifts it, a device ignores "
                "it.",
                "uffd-wp-write:5 uffd-wp-fork:4 uffd-wp-fork:5 uffd-wp-unpopulated:4 "
                "uffd-wp-pin:4 uffd-wp-pin:7 uffd-wp-sigbus:4 uffd-wp-thp-whole:5",
            ),
            fact(
                "",
                "Compaction gives a new frame and keeps everything else: mapcount, exclusive bit, "
                "write bit, uffd-wp, KSM, swap cache.",
                "migrate-exclusive:3 migrate-mprotect:4 migrate-ksm:5 migrate-uffd-wp:4 "
                "migrate-swapped:6",
            ),
        ),
    ),
)

RACES = {
    "zram/lru-other-cpu-batch": "A race on the real machine: whatever drains the other CPU's "
    "batch in time turns the copy into a reuse. Five recordings differed in the fields that are "
    "left out; the model plays the case in which nothing drains it, which was the usual one.",
}
"""Traces of which the kernel does not always do the same, and why."""
