"""A trace from elsewhere: read as it came, or told what is wrong with it, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from app.trace.beside import Extra, beside_document, beside_step
from app.trace.conform import conform
from app.trace.imported import MAX_TRACE_BYTES, TraceErrors, read_document
from app.trace.places import line_and_column, offset_of
from app.trace.recorded import load, recordings
from tests.recordings import odd, recorded, unknown, written


def errors_of(data: bytes) -> list[str]:
    with pytest.raises(TraceErrors) as caught:
        read_document(data)
    return [str(error) for error in caught.value.errors]


def changed(path: str, value: object) -> bytes:
    """The recorded trace with one field changed; a path ends with the field."""
    document: Any = recorded()
    at = document
    *parts, last = path.split("/")
    for part in parts:
        at = at[int(part) if part.isdigit() else part]
    if value is ...:
        del at[last]
    else:
        at[int(last) if last.isdigit() else last] = value
    return written(document)


def test_every_recorded_trace_is_read() -> None:
    for recording in recordings()[::9]:
        document = load(recording.key)
        assert read_document(written(document)) == document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", "trace/2", 'schema: “schema” is "trace/2". This version reads “trace/1”.'),
        ("schema", ..., "The document: no “schema”. This version reads “trace/1”."),
        ("source", [], "source: it is a list. It should be an object."),
        ("source/kind", "simulation", "source.kind: an engine played it; no kernel did."),
        ("source/kind", "vm", "source.kind: “vm” is unknown. It should be “kernel”."),
        ("source/release", ..., "source: “release” is missing. It is text."),
        ("source/swap", "disk", "source.swap: unknown. It should be “zram”, “file” or null."),
        ("scenario/text", 7, "scenario.text: it is a whole number. It should be text."),
        ("scenario/text", "#" * 65_537, "scenario.text: 65,537 bytes. A scenario has at most"),
        ("steps", [], "steps: there is no step."),
        ("steps/1", None, "steps[1]: it is null. A step is an object."),
        ("steps/1/index", 4, "steps[1].index: it is 4. Counted from 0, it is 1."),
        ("steps/1/outcome", ..., "steps[1]: “outcome” is missing. It is an object."),
        ("steps/1/outcome/value", True, "steps[1].outcome.value: it is true or false."),
        ("steps/1/outcome/faults", 1.5, "steps[1].outcome.faults: it is a number with a fraction."),
        ("steps/1/outcome/values", [1, "2"], "steps[1].outcome.values[1]: it is text."),
        ("steps/1/state/processes/A", [], "steps[1].state.processes.A: it is a list."),
        ("steps/1/state/processes/A/buf/0/frame", "g1", '"g1" is no label. A label is “f0”'),
        ("steps/1/state/processes/A/buf/0/pages", "0:99999999", "“first:end”, such as “1:512”"),
        ("steps/1/state/processes/A/buf/0/page", "0", "page: it is text. It should be a whole"),
        ("steps/1/state/frames/x", {}, "steps[1].state.frames.x: this is no label of a frame."),
        ("steps/1/state/frames/f1:f999999", {}, "this is no run of labels."),
        ("steps/1/state/frames/f0/flags", [3], "frames.f0.flags[0]: it is a whole number."),
        ("unstable", [3], "unstable[0]: it is a whole number. It names a field."),
    ],
)
def test_what_is_wrong_is_told_with_its_path(path: str, value: object, message: str) -> None:
    found = errors_of(changed(path, value))
    assert [error for error in found if message in error], found


def test_all_errors_come_at_once_each_at_its_line() -> None:
    document = recorded()
    document["steps"][1]["outcome"]["value"] = "7"
    document["steps"][3]["index"] = 9
    data = written(document)
    lines = data.decode().split("\n")
    with pytest.raises(TraceErrors) as caught:
        read_document(data)
    assert not caught.value.syntax
    for error, text in zip(caught.value.errors, ('"7"', "9"), strict=True):
        assert lines[error.line - 1][error.column - 1 :].startswith(text)


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        (b"", 1, 1, "The document is empty."),
        (b" \n", 1, 1, "The document is empty."),
        (b"nothing", 1, 1, "Not JSON: Expecting value."),
        (b'{\n "a": 1\n "b": 2}', 3, 2, "Not JSON: Expecting ',' delimiter."),
        (b'{\n "a": \xff}', 2, 7, "Not UTF-8: byte 0xff."),
        (b"[" * 100_000, 1, 1, "Not JSON: lists within lists, too deep."),
        (b'{"a":\n NaN}', 2, 2, "Not JSON"),
        (b"[]", 1, 1, "The document: it is a list."),
    ],
)
def test_what_is_no_json_is_told_where(data: bytes, line: int, column: int, message: str) -> None:
    (error,) = errors_of(data)
    assert error.startswith(f"{line}:{column}: {message}")


def test_a_document_that_was_cut_off() -> None:
    data = written(recorded())[:900]
    (error,) = errors_of(data)
    line = data.decode().count("\n") + 1
    assert error.startswith(f"{line}:")
    assert error.endswith("It ends too early: perhaps it was cut off.")


def test_a_document_over_the_limit() -> None:
    (error,) = errors_of(b" " * (MAX_TRACE_BYTES + 1))
    assert "the limit is 2,097,152" in error
    document = recorded()
    run = {"pages": "0:65000", "kind": "none"}
    for step in document["steps"]:
        step["state"]["processes"]["A"]["buf"] = [run] * 6
    assert "steps[5]: too many pages up to here." in errors_of(written(document))[0]


def test_a_value_is_found_in_any_spelling() -> None:
    text = ' { "a" : [ 1 , {"b":2,\n"\\u0061": "x", "a" : [ ] } ] , "c":{}, "c": 3}'
    whole = json.loads(text)
    assert text[offset_of(text, ("a", 0))] == "1"
    assert text[offset_of(text, ("a", 1, "b"))] == "2"
    assert text[offset_of(text, ("a", 1, "a"))] == "["
    assert text[offset_of(text, ("c",))] == str(whole["c"])
    assert offset_of(text, ("nothing",)) == offset_of(text, ()) == 1
    assert text[offset_of(text, ("a", 7))] == "["
    assert line_and_column(text, offset_of(text, ("a", 1, "a"))) == (2, 22)


def test_what_is_beside_the_format_is_kept() -> None:
    document = read_document(written(odd()))
    assert beside_document(document) == (Extra("recorder", '{"name": "mine"}'),)
    assert beside_step(document["steps"][2]) == (
        Extra("events", '[{"kind": "tracepoint", "name": "mm_page_alloc"}]'),
        Extra("f0.memcg", "17"),
    )
    assert beside_step(document["steps"][3]) == ()
    document["long"] = "x" * 1000
    assert len(beside_document(document)[1].value) == 201


def test_the_comparison_tells_every_step_that_differs() -> None:
    found = conform(odd(), "linux")
    assert [(m.step, m.field) for m in found.mismatches] == [
        (5, "outcome.faults"),
        (6, "outcome.error"),
    ]
    assert (found.agreeing, len(found.outcomes)) == (5, 7)


def test_what_the_language_does_not_know_ends_the_play() -> None:
    found = conform(unknown(), "linux")
    assert found.refused is not None
    assert "Unknown verb “teleport”" in found.refused
    assert (found.steps, found.agreeing, len(found.outcomes)) == (8, 7, 7)
    assert not found.ok
    document = recorded()
    document["scenario"]["text"] = "A teleport buf\n"
    assert conform(document, "linux").outcomes == ()
    document["scenario"]["text"] = "A mmap buf 1\n"
    assert conform(document, "linux").refused == "the trace has 7 steps, its text has 1"


def test_a_step_that_names_another_line_differs() -> None:
    document = recorded()
    document["steps"][1]["text"] = "A write buf[0] 9"
    (mismatch,) = conform(document, "linux").mismatches
    assert (mismatch.field, mismatch.expected) == ("text", "A write buf[0] 9")


STRANGE: list[Any] = [
    None, True, -1, 2**70, 1.5, "", "f0", "f1:f3", "s0:s4", "zero", "0:2", "5:1", "x" * 300, [], {},
    [1], {"a": 1}, "present", "swap", "none", "A write buf 1",
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) within a document."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_changed_is_refused_or_compared(seed: int) -> None:
    random = Random(seed)
    document = load(random.choice(recordings()).key)
    for _ in range(random.choice([1, 1, 2, 3])):
        container, key = random.choice(list(places(document)))
        if random.random() < 0.25:
            del container[key]
        elif random.random() < 0.2 and isinstance(container, dict):
            container[random.choice(["new", "f9", "page", "pages", "kind"])] = random.choice(
                STRANGE
            )
        else:
            container[key] = random.choice(STRANGE)
    try:
        read = read_document(json.dumps(document).encode())
    except TraceErrors:
        return
    found = conform(read, "linux")
    assert found.agreeing <= found.steps
    assert [beside_step(step) for step in read["steps"]]
