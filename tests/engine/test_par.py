"""`par` blocks: without a schedule the lines run one after the other."""

from __future__ import annotations

from app.scenario import parse
from app.trace import play

BASE = "A mmap buf 1\nA write buf 1\nA fork B\n"


def test_lines_without_a_schedule_run_one_after_the_other() -> None:
    one = play(parse(BASE + "par\n  A write buf 2\n  B read buf\n"), "linux")
    two = play(parse(BASE + "A write buf 2\nB read buf\n"), "linux")
    assert one.steps[-1].outcome.value == two.steps[-1].outcome.value == 1
    assert one.steps[-1].outcome.faults == 1
    assert one.steps[-1].after.tables == two.steps[-1].after.tables


def test_a_failing_line_does_not_stop_the_others() -> None:
    run = play(parse(BASE + "A mprotect buf r\npar\n  A write buf 2\n  B write buf 3\n"), "linux")
    assert run.steps[-1].outcome.error == "SIGSEGV"
    assert run.step(len(run.steps) - 1)["state"]["processes"]["B"]["buf"][0]["value"] == 3


def test_a_handle_taken_and_written_to_in_one_block_is_seen() -> None:
    text = (
        "swap: none\nA mmap buf 1\nA write buf 1\nA fork B\npar\n  B splice buf g\n  B munmap buf\n"
    )
    run = play(parse(text + "A write buf 42\n"), "mapcount")
    assert run.verdicts["isolation"] == len(run.steps) - 1
