"""The tests of cow.c by their own names, each described once for every kind of memory.

In the steps `{m}` is the memory under test and `{o}` a second view of it. A step behind "!" is
the one that decides. "g each 1" reads every page of handle g and expects each to be 1. The memory
holds 1, and what is written is 0xff, as in cow.c.
"""

from __future__ import annotations

from msgspec import Struct

from .kinds import HALF, HUGE

CHILD_READS = ("expect B {m} is 1", "B read {m}", "expect value 1")
PROTECT = ("A mprotect {m} r", "A mprotect {m} rw")
PROTECT_AND_CLEAR = ("A mprotect {m} r", "A clear_refs", "A mprotect {m} rw")
LOWER, UPPER = f"mem[0:{HALF}]", f"mem[{HALF}:{HUGE}]"

ANON = (
    "base",
    "base-swapped",
    "thp",
    "thp-swapped",
    "thp-ptes",
    "thp-ptes-swapped",
    "thp-single",
    "thp-single-swapped",
    "thp-moved",
    "thp-part-shared",
    "hugetlb",
)
SPLICES = ("T3", "T4", "T5", "T6")
"""Tests of which cow.c expects the failure on hugetlb, whose copy-on-write counts mappings."""


class Test(Struct, frozen=True):
    """One test. `asserts` is what must hold, in words; `steps` come behind the memory's own."""

    id: str
    name: str
    asserts: str
    steps: tuple[str, ...]


class Group(Struct, frozen=True):
    """Tests that run on the same kinds of memory, by key. `elsewhere`: why on no other."""

    name: str
    tests: tuple[Test, ...]
    kinds: tuple[str, ...]
    elsewhere: str


def pin_tests(first: int, name: str, before: tuple[str, ...], asserts: str) -> tuple[Test, ...]:
    """A test of a read-only long-term pin, and the same with GUP-fast."""
    return tuple(
        Test(
            f"T{first + fast}",
            name.format("GUP-fast" if fast else "GUP"),
            asserts,
            (
                *before,
                f"!A pin {{m}} p ro{' fast' if fast else ''}",
                "A write {m} 255",
                "p each 255",
            ),
        )
        for fast in (0, 1)
    )


def collapse_test(id: str, how: str, before: tuple[str, ...], seen: str) -> Test:
    return Test(
        id,
        f"Basic COW after fork() when collapsing {how}",
        "the child reads what it was before",
        (*before, "!A write mem 255", f"expect B {seen} is 1", f"B read {seen}", "expect value 1"),
    )


def collapse_half(id: str, which: str, shared: str, kept: str) -> Test:
    before = (
        f"A madvise {kept} dontfork",
        "A fork B",
        f"B read {shared}",
        f"A madvise {kept} dofork",
        "A madvise mem collapse",
    )
    return collapse_test(id, f"after fork() ({which} shared)", before, shared)


GROUPS: tuple[Group, ...] = (
    Group(
        "Anonymous memory",
        (
            Test(
                "T1",
                "Basic COW after fork()",
                "the child reads what it was before",
                ("A fork B", "B read {m}", "!A write {m} 255", *CHILD_READS),
            ),
            Test(
                "T2",
                "Basic COW after fork() with mprotect() optimization",
                "the child reads what it was before",
                ("A fork B", "B read {m}", *PROTECT, "!A write {m} 255", *CHILD_READS),
            ),
            Test(
                "T3",
                "vmsplice() + unmap in child",
                "the child's pipe holds what it was before",
                ("A fork B", "B splice {m} g", "B munmap {m}", "!A write {m} 255", "g each 1"),
            ),
            Test(
                "T4",
                "vmsplice() + unmap in child with mprotect() optimization",
                "the child's pipe holds what it was before",
                (
                    "A fork B",
                    "B splice {m} g",
                    "B munmap {m}",
                    *PROTECT,
                    "!A write {m} 255",
                    "g each 1",
                ),
            ),
            Test(
                "T5",
                "vmsplice() before fork(), unmap in parent after fork()",
                "the parent's pipe holds what it was before",
                ("A splice {m} g", "A fork B", "A munmap {m}", "!B write {m} 255", "g each 1"),
            ),
            Test(
                "T6",
                "vmsplice() + unmap in parent after fork()",
                "the parent's pipe holds what it was before",
                ("A fork B", "A splice {m} g", "A munmap {m}", "!B write {m} 255", "g each 1"),
            ),
            Test(
                "T7",
                "R/O-mapping a page registered as iouring fixed buffer",
                "the device reads what the owner wrote",
                ("A pin {m} p", *PROTECT_AND_CLEAR, "!A write {m} 255", "p each 255"),
            ),
            Test(
                "T8",
                "fork() with an iouring fixed buffer",
                "the device reads what the owner wrote",
                ("A pin {m} p", "!A fork B", "A write {m} 255", "p each 255"),
            ),
            *pin_tests(
                9, "R/O {} pin on R/O-mapped shared page", ("A fork B",), "the pin sees the write"
            ),
            *pin_tests(
                11,
                "R/O {} pin on R/O-mapped previously-shared page",
                ("A fork B", "B exit"),
                "the pin sees the write",
            ),
            *pin_tests(
                13,
                "R/O {} pin on R/O-mapped exclusive page",
                PROTECT_AND_CLEAR,
                "the pin sees the write",
            ),
        ),
        ANON,
        "cow.c runs it on anonymous memory",
    ),
    Group(
        "Collapsing a huge page",
        (
            collapse_test(
                "T15", "before fork()", ("A madvise mem collapse", "A fork B", "B read mem"), "mem"
            ),
            collapse_test(
                "T16",
                "after fork() (fully shared)",
                ("A fork B", "B read mem", "A madvise mem collapse"),
                "mem",
            ),
            collapse_half("T17", "lower", LOWER, UPPER),
            collapse_half("T18", "upper", UPPER, LOWER),
        ),
        ("thp-ptes",),
        "cow.c runs it on a PTE-mapped THP",
    ),
    Group(
        "Memory that is not anonymous",
        (
            Test(
                "T19",
                "Basic COW",
                "a second mapping of the page sees no change",
                ("!A write {m} 255", "expect {o} is 0"),
            ),
            *pin_tests(20, "R/O longterm {} pin", (), "the pin sees the write"),
        ),
        ("zero", "huge-zero", "file", "file-hugetlb"),
        "cow.c runs it on memory that is not anonymous",
    ),
)

TESTS: tuple[Test, ...] = tuple(test for group in GROUPS for test in group.tests)


def find_test(id: str) -> Test | None:
    return next((test for test in TESTS if test.id == id), None)
