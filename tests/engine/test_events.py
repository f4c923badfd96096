"""What is told of many pages at once is spelled out as if it had been told of each."""

from __future__ import annotations

from app import policies
from app.engine import Step, boot, step
from app.engine.events import Again
from app.engine.touched import Touched, holds, spans, touch
from app.scenario import parse


def last(text: str) -> Step:
    scenario = parse(text)
    machine = boot(scenario.config, scenario.first)
    for line in scenario.steps:
        done = step(machine, line.op, policies.get("linux"))
        machine = done.after
    return done


def test_copies_are_told_in_the_order_of_their_pages() -> None:
    done = last("A mmap buf 100\nA write buf 1\nA fork B\nB write buf 2")
    copied = [e for e in done.events if e.reason.kind == "copy"]
    assert [(e.vpn, e.pfn, e.to) for e in copied] == [(i, i, 100 + i) for i in range(100)]
    assert any(type(told) is Again for told in done.told)
    assert len(done.told) < 20


def test_each_release_tells_what_is_left() -> None:
    done = last("huge: 64\nA mmap buf 64 thp\nA write buf 1\nA pin buf[8:40] p rw\np release")
    put = [e for e in done.events if e.reason.kind == "drop"]
    assert [(e.pfn, e.folio.refcount if e.folio else 0) for e in put] == [
        (8 + i, 32 - i) for i in range(32)
    ]


def test_swap_entries_are_told_with_their_slots() -> None:
    done = last("A mmap buf 40\nA write buf 1\nA madvise buf pageout\nA fork B")
    told = [(e.vpn, e.slot) for e in done.events if e.slot >= 0]
    assert told == [(i, i) for i in range(40)]


def test_what_was_touched_twice_is_one_span_and_slots_are_none_with_frames() -> None:
    touched: Touched = set()
    touch(touched, range(0))
    for numbers in (range(10, 20), range(15, 30), range(30, 31), range(-4, 0), range(3)):
        touch(touched, numbers)
    touched.update((2, 40))
    assert spans(touched) == [range(-4, 0), range(3), range(10, 31), range(40, 41)]
    assert [n for n in range(-6, 45) if holds(touched, n)] == [
        n for part in spans(touched) for n in part
    ]
