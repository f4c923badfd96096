"""Pages that take their turn together end as if each had taken its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import policies
from app.engine import alike, boot, huge, step
from app.engine import stretches as maps
from app.engine.audit import Audit
from app.engine.done import Step
from app.engine.draft import Violation
from app.engine.pages import Pages
from app.engine.stretches import Stretch
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
    "swapped out while they wait in a batch": (
        "swap: file\nA mmap buf 32\nA write buf 1\nkernel swapout A buf\nkernel drain\n"
        "A write buf 3"
    ),
    "back from swap, one process after the other": (
        "A mmap buf 64\nA write buf 1\nA fork B\nkernel reclaim A buf\nA read buf[0:40]\n"
        "B read buf\nA pin buf[50:60] p rw\nB write buf 2\nA write buf 3\nkernel reclaim B buf\n"
        "p release\nB read buf\nA exit"
    ),
    "back from a swap device that is full": (
        "swap: file 64\nA mmap buf 64\nA write buf 1\nA fork B\nkernel reclaim A buf\n"
        "A read buf\nB read buf\nB write buf 2"
    ),
    "protected by userfaultfd": (
        "A mmap buf 70\nA write buf 1\nA uffd_wp buf on\nA write buf 2\nA madvise buf dontneed\n"
        "A uffd_wp buf on\nA write buf 3"
    ),
}


HUGE = {
    "mapped by PTEs": (
        "A mmap buf 64 thp\nA write buf 1\nkernel split_pmd A buf\nA fork B\nB write buf 2\n"
        "A write buf 3\nB read buf\nB exit\nA write buf 4\nA exit"
    ),
    "mapped by PTEs, and left by one of three": (
        "A mmap buf 64 thp\nA write buf 1\nA fork B\nA fork C\nB madvise buf[9] dontneed\n"
        "C write buf[5] 1\nB write buf 2\nC exit\nA write buf 3"
    ),
    "copied in vain, and one page that a handle sees": (
        "A mmap buf 64 thp\nA write buf 1\nkernel split_pmd A buf\nA get buf[5] g ro\nA fork B\n"
        "B madvise buf[0:32] dontneed\nA write buf[5:20] 2\nA write buf[0:5] 3\nA write buf 4"
    ),
    "copied in vain": (
        "A mmap buf 64 thp\nA write buf 1\nkernel split_pmd A buf\nA fork B\n"
        "B madvise buf[0:32] dontneed\nA write buf[1:32] 2\nB write buf 3\nA write buf 4"
    ),
    "pinned after it was reused": (
        "A mmap buf 64 thp\nA write buf 1\nkernel split_pmd A buf\nA fork B\nB exit\n"
        "A pin buf[10:20] p rw\nA get buf[30:40] q rw\nA write buf 2"
    ),
    "swapped": (
        "A mmap buf 64 thp\nA write buf 1\nA madvise buf pageout\nA fork B\nA read buf\n"
        "B write buf 2\nkernel swapout B buf\nB madvise buf[3:40] dontneed\nA exit\nB write buf 3"
    ),
    "split and swapped": (
        "A mmap buf 64 thp\nA write buf 1\nkernel split A buf\nA madvise buf pageout\nA read buf\n"
        "A write buf 2\nA fork B\nkernel swapout A buf\nB write buf 3\nA write buf 4"
    ),
    "pinned": (
        "A mmap buf 64 thp\nA write buf 1\nA pin buf p rw\nA get buf[3:9] q ro\n"
        "kernel split_pmd A buf\nA pin buf[3:60] s rw\nA fork B\nB write buf 3\np release\n"
        "q release\ns release\nA write buf 5"
    ),
    "moved": (
        "A mmap buf 64 thp\nA write buf 1\nA mremap buf[0:32] x\nA fork B\nB write x 2\n"
        "B munmap buf[40:50]\nA write buf[32:64] 3\nkernel migrate A x\nB read x"
    ),
    "locked, cold and free": (
        "A mmap buf 64 thp\nA write buf 1\nA mlock buf[8:64]\nA fork B\nA munlock buf\n"
        "A madvise buf cold\nB exit\nA madvise buf free\nA write buf[9] 1\nkernel reclaim A buf\n"
        "A madvise buf populate_write\nA madvise buf free\nkernel reclaim A buf\nA read buf"
    ),
    "collapsed": (
        "A mmap buf 64 thp\nA madvise buf nohugepage\nA write buf[0:50] 1\nA write buf[7] 2\n"
        "A madvise buf hugepage\nA madvise buf collapse\nA fork B\nB write buf[3] 1\n"
        "kernel collapse B buf\nB read buf"
    ),
    "seen by a handle of a few": (
        "A mmap buf 64 thp\nA write buf 1\nA get buf[20:30] g ro\nA pin buf[40:50] p ro\n"
        "A fork B\nA exit\nB write buf 2\ng read\np release\nB fork C\ng release"
    ),
    "hugetlb": (
        "A mmap buf 64 hugetlb\nA write buf 1\nA fork B\nB write buf 2\nA pin buf p rw\nA fork C"
    ),
}
LONG |= {name: f"huge: 64\n{text}" for name, text in HUGE.items()}

LOOK = ("stretches", "extent")
"""What tells the engine how many neighbours are alike."""


def single(pages: Pages[object], first: int, count: int) -> list[Stretch[object]]:
    keys = range(first, first + count)
    return [(key, 1, value) for key in keys if (value := pages.get(key)) is not None]


@contextmanager
def one_by_one() -> Iterator[None]:
    """No two pages are alike, and a map is a map."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "MANY", 1 << 30)
        patch.setattr(alike.Example, "follow", lambda self, pages, changed: 0)
        for name, module in sys.modules.items():
            # huge.py asks whether there is anything at all, not what is alike.
            if name.startswith("app.engine.") and name not in (maps.__name__, huge.__name__):
                for function, stub in zip(LOOK, (single, lambda pages, keys: 1), strict=True):
                    if hasattr(module, function):
                        patch.setattr(module, function, stub)
        yield


def played(text: str, policy: str) -> list[tuple[Step, list[Violation]]]:
    """Every step, and what an audit finds then."""
    scenario = parse(text)
    machine = boot(scenario.config, scenario.first)
    audit = Audit(policies.get(policy))
    out = []
    for line in scenario.steps:
        done = step(machine, line.op, audit.policy)
        machine = done.after
        out.append((done, audit.after(machine, done.written)))
    return out


def check_same(text: str, policy: str, many: int = maps.MANY) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "MANY", many)
        together = played(text, policy)
    with one_by_one():
        alone = played(text, policy)
    for line, (a, found), (b, also) in zip(parse(text).steps, together, alone, strict=True):
        assert a.outcome == b.outcome, line.text
        assert a.after == b.after, line.text
        assert a.written == b.written, line.text
        assert found == also, line.text
        assert a.violations == b.violations, line.text
        # A batch that drains says so before the pages that went through it, not among them.
        assert sorted(map(repr, a.events)) == sorted(map(repr, b.events)), line.text


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("policy", NAMES)
def test_many_pages_end_as_one_by_one(policy: str, name: str) -> None:
    check_same(LONG[name], policy)


@given(text=programs(), policy=st.sampled_from(NAMES), many=st.sampled_from((2, maps.MANY)))
@settings(max_examples=150, deadline=None)
def test_random_programs_end_as_one_by_one(text: str, policy: str, many: int) -> None:
    check_same(text, policy, many)


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
