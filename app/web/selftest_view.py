"""What the page of the selftest shows: one policy as a matrix, or all policies as sums."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct

from app import policies, selftest
from app.selftest import KINDS, TESTS, Cell, Kind, Results, Test, Verdict
from app.urls import selftest_url

from .compare_words import years_of
from .matrix import all_names

ALL = "all"
WORDS = {
    Verdict.PASS: "✓ pass",
    Verdict.FAIL: "✗ fail",
    Verdict.XFAIL: "✗ known",
    Verdict.SKIP: "– skip",
    Verdict.NONE: "–",
}
TABLES: tuple[tuple[str, tuple[int, ...], tuple[str, ...]], ...] = (
    ("Anonymous memory", (0, 1), selftest.GROUPS[0].kinds),
    ("Memory that is not anonymous", (2,), selftest.GROUPS[2].kinds),
)
"""Title, groups and kinds of memory of each table on the page."""


class Shown(Struct, frozen=True):
    """A cell: verdict as a class, words, why, and where it leads ("" nowhere)."""

    verdict: str
    words: str
    because: str
    href: str


class Row(Struct, frozen=True):
    test: Test
    cells: tuple[Shown, ...]


class Section(Struct, frozen=True):
    """A group of tests inside a table."""

    name: str
    rows: tuple[Row, ...]


class Table(Struct, frozen=True):
    title: str
    kinds: tuple[Kind, ...]
    sections: tuple[Section, ...]


class Sum(Struct, frozen=True):
    """A test under a policy, over all kinds of memory: `failed` of `run`; `known` among them."""

    verdict: str
    words: str
    because: str
    href: str


class Head(Struct, frozen=True):
    """A policy's column of the sums."""

    name: str
    years: str
    href: str
    failed: int
    known: int


class Choice(Struct, frozen=True):
    """A policy of the switcher."""

    name: str
    href: str
    chosen: bool


class SelftestContext(Struct, frozen=True):
    """What `selftest.html` gets beside `look` and `here`.

    policy     what was asked for, or "all"; `base` its name without rules switched off
    sentence   the outcome in words
    choices    the switcher; `rules` those that can still be switched off of this policy
    tables     of one policy; `heads` and `sums` (one row a test) of all
    query      of the twins
    """

    policy: str
    base: str
    years: str
    sentence: str
    choices: tuple[Choice, ...]
    rules: tuple[policies.Rule, ...]
    tables: tuple[Table, ...]
    heads: tuple[Head, ...]
    sums: tuple[tuple[Test, tuple[Sum, ...]], ...]
    query: str


def cell_url(policy: str, test: str, kind: str) -> str:
    """The run of a cell at the step that decides: it is made, or found, by following the link."""
    return f"{selftest_url()}/{quote(policy, safe='@:-')}/{test}/{kind}"


def query_of(policy: str) -> str:
    return f"?policy={quote(policy, safe='@:-')}"


def shown(cell: Cell, policy: str) -> Shown:
    words, because = WORDS[cell.verdict], cell.because
    if cell.verdict is Verdict.XFAIL:
        because = f"{because}; cow.c expects this failure, hugetlb counts mappings"
    href = cell_url(policy, cell.test, cell.kind) if cell.step else ""
    return Shown(cell.verdict.value, words, because, href)


def tables_of(results: Results) -> tuple[Table, ...]:
    return tuple(
        Table(
            title,
            tuple(kind for kind in KINDS if kind.key in keys),
            tuple(
                Section(
                    selftest.GROUPS[at].name,
                    tuple(
                        Row(
                            test,
                            tuple(
                                shown(results.cell(test.id, kind.key), results.policy)
                                for kind in KINDS
                                if kind.key in keys
                            ),
                        )
                        for test in selftest.GROUPS[at].tests
                    ),
                )
                for at in groups
            ),
        )
        for title, groups, keys in TABLES
    )


def sum_of(row: tuple[Cell, ...], policy: str) -> Sum:
    """A row in one cell. It leads to the first failure, or to the first cell."""
    run = [cell for cell in row if cell.verdict is not Verdict.NONE]
    failed = [cell for cell in run if cell.verdict is Verdict.FAIL]
    known = [cell for cell in run if cell.verdict is Verdict.XFAIL]
    first = (failed or known or run)[0]
    href = cell_url(policy, first.test, first.kind)
    if failed:
        words = "✗ all" if len(failed) == len(run) else f"✗ {len(failed)} of {len(run)}"
        memory = ", ".join(kind.words for kind in KINDS for c in failed if c.kind == kind.key)
        return Sum("fail", words, f"fails with {memory}", href)
    if known:
        return Sum("xfail", "✗ 1 known", "fails with hugetlb only, as cow.c expects", href)
    return Sum("pass", "✓", f"passes with all {len(run)} kinds of memory", href)


def sentence_of(results: Results) -> str:
    """The outcome of one policy in words."""
    run = sum(c.verdict is not Verdict.NONE for row in results.rows for c in row)
    failed, known = results.count(Verdict.FAIL), results.count(Verdict.XFAIL)
    out = [f"{results.count(Verdict.PASS)} of {run} pass under {results.policy}."]
    if failed:
        tests = [row[0].test for row in results.rows if any(c.verdict is Verdict.FAIL for c in row)]
        out.append(f"{failed} fail, in {', '.join(tests)}.")
    if known:
        out.append(
            f"{known} fail on hugetlb as they do on a real kernel, and cow.c expects them to: "
            "its copy-on-write counts mappings on purpose."
        )
    return " ".join(out)


def choices(policy: str) -> tuple[Choice, ...]:
    names = (*all_names(), ALL)
    extra = () if policy in names else (policy,)
    return tuple(
        Choice(name, selftest_url() + query_of(name), name == policy) for name in (*names, *extra)
    )


def context_of(policy: str, results: tuple[Results, ...]) -> SelftestContext:
    one = results[0]
    single = policy != ALL
    rows = zip(TESTS, *(r.rows for r in results), strict=True)
    clean = [r.policy for r in results if not r.count(Verdict.FAIL)]
    return SelftestContext(
        policy=policy,
        base=policies.entry(policy).name if single else "",
        years=years_of(policy) if single else "",
        sentence=sentence_of(one)
        if single
        else f"Of {len(results)} policies and eras, {', '.join(clean)} fail nothing that cow.c "
        "does not expect to fail.",
        choices=choices(policy),
        rules=policies.rules_of(policies.get(policy)) if single else (),
        tables=tables_of(one) if single else (),
        heads=()
        if single
        else tuple(
            Head(
                r.policy,
                years_of(r.policy),
                selftest_url() + query_of(r.policy),
                r.count(Verdict.FAIL),
                r.count(Verdict.XFAIL),
            )
            for r in results
        ),
        sums=()
        if single
        else tuple(
            (test, tuple(sum_of(row, r.policy) for row, r in zip(row_of, results, strict=True)))
            for test, *row_of in rows
        ),
        query=query_of(policy),
    )
