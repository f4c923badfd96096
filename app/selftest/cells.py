"""One test on one kind of memory under one policy: played and judged."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from app import policies
from app.trace import Run, play

from .kinds import KINDS, Kind
from .scenario import before_test, deciding, scenario_of, why_not
from .tests import SPLICES, TESTS, Test


class Verdict(StrEnum):
    """What became of a test. XFAIL: it fails, and cow.c expects that of real kernels, too."""

    PASS = "pass"
    FAIL = "fail"
    XFAIL = "xfail"
    SKIP = "skip"
    NONE = "none"


class Cell(Struct, frozen=True):
    """A verdict, the step that decides it (0 where nothing is played), and why, in words."""

    test: str
    kind: str
    verdict: Verdict
    step: int
    because: str


class Results(Struct, frozen=True):
    """All cells of one policy: a row for each of TESTS, a column for each of KINDS."""

    policy: str
    rows: tuple[tuple[Cell, ...], ...]

    def count(self, verdict: Verdict) -> int:
        return sum(cell.verdict is verdict for row in self.rows for cell in row)

    def cell(self, test: str, kind: str) -> Cell:
        """Raises KeyError."""
        for row in self.rows:
            for cell in row:
                if (cell.test, cell.kind) == (test, kind):
                    return cell
        raise KeyError((test, kind))


def play_all(policy: str) -> Results:
    """Raises app.policies.UnknownPolicy."""
    policies.get(policy)
    return Results(
        policy, tuple(tuple(play_cell(test, kind, policy) for kind in KINDS) for test in TESTS)
    )


def play_cell(test: Test, kind: Kind, policy: str) -> Cell:
    reason = why_not(test, kind)
    if reason:
        return Cell(test.id, kind.key, Verdict.NONE, 0, reason)
    run = play(scenario_of(test, kind), policy, explain=False)
    return judge(test, kind, run)


def judge(test: Test, kind: Kind, run: Run) -> Cell:
    unmet = [
        (number, finding)
        for number, played in enumerate(run.steps)
        for finding in played.expectations
        if not finding.met
    ]
    if not unmet:
        return Cell(test.id, kind.key, Verdict.PASS, deciding(test, kind), test.asserts)
    number, finding = unmet[0]
    words = f"{finding.text.removeprefix('expect ')} expected, found {finding.found}"
    if number <= before_test(kind):
        return Cell(test.id, kind.key, Verdict.SKIP, number, words)
    known = kind.key == "hugetlb" and test.id in SPLICES
    verdict = Verdict.XFAIL if known else Verdict.FAIL
    broken = [step for kind_, step in run.verdicts.items() if step and kind_ in BREAKS]
    return Cell(test.id, kind.key, verdict, min([number, *broken]), words)


BREAKS = ("isolation", "coherence")
"""Properties whose violation comes before the read that shows it."""
