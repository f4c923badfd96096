"""What a step came to, in words: few values one by one, many as runs."""

from __future__ import annotations

from app.scenario import parse
from app.trace import play
from app.trace.run import outcome_code, values_in_words


def test_many_values_are_told_as_runs_to_people_and_one_by_one_to_sums() -> None:
    text = "A mmap buf 16\nA write buf 1\nA write buf[4:12] 9\nA write buf[15] 3\nA read buf\n"
    outcome = play(parse(text), "linux").steps[-1].outcome
    assert outcome_code(outcome, runs=True) == "v1×4,9×8,1×3,3"
    assert outcome_code(outcome) == "v1,1,1,1,9,9,9,9,9,9,9,9,1,1,1,3"


def test_few_values_are_listed() -> None:
    assert values_in_words((7, 7, 1)) == "7 7 1"
