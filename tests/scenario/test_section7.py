"""The 52 teaching scenarios of `semantics.md` section 7: pages copied and violations, by policy.

Each row is (number, slug, result). A result is "c1" for the same under all policies, or several,
each with the policies that have it; "*" stands for all others. ISO isolation, COH coherence, spur
spurious copy. Where section 7 and the decision table 2.8 differ, the table holds: references of
mapcount-unshare unshare in 17; large folios are reused page by page since 6.15 only (42, 44, 45).
"""

from __future__ import annotations

import pytest

from app.web.matrix import all_names
from tests.scenario.judged import SHIPPED, judged

WORDS = {"isolation": "ISO", "coherence": "COH", "spurious-copy": "spur"}
EARLY = "refcount@5.9,refcount@5.11"
REFCOUNT = f"{EARLY},refcount"
MAPPINGS = "mapcount,cow-on-gup-read,mapcount-unshare"
OWNERS = f"{MAPPINGS},linux@6.15,linux"

ROWS = (
    (1, "hello-fork", f"c2 spur: {EARLY}; c1: *"),
    (2, "lazy-bit", "c0"),
    (3, "first-touch", "c0"),
    (4, "fork-skips-untouched", "c0"),
    (5, "family-of-three", "c2"),
    (6, "grandchild-inherits", "c0"),
    (7, "parent-unmaps", "c0"),
    (8, "dontfork-wipeonfork", "c0"),
    (9, "mprotect-remembers", "c0"),
    (9, "mprotect-asks-the-bit", "c0"),
    (10, "mlock-breaks-cow", "c1"),
    (11, "vmsplice-leak", "c0 ISO: mapcount; c1: *"),
    (12, "leak-late", "c0 ISO: mapcount; c1: *"),
    (13, "leak-early", f"c0 ISO: {MAPPINGS}; c1: *"),
    (14, "leak-through-swap", f"c0 ISO: mapcount,mapcount-unshare,{EARLY}; c1: *"),
    (15, "huge-leak", f"c0 ISO: mapcount,{EARLY}; c1: *"),
    (16, "hugetlb-leak", "c8: cow-on-gup-read,mapcount-unshare,textbook; c0 ISO: *"),
    (17, "reading-breaks-cow", "c1: cow-on-gup-read,mapcount-unshare; c0: *"),
    (17, "reading-lifts-protection", "c0"),
    (18, "cow-either-way", "c1 ISO COH: mapcount,cow-on-gup-read,textbook; c1: *"),
    (19, "dontfork-for-rdma", "c0"),
    (20, "get-is-not-pin", "c1 ISO"),
    (
        21,
        "forked-while-pinned",
        f"c1 COH: mapcount,textbook; c2 COH: cow-on-gup-read,{REFCOUNT},exclusive-pte,"
        "exclusive-page; c2: *",
    ),
    (
        22,
        "pin-goes-stale",
        f"c1 COH: mapcount,{REFCOUNT},exclusive-pte,exclusive-page,textbook; c1: *",
    ),
    (
        23,
        "pin-goes-stale-alone",
        f"c1 COH: {REFCOUNT},exclusive-pte,exclusive-page,textbook; c0: *",
    ),
    (24, "uffd-wp-keeps-bit", f"c1 COH: {REFCOUNT},textbook; c0: *"),
    (24, "write-protect-and-pins", f"c1 COH: {REFCOUNT},textbook; c0: *"),
    (25, "pinned-stays", "c1 COH: refcount@5.9,textbook; c0: *"),
    (26, "reference-across-swap", f"c1 COH: {REFCOUNT},exclusive-page,textbook; c0: *"),
    (27, "reference-until-fork", "c1"),
    (28, "zero-page-long-pin", "c0: cow-on-gup-read,linux@6.2,linux@6.15,linux; c0 COH: *"),
    (28, "zero-page-short-pin", "c0"),
    (29, "swap-cache-counts", f"c1 spur: {EARLY},textbook; c0: *"),
    (30, "lru-batch-counts", f"c1 spur: {EARLY}; c0: *"),
    (30, "lru-batch-elsewhere", f"c0: {MAPPINGS},textbook; c1 spur: *"),
    (31, "held-by-nobody", f"c1 spur: {REFCOUNT},textbook; c0: *"),
    (31, "held-by-nobody-shared", f"c0: {MAPPINGS}; c1 spur: *"),
    (32, "looks-like-a-pin", "c0: mapcount,cow-on-gup-read,textbook; c1 spur: *"),
    (32, "references-are-no-pin", "c0"),
    (32, "huge-counts-its-pins", "c0"),
    (33, "ksm-never-reused", f"c1: {MAPPINGS}; c2: *"),
    (33, "ksm-last-mapper", f"c0: {MAPPINGS}; c1: *"),
    (34, "swap-keeps-ownership", f"c1 spur: {EARLY}; c0: *"),
    (35, "swap-entries-are-shared", f"c2 spur: {EARLY},textbook; c1: *"),
    (36, "reclaim-shared", "c0"),
    (37, "compaction", "c0"),
    (37, "compaction-moves-both", "c1"),
    (37, "compaction-and-references", "c0"),
    (
        38,
        "reader-makes-it-copy",
        f"c0: mapcount,{REFCOUNT},exclusive-pte,exclusive-page,textbook; c1: *",
    ),
    (39, "debugger-writes", "c1"),
    (39, "debugger-writes-alone", "c0"),
    (40, "huge-one-bit", "c0"),
    (41, "huge-one-write", "c8: mapcount; c1: *"),
    (42, "huge-last-owner", "c0"),
    (42, "huge-last-owner-split", f"c0: {OWNERS}; c1 spur: *"),
    (
        43,
        "huge-pin-copies-all",
        "c8 COH: mapcount; c1 COH: cow-on-gup-read,textbook; c8: *",
    ),
    (44, "huge-half-a-fork", "c1"),
    (44, "huge-half-a-fork-alone", f"c0: {OWNERS}; c1 spur: *"),
    (45, "huge-three-owners", f"c0: {MAPPINGS}; c1 spur: *"),
    (46, "huge-last-page", "c1: linux@6.15,linux; c0: *"),
    (46, "huge-last-two-pages", f"c0: {OWNERS}; c1 spur: *"),
    (47, "huge-collapse", "c0"),
    (48, "huge-split-refused", "c0"),
)
RACES = (
    (49, "race-gup-fork"),
    (50, "race-gup-swapout"),
    (51, "race-aba"),
    (52, "race-two-writers"),
)


def expected(result: str) -> dict[str, str]:
    """The result of each policy and era."""
    out: dict[str, str] = {}
    for part in result.split("; "):
        words, _, names = part.partition(": ")
        for name in all_names() if names in ("", "*") else names.split(","):
            out.setdefault(name, words)
    return out


def test_all_52_are_there() -> None:
    assert {number for number, *_ in (*ROWS, *RACES)} == set(range(1, 53))
    assert {slug for _, slug, *_ in (*ROWS, *RACES)} <= set(SHIPPED)


@pytest.mark.parametrize(("number", "slug", "result"), ROWS, ids=[f"{n}-{s}" for n, s, _ in ROWS])
def test_copies_and_violations_are_those_of_section_7(number: int, slug: str, result: str) -> None:
    found = {}
    for name in all_names():
        done = judged(slug, name)
        found[name] = " ".join(
            [f"c{done.copies}", *(word for kind, word in WORDS.items() if kind in done.broken)]
        )
    assert found == expected(result)
