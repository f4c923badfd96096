"""cow.c on the model: which tests fail on which memory under which policy, cell by cell.

The rows are `semantics.md` section 6, last paragraph, made exact. Where that summary is short:

- "T3-T6 fail" is not every kind of memory. On a partially moved huge page the child still maps
  the other half, and mapcount policies take the maximum over all subpages: they copy. After
  swap-out, policies that count swap entries and mappings at swap-in leak as they do on THP (2.9,
  R18 and R24), which the summary says of THP only.
- A read-only pin of a swapped-out page brings it in first: mapcount-unshare then sees one mapping,
  does not see the other swap entry, and pins the shared page (2.4, its known weakness).
- PMD-mapped THP before 5.18 and hugetlb count mappings even in refcount, so pins survive there.
- T13/T14 pin an "exclusive" page. On partially shared memory page 0 was shared before, which makes
  them T11/T12; under exclusive-page a page that a read brought in from a swap file is not known to
  be exclusive (2.6: nothing is remembered in swap entries; scenario 34 of section 7).
- T20/T21 fail under every policy that takes the zero page or the page cache as it is (decision
  table 2.8, R29): all but cow-on-gup-read and linux since 6.2, not only the exclusive-* ones.
"""

from __future__ import annotations

import pytest

from app.scenario import format_scenario, parse
from app.selftest import (
    GROUPS,
    KINDS,
    TESTS,
    Results,
    Verdict,
    find_kind,
    find_test,
    play_all,
    scenario_text,
    why_not,
)
from app.trace import play
from app.web.matrix import all_names

ANON = frozenset(GROUPS[0].kinds)
SWAPPED = frozenset(key for key in ANON if key.endswith("-swapped"))
OTHER = frozenset({"zero", "huge-zero", "file"})
NOT_SPLIT = frozenset({"thp", "hugetlb"})
"""Memory mapped by one entry that is reused by its mapcount before 5.18."""
LEAKS = ANON - {"thp-moved", "hugetlb"}
"""Where counting mappings leaks; hugetlb leaks, too, and cow.c expects that."""
SPLICES = ("T3", "T4", "T5", "T6")
PINS_SHARED, PINS_BEFORE, PINS_OWN = ("T9", "T10"), ("T11", "T12"), ("T13", "T14")

Failures = dict[str, frozenset[str]]


def fails(*rules: tuple[tuple[str, ...], frozenset[str]]) -> Failures:
    return {test: memory for tests, memory in rules for test in tests if memory}


REFCOUNT_BEFORE_518 = fails(
    (("T3", "T4", "T6"), SWAPPED | {"thp"}),
    (("T5",), frozenset({"thp"})),
    (("T7", *PINS_BEFORE, *PINS_OWN), ANON - NOT_SPLIT),
    (PINS_SHARED, ANON),
    (("T20", "T21"), OTHER),
)
EXPECTED: dict[str, Failures] = {
    "mapcount": fails(
        (SPLICES, LEAKS), (("T8",), ANON), (PINS_SHARED, ANON), (("T20", "T21"), OTHER)
    ),
    "cow-on-gup-read": fails((("T5",), LEAKS), (("T8",), ANON)),
    "refcount@5.9": REFCOUNT_BEFORE_518,
    "refcount@5.11": REFCOUNT_BEFORE_518,
    "refcount": fails(
        (("T7", *PINS_BEFORE, *PINS_OWN), ANON - {"hugetlb"}),
        (PINS_SHARED, ANON),
        (("T20", "T21"), OTHER),
    ),
    "mapcount-unshare": fails(
        (("T3", "T4", "T6", *PINS_SHARED), SWAPPED),
        (("T5",), LEAKS),
        (("T20", "T21"), OTHER),
    ),
    "exclusive-pte": fails(
        (PINS_SHARED, ANON),
        (PINS_BEFORE, ANON - {"hugetlb"}),
        (PINS_OWN, frozenset({"thp-part-shared"})),
        (("T20", "T21"), OTHER),
    ),
    "exclusive-page": fails(
        (PINS_SHARED, ANON),
        (PINS_BEFORE, ANON - {"hugetlb"}),
        (PINS_OWN, SWAPPED | {"thp-part-shared"}),
        (("T20", "T21"), OTHER),
    ),
    "linux@5.19": fails((("T20", "T21"), OTHER)),
    "linux@6.0": fails((("T20", "T21"), OTHER)),
    "linux@6.2": {},
    "linux@6.15": {},
    "linux": {},
    # Copy unless the count is 1: no pin is safe, and no reference leaks, on hugetlb neither.
    "textbook": fails(
        (("T7", "T8", *PINS_SHARED, *PINS_BEFORE, *PINS_OWN), ANON),
        (("T20", "T21"), OTHER),
    ),
}
KNOWN: dict[str, tuple[str, ...]] = {
    "cow-on-gup-read": ("T5",),
    "mapcount-unshare": ("T5",),
    "textbook": (),
}
"""Which of T3 to T6 fail on hugetlb, as cow.c expects: all, unless a reference unshares first or
references are counted there, too."""


