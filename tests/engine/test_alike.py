"""Pages that take their turn together end as if each had taken its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import policies
from app.engine import alike, boot, dup, step
from app.engine.done import Step
from app.scenario import parse
from tests.strategies import programs

NAMES = [*policies.names(), "refcount@5.9", "linux@5.19"]

LONG = {
    "first touch drains the batch": "A mmap buf 100\nA write buf 1\nA read buf",
    "a batch that is just full": "A mmap buf 62\nA write buf 1\nA read buf",
    "copies drain the pages' own batch": (
        "A mmap buf 20\nA write buf 1\nA fork B\nA fork C\nB write buf 2"
    ),
    "a head is its folio's name, too": (
        "huge: 8\nA mmap buf 8 thp\nA write buf 1\nkernel split_pmd A buf\nA fork B\nB exit\n"
        "A write buf 2"
    ),
    "copies drain it": "A mmap buf 100\nA write buf 1\nA fork B\nB write buf 2\nA write buf 3",
    "a batch that holds others": (
        "A mmap x 20\nA write x 1\nA mlock x\nA munlock x\nA mmap buf 100\nA write buf 1"
    ),
    "zero pages": "A mmap buf 80\nA read buf\nA write buf 1\nA fork B\nB write buf 1",
    "reuse in place": "A mmap buf 80\nA write buf 1\nA fork B\nB exit\nkernel drain\nA write buf 2",
    "pinned pages are copied": (
        "A mmap buf 80\nA write buf 1\nA pin buf p rw\nA fork B\nB write buf 2\np release"
    ),
    "put off by MADV_FREE": (
        "A mmap buf 16\nA write buf 2\nA pin buf p rw\nA madvise buf free\nA fork B\nA fork C"
    ),
    "out of memory half way": "memory: 90\nA mmap buf 60\nA write buf 1\nA fork B\nB write buf 2",
    "a huge page is left page by page": (
        "huge: 64\nA mmap buf 64 thp\nA write buf 1\nA fork B\nB write buf 2\nA write buf 3\n"
        "A madvise buf dontneed\nB madvise buf[0:32] pageout\nB read buf\nB write buf 4"
    ),
    "protected by userfaultfd": (
        "A mmap buf 70\nA write buf 1\nA uffd_wp buf on\nA write buf 2\nA madvise buf dontneed\n"
        "A uffd_wp buf on\nA write buf 3"
    ),
}


@contextmanager
def one_by_one() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike.Example, "follow", lambda self, pages, changed: 0)
        patch.setattr(dup, "count_alike", lambda *args: 0)
        yield


def played(text: str, policy: str) -> list[Step]:
    scenario = parse(text)
    machine = boot(scenario.config, scenario.first)
    out = []
    for line in scenario.steps:
        out.append(step(machine, line.op, policies.get(policy)))
        machine = out[-1].after
    return out


def check_same(text: str, policy: str) -> None:
    together = played(text, policy)
    with one_by_one():
        alone = played(text, policy)
    for line, a, b in zip(parse(text).steps, together, alone, strict=True):
        assert a.outcome == b.outcome, line.text
        assert a.after == b.after, line.text
        assert a.touched == b.touched, line.text
        assert a.violations == b.violations, line.text
        # A batch that drains says so before the pages that went through it, not among them.
        assert sorted(map(repr, a.events)) == sorted(map(repr, b.events)), line.text


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("policy", NAMES)
def test_many_pages_end_as_one_by_one(policy: str, name: str) -> None:
    check_same(LONG[name], policy)


@given(text=programs(), policy=st.sampled_from(NAMES))
@settings(max_examples=150, deadline=None)
def test_random_programs_end_as_one_by_one(text: str, policy: str) -> None:
    check_same(text, policy)


def test_pages_that_are_alike_are_not_looked_at_one_by_one() -> None:
    """The point of it: 512 pages cost a few turns, not 512."""
    turns = 0
    real = alike.Example.__init__

    def counted(self: alike.Example, *args: object) -> None:
        nonlocal turns
        turns += 1
        real(self, *args)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike.Example, "__init__", counted)
        played("A mmap buf 512\nA write buf 1\nA fork B\nkernel drain\nB write buf 2", "linux")
    assert turns < 10
