"""The language: what is refused and in which words, limits, and the canonical spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine import operations as ops
from app.scenario import MAX_BYTES, ScenarioError, ScenarioErrors, format_scenario, parse
from tests.strategies import programs


@pytest.mark.parametrize(
    ("text", "line", "column", "token", "words"),
    [
        ("A mmap buf 1\nA wriet buf 1", 2, 3, "wriet", "Did you mean “write”?"),
        ("A mmap buf 2\nA read buf[2]", 2, 12, "2", "buf has 2 pages, 0 to 1."),
        ("A mmap buf 2\nB read buf", 2, 1, "B", "There is no process B."),
        ("A mmap buf 2\nA fork B\nB exit\nB read buf", 4, 1, "B", "B exited on line 3."),
        ("A mmap buf 2\nA fork B\nA fork B", 3, 8, "B", "There is a process B already."),
        ("A mmap buf 2\np read", 2, 1, "p", "There is no handle p."),
        ("A mmap buf 2\nA splice buf p\np write 1", 3, 1, "p", "p is a read-only handle."),
        ("A mmap buf 2\nA pin buf p\np release\np read", 4, 1, "p", "p was released."),
        ("A mmap buf 2\nA write buf 256", 2, 13, "256", "A page's value is 0 to 255."),
        ("A mmap buf 2\nA read buf[1:1]", 2, 14, "1", "is empty"),
        ("A mmap buf 2 ro none", 1, 17, "none", "contradicts “ro”"),
        ("A mmap buf 1\nA cpu 7", 2, 7, "7", "There is no CPU 7."),
        ("hue: 8\nA mmap buf 1", 1, 1, "hue", "Did you mean “huge”?"),
        ("huge: 7\nA mmap buf 1", 1, 7, "7", "a power of two"),
        ("A mmap buf 65537", 1, 12, "65537", "65536 frames"),
        ("A mmap buf 1\nA write buf", 2, 12, "", "The line ends too early."),
    ],
)
def test_an_error_says_where_what_and_what_would_be_right(
    text: str, line: int, column: int, token: str, words: str
) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        parse(text)
    error = caught.value.errors[0]
    assert (error.line, error.column, error.token) == (line, column, token)
    assert words in f"{error.message} {error.hint}"


def test_all_errors_come_at_once() -> None:
    with pytest.raises(ScenarioErrors) as caught:
        parse("A mmap buf 1\nA wriet buf 1\nA read bug\nQ exit\n")
    assert [error.line for error in caught.value.errors] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# " + "x" * MAX_BYTES, "65536 bytes"),
        ("A mmap b 1\n" + "A cpu 0\n" * 8_000 + "A cpu 1\n" * 100, ""),
        ("A mmap b 1\nA\x00 exit", "control character"),
        ("", "There is no step."),
        ("\n".join(["A mmap b 1", *(f"A fork B{i}" for i in range(64))]), "64 processes"),
    ],
)
def test_limits_are_named(text: str, words: str) -> None:
    if not words:
        assert len(parse(text).steps) == 8_101
        return
    with pytest.raises(ScenarioErrors, match=words):
        parse(text)


def test_what_a_kernel_would_answer_is_no_error() -> None:
    parse("A mmap buf 2 ro\nA write buf 1\nA munmap buf\nA read buf\nA pin buf p\nA pin buf p\n")


def test_operations_are_what_was_typed() -> None:
    scenario = parse("A mmap buf 4 ro populate\nA pin buf[1:3] p short ro fast\np read[1]\n")
    assert scenario.steps[0].op == ops.Mmap("A", "buf", 4, "r", populate=True)
    place = ops.Place("buf", 1, 3)
    assert scenario.steps[1].op == ops.Pin("A", place, "p", False, False, True)
    assert scenario.steps[2].op == ops.HandleRead("p", 1)


def test_both_spellings_of_headers_count() -> None:
    scenario = parse("# title: One\n# just a comment: here\nswap: file 8\nA mmap buf 1\n")
    assert (scenario.title, scenario.config.swap, scenario.config.slots) == ("One", "file", 8)


def test_canonical_spelling() -> None:
    text = "A   mmap buf  2 populate shared # why\n"
    assert format_scenario(text) == "A mmap buf 2 shared populate  # why\n"
    pin = "A mmap buf 1\nA pin buf[ 0 ] p slow long rw\n"
    assert format_scenario(pin) == "A mmap buf 1\nA pin buf[0] p\n"


@given(programs())
@settings(max_examples=80, deadline=None)
def test_formatting_changes_no_step(text: str) -> None:
    once = format_scenario(text)
    assert format_scenario(once) == once
    assert [s.op for s in parse(once).steps] == [s.op for s in parse(text).steps]


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_text_does_worse_than_an_error(text: str) -> None:
    found: tuple[ScenarioError, ...] = ()
    try:
        parse(text)
    except ScenarioErrors as errors:
        found = errors.errors
    assert all(error.line >= 1 and error.column >= 1 and error.message for error in found)