def found(results: Results, verdict: Verdict) -> Failures:
    failed = {
        row[0].test: frozenset(cell.kind for cell in row if cell.verdict is verdict)
        for row in results.rows
    }
    return {test: memory for test, memory in failed.items() if memory}


@pytest.mark.parametrize("policy", EXPECTED)
def test_each_policy_fails_exactly_where_it_should(policy: str) -> None:
    results = play_all(policy)
    assert found(results, Verdict.FAIL) == EXPECTED[policy]
    assert found(results, Verdict.SKIP) == {}
    assert found(results, Verdict.XFAIL) == {
        test: frozenset({"hugetlb"}) for test in KNOWN.get(policy, SPLICES)
    }


def test_every_policy_and_era_is_listed() -> None:
    assert set(EXPECTED) == set(all_names())


def test_tests_and_memory_are_those_of_cow_c() -> None:
    assert [test.id for test in TESTS] == [f"T{n}" for n in range(1, 22)]
    assert len({test.name for test in TESTS}) == 21
    assert len({kind.key for kind in KINDS}) == len(KINDS) == 15
    assert find_test("T22") is None
    assert find_kind("mtdblock") is None


def test_a_reason_stands_where_a_test_is_not_run() -> None:
    collapse, memory = find_test("T15"), find_kind("base")
    assert collapse
    assert memory
    assert "PTE-mapped THP" in why_not(collapse, memory)
    cow, shared_huge = find_test("T19"), find_kind("file-hugetlb")
    assert cow
    assert shared_huge
    assert "not modelled" in why_not(cow, shared_huge)


PLAYED = [(t, k) for t in TESTS for k in KINDS if not why_not(t, k)]


def test_texts_are_canonical_and_all_different() -> None:
    texts = {scenario_text(test, kind) for test, kind in PLAYED}
    assert len(texts) == len(PLAYED) == 14 * 11 + 4 + 3 * 3
    for text in texts:
        assert format_scenario(text) == text


def test_the_deciding_step_is_the_one_that_breaks_or_the_one_marked() -> None:
    results = play_all("mapcount")
    for test_id, kind_key, words in (
        ("T1", "base", "A write mem 255"),
        ("T3", "thp", "A write mem 255"),
        ("T8", "base", "A write mem 255"),
        ("T9", "base", "A write mem 255"),
        ("T11", "base", "A pin mem p ro"),
    ):
        cell = results.cell(test_id, kind_key)
        test, kind = find_test(test_id), find_kind(kind_key)
        assert test
        assert kind
        step = parse(scenario_text(test, kind)).steps[cell.step - 1]
        assert step.text.startswith(words), (test_id, kind_key)


def test_a_rule_switched_off_is_caught_by_the_tests_it_is_for() -> None:
    results = play_all("linux:-unshare")
    assert set(found(results, Verdict.FAIL)) == {
        *PINS_SHARED,
        *PINS_BEFORE,
        *PINS_OWN,
        "T20",
        "T21",
    }
    results = play_all("linux:-fork-copies-pinned")
    assert found(results, Verdict.FAIL) == {"T8": ANON}


def test_huge_pages_of_512_fail_and_pass_as_those_of_four() -> None:
    for test_id, policy, met in (("T3", "mapcount", False), ("T3", "linux", True)):
        test, kind = find_test(test_id), find_kind("thp")
        assert test
        assert kind
        text = scenario_text(test, kind).replace("huge: 4", "huge: 512")
        text = text.replace("A mmap mem 4", "A mmap mem 512")
        assert play(parse(text), policy, explain=False).met is met
