"""The misconception index: what people say of copy-on-write, and the step that refutes it.

`shows` are expectations of the scenario language that hold after the step: claims that anybody can
play again. What really decides is said in the engine's terms, and checked against it by the tests.
"""

from __future__ import annotations

from msgspec import Struct

from .course import Sight


class Refutation(Struct, frozen=True):
    """A step, and what holds after it."""

    sight: Sight
    shows: tuple[str, ...]


class Mistake(Struct, frozen=True):
    """One misconception.

    said        in the words that people use
    believed    why it is believed
    decides     what really decides
    refuted     the steps that refute it; the first one is drawn
    question    the id of a question that whoever holds the belief answers wrongly
    """

    slug: str
    said: str
    believed: str
    decides: str
    refuted: tuple[Refutation, ...]
    question: str


def step(
    slug: str, number: int, point: str, says: str, *shows: str, policy: str = ""
) -> Refutation:
    return Refutation(Sight(slug, number, point, says, policy), shows)


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "fork-copies-pages",
        "fork() copies the parent’s pages.",
        "The manual page says that the child gets a copy of the parent’s memory, and each side "
        "does see its own values from then on.",
        "Fork copies page tables. Both entries are made read-only and lead to one page; a page is "
        "copied when somebody writes to it, unless it may be pinned.",
        (
            step("hello-fork", 3, "One page, two entries, no copy.", "both read-only",
                 "A buf[0] same B buf[0]", "A buf[0] maps 2", "copies 0"),
        ),
        "hello-fork.3.page",
    ),
    Mistake(
        "fork-copies-every-entry",
        "fork() copies every page-table entry, so forking cost grows with the mapping.",
        "dup_mmap() walks all ranges, and textbooks draw the child’s page table as a full copy.",
        "A range in which nothing anonymous was ever written has no entries worth copying: the "
        "child faults them in again. What counts is what was written, not how much is mapped.",
        (
            step("fork-skips-untouched", 6, "The range that was only read is skipped.",
                 "not copied", "B z none", "B y[0] zero"),
        ),
        "fork-skips-untouched.6.count",
    ),
    Mistake(
        "refcount-1-means-mine",
        "Refcount 1 means mine, anything else means shared.",
        "It is how the kernel decided from 5.9 on, and page_count() == 1 does prove ownership when "
        "a fault asks.",
        "The exclusive bit decides first. With it a page is written in place whatever the count; "
        "without it a count of 1 helps only once a write fault looks. Nobody updates the bit when "
        "a count falls.",
        (
            step("held-by-nobody", 7, "Refcount 2, written in place, and no fault.",
                 "without a fault", "A buf[0] refs 2", "A buf[0] exclusive", "copies 0"),
            step("lazy-bit", 5, "Refcount 1, and still not exclusive.", "no longer maps",
                 "A buf[0] refs 1", "A buf[0] not exclusive", "A buf[0] readonly"),
        ),
        "held-by-nobody.7.fate",
    ),
    Mistake(
        "mapped-once-means-exclusive",
        "Mapped once means exclusive.",
        "pagemap calls its bit 56 “exclusively mapped”, and smaps counts such pages as private.",
        "That bit says mapcount 1, now. PG_anon_exclusive says that nobody can have got hold of "
        "the page: not through a fork before, not through a pipe that holds it.",
        (
            step("lazy-bit", 5, "One mapping is left, and the bit is clear.", "no longer maps",
                 "A buf[0] maps 1", "A buf[0] not exclusive"),
            step("vmsplice-leak", 6, "One mapping is left, and a pipe holds the page.",
                 "no longer maps", "A buf[0] maps 1", "A buf[0] refs 2", "A buf[0] not exclusive"),
        ),
        "lazy-bit.5.bits",
    ),
    Mistake(
        "read-only-means-shared",
        "A read-only entry means that the page is shared.",
        "Fork shares by write-protecting, so a read-only entry in a writable range looks like the "
        "mark of sharing.",
        "Whether a store needs a fault and who owns the page are two questions. mprotect, "
        "userfaultfd and unsharing for a pin leave exclusive pages behind read-only entries.",
        (
            step("pin-goes-stale", 5, "Unshared for a pin: its own, and read-only.",
                 "must be copied", "A buf[0] exclusive", "A buf[0] readonly"),
            step("mprotect-remembers", 4, "Write-protected by mprotect, and still its own.",
                 "write-protected", "A buf[0] exclusive", "A buf[0] readonly"),
        ),
        "pin-goes-stale.5.page",
    ),
    Mistake(
        "a-pin-keeps-the-mapping",
        "A pin keeps the page mapped.",
        "Pinned memory is said to be locked, and mlock() does keep pages mapped.",
        "A pin keeps the page alive and in its place. The entry belongs to the process, which may "
        "drop it: then the device works on a page that the process no longer sees.",
        (
            step("pin-outlives-munmap", 5, "The entry is gone, the pin still holds the page.",
                 "no longer maps", "A buf[0] none"),
            step("pin-outlives-munmap", 7, "The next touch brings another page.", "zero page",
                 "p not coherent"),
        ),
        "pin-outlives-munmap.7.value",
    ),
    Mistake(
        "a-reference-protects",
        "get_user_pages() protects the page, pin or no pin.",
        "Both raise the refcount, and both keep the page from being freed.",
        "Fork looks for pins and copies at once what may be pinned. A plain reference is invisible "
        "to it: the owner’s next write goes to a copy, and the holder keeps the old page.",
        (
            step("get-is-not-pin", 6, "After a fork the reference is left behind.", "copied",
                 "g not coherent"),
            step("cow-either-way", 5, "A pin: fork copies for the child.", "1025 >= 1024",
                 "p coherent", "copies 1"),
        ),
        "get-is-not-pin.6.page",
    ),
    Mistake(
        "swap-forgets-the-owner",
        "Swap forgets who owned the page.",
        "Before 5.19 it did: the entry had no room for it, and a page that came back was judged by "
        "counts alone.",
        "The swap entry carries an exclusive marker. A page that was its owner’s own comes back "
        "exclusive and writable, by a read, too; fork clears the marker on both sides.",
        (
            step("swap-keeps-ownership", 4, "The entry remembers.", "swap",
                 "A buf[0] swapped", "A buf[0] exclusive"),
            step("swap-keeps-ownership", 5, "Read back, it is writable at once.",
                 "marked exclusive", "A buf[0] exclusive", "A buf[0] writable"),
        ),
        "swap-keeps-ownership.6.fault",
    ),
    Mistake(
        "the-last-owner-never-copies",
        "The last owner never copies.",
        "When the other process exits or unmaps, only one mapping is left, and textbooks say "
        "that its count is 1.",
        "References count, too. A pipe that holds the page must not see the next store, so the "
        "last process that maps it copies. Counting mappings instead was CVE-2020-29374.",
        (
            step("vmsplice-leak", 7, "The only mapper copies.", "refcount 2 > 1",
                 "A buf[0] maps 1", "copies 1"),
            step("vmsplice-leak", 7, "Counting mappings, it does not, and the pipe leaks.",
                 "mapcount 1", "copies 0", policy="mapcount"),
        ),
        "vmsplice-leak.7.page",
    ),
    Mistake(
        "only-writes-copy",
        "Only a write copies.",
        "Copy-on-write says so, and a load never breaks sharing.",
        "A read-only pin unshares first: otherwise the owner’s next write would leave the pin on "
        "the old page. Even reading another process’s memory makes that process copy.",
        (
            step("reader-makes-it-copy", 5, "B reads, and A has a copy.", "copied",
                 "copies 1", "A buf[0] exclusive", "A buf[0] readonly"),
        ),
        "reader-makes-it-copy.5.page",
    ),
    Mistake(
        "a-copy-proves-sharing",
        "If the kernel copied, somebody shared the page.",
        "A copy costs time, so surely it was needed.",
        "Without the bit the kernel counts references, and some belong to nobody in particular: "
        "an LRU batch of another CPU, a speculative reference. It copies to be safe.",
        (
            step("lru-batch-elsewhere", 7, "Nobody shares it, and it is copied.", "refcount 2",
                 "copies 1", "violation spurious-copy"),
        ),
        "lru-batch-elsewhere.7.fate",
    ),
    Mistake(
        "huge-pages-are-copied-whole",
        "A write to a forked huge page copies 2 MiB.",
        "Up to Linux 5.7 it did, when a huge page could be had.",
        "The writer’s PMD is split and one base page is copied. The others stay shared on the old "
        "folio, and the other process keeps its PMD.",
        (
            step("huge-one-write", 4, "One page of eight is copied.", "copied",
                 "copies 1", "A buf[4] shared", "B buf huge"),
            step("huge-one-write", 4, "Up to 5.7: all of them.", "copied", "copies 8",
                 policy="mapcount"),
        ),
        "huge-one-write.4.page",
    ),
    Mistake(
        "a-folio-is-exclusive-or-not",
        "A huge page is exclusive as a whole, or not at all.",
        "Mapped by a PMD it has one bit, at its head, and kpageflags shows the head’s for all.",
        "Mapped by PTEs, each page has its own bit. Half a fork leaves shared and exclusive pages "
        "side by side in one folio, and only the shared ones are copied.",
        (
            step("huge-half-a-fork", 4, "Shared and exclusive in one folio.", "read-only",
                 "A buf[0] shared", "A buf[4] exclusive"),
        ),
        "huge-half-a-fork.5.fault",
    ),
    Mistake(
        "mlock-is-about-swap",
        "mlock() only keeps pages from being swapped out.",
        "Its manual page talks of paging, and it changes no content.",
        "mlock() brings all pages in as if they were written, so that no fault is left for later. "
        "After a fork that breaks copy-on-write for every page of the range.",
        (
            step("mlock-breaks-cow", 5, "Locked, and copied.", "copied",
                 "copies 1", "A buf[0] exclusive", "A buf[0] not same B buf[0]"),
        ),
        "mlock-breaks-cow.5.page",
    ),
    Mistake(
        "cow-isolates-all-memory",
        "Private memory is isolated, whatever its pages.",
        "MAP_PRIVATE promises it, and the leak of 2020 is fixed.",
        "hugetlb reuses by mapcount on purpose, because its pages are few. A pipe that holds such "
        "a page still sees the next store; the kernel’s own test expects that failure.",
        (
            step("hugetlb-leak", 6, "Written in place while a pipe holds it.", "mapcount 1",
                 "A buf[0] maps 1", "copies 0", "violation isolation"),
        ),
        "hugetlb-leak.7.value",
    ),
)  # fmt: skip


def find_mistake(slug: str) -> Mistake | None:
    return next((mistake for mistake in MISTAKES if mistake.slug == slug), None)
