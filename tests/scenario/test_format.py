"""The formatter keeps the meaning and settles the spelling; no text makes the parser stumble."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from app.scenario import ScenarioErrors, format_scenario, parse
from tests.strategies import VERBS, programs

FRAGMENTS = st.sampled_from(
    (*VERBS, "A", "B", "buf", "[", "]", ":", "0", "1:2", "256", "kernel", "expect", "note", "par",
     "order:", "title:", "huge:", "\n", "\n  ", " ", " ", "#", "not", "same", "²", "\x00", "é")
)  # fmt: skip


@given(programs())
@settings(deadline=None, max_examples=60)
def test_round_trip(text: str) -> None:
    messy = re.sub(" ", "  \t", text).replace("\n", "  # why\r\n")
    formatted = format_scenario(messy)
    assert format_scenario(formatted) == formatted
    assert [s.op for s in parse(formatted).steps] == [s.op for s in parse(text).steps]
    assert parse(formatted).config == parse(text).config


@given(st.text() | st.lists(FRAGMENTS, max_size=30).map(" ".join))
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_scenario_or_has_errors(text: str) -> None:
    try:
        scenario = parse(text)
    except ScenarioErrors as caught:
        told = [e.line >= 1 and e.column >= 1 and e.message != "" for e in caught.errors]
    else:
        told = [True]
        again = parse(format_scenario(text))
        formatted = [step.op for step in again.steps]
        told.append(formatted == [step.op for step in scenario.steps])
    assert told
    assert all(told)


def test_canonical_spelling() -> None:
    messy = (
        "# remark\nA  mmap buf 4 populate shared # size\n"
        "  A pin buf[ 1 ] p slow long ro\n\npar\n\tA read buf\n    A fork B\norder:  1   2\n A exit"
    )
    assert format_scenario("huge: 8\n# title: T\n" + messy) == (
        "title: T\nhuge: 8\n\n# remark\nA mmap buf 4 shared populate  # size\nA pin buf[1] p ro\n"
        "\npar\n  A read buf\n  A fork B\norder: 1 2\nA exit\n"
    )
