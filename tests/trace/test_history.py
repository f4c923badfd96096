"""Who wrote what: over the library and random programs, every value has one last writer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings

from app.scenario import parse
from app.scenario.library import library
from app.trace import Run, play
from app.trace.history import History, cause_of, history_of, neighbours
from app.trace.ledger import ledger_of
from app.trace.reading import Values, raw, values_of
from app.trace.subject import FIELDS, BadSelection, Subject, directory_of, parse_subject
from tests.strategies import programs

Json = dict[str, Any]
SLUGS = [scenario.slug for scenario in library()]


@cache
def played(slug: str) -> Run:
    return play(next(s.scenario for s in library() if s.slug == slug), "linux")


def run_of(text: str, policy: str = "linux") -> Run:
    return play(parse(text), policy)


def things(run: Run) -> Iterator[Subject]:
    """Everything that can be selected; of a long range, or of many frames, the ends."""
    directory = directory_of(run)
    names = [*directory.processes, *directory.handles]
    for where, pages in directory.ranges.items():
        names += [f"{where}[{page}]" for page in range(pages) if page < 3 or page >= pages - 2]
    for letter, count in (("f", directory.frames), ("s", directory.slots)):
        names += [f"{letter}{i}" for i in range(count) if i < 12 or i >= count - 2]
    for name in names:
        yield parse_subject(name, directory)


def has_one_writer_each(run: Run, history: History) -> None:
    """Against the states themselves, read afresh at every step."""
    states: list[Values | None] = []
    for now in run.steps:
        thing = raw(now.after, history.subject)
        states.append(None if thing is None else values_of(history.subject, thing))
    assert list(history.states) == states
    for step, values in enumerate(states):
        if values is None:
            continue
        for field, value in values.items():
            writer = history.last_writer(step, field)
            assert writer is not None
            assert writer <= step
            kept = states[writer : step + 1]
            assert all(v is not None and v[field] == value for v in kept)
            before = states[writer - 1] if writer else None
            assert before is None or before[field] != value


@pytest.mark.parametrize("slug", SLUGS)
def test_every_value_of_the_library_has_one_last_writer(slug: str) -> None:
    run = played(slug)
    for subject in things(run):
        has_one_writer_each(run, history_of(run, subject))


@given(programs())
@settings(max_examples=25, deadline=None)
def test_every_value_of_a_random_program_has_one_last_writer(text: str) -> None:
    run = run_of(text)
    for subject in things(run):
        has_one_writer_each(run, history_of(run, subject))


@pytest.mark.parametrize("slug", SLUGS)
def test_every_ledger_adds_up(slug: str) -> None:
    run = played(slug)
    for number in range(len(run.steps)):
        for frame in run.step(number)["state"]["frames"].values():
            if "refcount" in frame:
                ledger = ledger_of(frame)
                assert ledger.total == ledger.refcount == frame["refcount"]


def test_a_small_pin_weighs_1024_and_a_large_one_counts_by_itself() -> None:
    small = run_of("A mmap buf 1\nA write buf 1\nkernel drain\nA pin buf g\nA get buf h\n")
    frame = small.step(5)["state"]["frames"]["f0"]
    assert str(ledger_of(frame)) == "1026 = 1 map + 1024 (1 FOLL_PIN) + 1 FOLL_GET"
    large = run_of("huge: 4\nA mmap buf 4 thp\nA write buf 1\nA pin buf[0] g\n")
    frame = large.step(3)["state"]["frames"]["f0"]
    assert str(ledger_of(frame)) == "2 = 1 map + 1 FOLL_PIN; pincount 1"


LEAK = """A mmap buf 1
A write buf 1
A fork B
B splice buf g
B munmap buf
A write buf 42
g read
"""


def test_the_steps_that_wrote_a_count_and_the_rule_that_decided() -> None:
    run = run_of(LEAK)
    subject = parse_subject("f0.refcount", directory_of(run))
    assert str(subject) == "f0.ref"
    history = history_of(run, subject)
    assert history.writes_of("ref") == (2, 3, 4, 5, 6)
    assert [c.new for c in history.changes(6, "ref")] == ["1"]
    assert history.last_writer(7, "ref") == 6
    assert neighbours(history.writes_of("ref"), 3) == (2, 4)
    assert neighbours(history.writes_of("ref"), 6) == (5, None)
    cause = cause_of(run, 6, history)
    assert cause.decided is not None
    assert cause.done is not None
    assert cause.decided["because"] == "refcount 2 > 1 + swapcache 0"
    assert cause.done["kind"] == "copy"


def test_an_entry_of_the_child_is_blamed_on_the_fork() -> None:
    run = run_of(LEAK)
    history = history_of(run, Subject("page", "B.buf[0]"))
    assert history.writes == (3, 5)
    assert history.states[2] is None
    done = cause_of(run, 3, history).done
    assert done is not None
    assert done["kind"] == "share"


def test_what_is_gone_ended_at_one_step() -> None:
    run = run_of(LEAK)
    history = history_of(run, Subject("page", "B.buf[0]"))
    assert history.writes_of("frame") == (3, 5)
    assert history.last_writer(7, "frame") == 5
    assert history.last_writer(2, "frame") is None
    assert [(c.old, c.new) for c in history.changes(5, "frame")] == [("f0", "–")]


@pytest.mark.parametrize(
    ("name", "message", "near"),
    [
        ("f9", "this run’s frames are f0 to f1", "f1"),
        ("s0", "this run’s swap slots are none", "A"),
        ("f0.refs", "it has value, exclusive", "f0.ref"),
        ("A.bof[0]", "no range A.bof", "A.buf[0]"),
        ("A.buf[3].w", "pages 0 to 0, not 3", "A.buf[0]"),
        ("q", "nothing called “q”", "A"),
        ("<script>", "nothing called", "A"),
        ("", "a name such as f0", "A"),
    ],
)
def test_a_bad_selection_says_what_would_be_right(name: str, message: str, near: str) -> None:
    with pytest.raises(BadSelection, match=r"\w") as caught:
        parse_subject(name, directory_of(run_of(LEAK)))
    assert message.lower() in str(caught.value).lower()
    assert near in caught.value.near


def test_a_handle_may_be_called_like_a_frame() -> None:
    run = run_of("A mmap buf 1\nA write buf 1\nA pin buf f0\n")
    directory = directory_of(run)
    assert parse_subject("f0", directory).kind == "frame"
    handle = parse_subject("handle:f0.frames", directory)
    assert str(handle) == "handle:f0.frames"
    assert history_of(run, handle).writes == (3,)
    assert parse_subject("handle:f0", directory) == Subject("handle", "handle:f0")


def test_fields_of_a_thing_are_those_that_are_listed() -> None:
    for slug in ("vmsplice-leak", "huge-one-write", "swap-keeps-ownership"):
        run = played(slug)
        for subject in things(run):
            for values in history_of(run, subject).states:
                if values is not None:
                    listed = [name for name in FIELDS[subject.kind] if name in values]
                    assert [*values] == listed
