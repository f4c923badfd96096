"""The kinds of memory that cow.c runs its tests on, each as the steps that make it.

A huge page has HUGE base pages here, so that a picture of it can be read; no rule asks how many.
"""

from __future__ import annotations

from msgspec import Struct

HUGE = 4
HALF = HUGE // 2

THP = (f"A mmap mem {HUGE} thp", "A write mem 1", "expect A mem huge")
MAPPED_BY_PTES = (*THP, "A mprotect mem[1] r", "A mprotect mem[1] rw", "expect A mem not huge")
SINGLE = (*THP, f"A madvise mem[1:{HUGE}] dontneed", "expect A mem[0] not huge")


class Kind(Struct, frozen=True):
    """One kind of memory.

    key      for links; `words` as cow.c prints them behind "with"; `head` for narrow columns
    setup    steps; an `expect` among them that is not met skips the test, as cow.c does
    place    what a test works on; `pages` of it
    other    a second view of the same page, for memory that is not anonymous: process and place
    """

    key: str
    words: str
    head: str
    setup: tuple[str, ...]
    place: str = "mem"
    pages: int = 1
    other: str = ""

    @property
    def swapped(self) -> bool:
        return any("pageout" in line for line in self.setup)


def out(kind: Kind, key: str, words: str, head: str) -> Kind:
    """The same memory, swapped out before the test."""
    gone = (f"A madvise {kind.place} pageout", f"expect A {kind.place} swapped")
    return Kind(key, words, head, (*kind.setup, *gone), kind.place, kind.pages)


BASE = Kind("base", "base page", "base page", ("A mmap mem 1", "A write mem 1"))
PMD = Kind("thp", "THP", "THP", THP, "mem", HUGE)
PTES = Kind("thp-ptes", "PTE-mapped THP", "PTE-mapped THP", MAPPED_BY_PTES, "mem", HUGE)
LEFT = Kind("thp-single", "single PTE of THP", "single PTE of THP", SINGLE, "mem[0]")

KINDS: tuple[Kind, ...] = (
    BASE,
    out(BASE, "base-swapped", "swapped out base page", "base page, swapped"),
    PMD,
    out(PMD, "thp-swapped", "swapped-out THP", "THP, swapped"),
    PTES,
    out(PTES, "thp-ptes-swapped", "swapped-out, PTE-mapped THP", "PTE-mapped, swapped"),
    LEFT,
    out(LEFT, "thp-single-swapped", "single PTE of swapped-out THP", "single PTE, swapped"),
    Kind(
        "thp-moved",
        "partially mremap()'ed THP",
        "partially mremapped",
        (*THP, f"A mremap mem[{HALF}:{HUGE}] moved"),
        f"mem[0:{HALF}]",
        HALF,
    ),
    Kind(
        "thp-part-shared",
        "partially shared THP",
        "partially shared",
        (
            *THP,
            f"A madvise mem[1:{HUGE}] dontfork",
            "A fork X",
            "X exit",
            f"A madvise mem[1:{HUGE}] dofork",
        ),
        "mem",
        HUGE,
    ),
    Kind("hugetlb", "hugetlb", "hugetlb", (f"A mmap mem {HUGE} hugetlb", "A write mem 1"), "mem",
         HUGE),
    Kind(
        "zero",
        "shared zeropage",
        "zero page",
        ("A mmap mem 1", "A mmap smem 1", "A read mem", "A read smem", "expect A mem zero"),
        other="A smem",
    ),
    Kind(
        "huge-zero",
        "huge zeropage",
        "huge zero page",
        (
            f"A mmap mem {HUGE} thp",
            f"A mmap smem {HUGE} thp",
            "A read mem",
            "A read smem",
            "expect A mem huge",
            "expect A mem zero",
        ),
        "mem",
        HUGE,
        "A smem",
    ),
    Kind(
        "file",
        "memfd, tmpfile",
        "page cache",
        ("A mmap mem 1 file", "A fork B", "A read mem", "B read mem", "expect A mem same B mem"),
        other="B mem",
    ),
    Kind("file-hugetlb", "memfd hugetlb", "memfd hugetlb", ()),
)  # fmt: skip

_BY_KEY = {kind.key: kind for kind in KINDS}


def find_kind(key: str) -> Kind | None:
    return _BY_KEY.get(key)
