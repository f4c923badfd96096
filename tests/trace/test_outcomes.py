"""What a step came to, in words: few values one by one, many as runs."""

from __future__ import annotations

import pytest

from app.scenario import parse
from app.trace import play
from app.trace.outcome import outcome_code, outcome_words, values_in_words


def test_many_values_are_told_as_runs_to_people_and_one_by_one_to_sums() -> None:
    text = "A mmap buf 16\nA write buf 1\nA write buf[4:12] 9\nA write buf[15] 3\nA read buf\n"
    outcome = play(parse(text), "linux").steps[-1].outcome
    assert outcome_code(outcome, runs=True) == "v1×4,9×8,1×3,3"
    assert outcome_code(outcome) == "v1,1,1,1,9,9,9,9,9,9,9,9,1,1,1,3"


def test_few_values_are_listed() -> None:
    assert values_in_words((7, 7, 1)) == "7 7 1"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"value": None, "error": None, "faults": 1, "copies": 0}, "1 fault, 0 copies"),
        ({"value": 7, "error": None, "faults": 0, "copies": 1}, "reads 7, 0 faults, 1 copy"),
        ({"value": None, "error": "EFAULT"}, "EFAULT"),
        ({"value": None, "error": None, "values": [1] * 9, "copies": 2}, "reads 1×9, 2 copies"),
        ({"value": None, "error": None, "values": []}, "done"),
    ],
)
def test_an_outcome_has_one_wording(outcome: dict[str, object], words: str) -> None:
    """Recorded ones have no copies, and may have no faults."""
    assert outcome_words(outcome) == words
