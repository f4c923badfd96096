"""A split huge page keeps no page that is all zeroes: its PTEs map the zero page (6.12)."""

from __future__ import annotations

from app.scenario import parse
from app.trace import play

TEXT = "huge: 8\nA mmap t 8 thp\nA write t[0] {0}\nkernel split A t\nA write t[1] 3\n"


def test_only_what_was_written_keeps_a_page() -> None:
    checks = "expect A t[0] exclusive\nexpect A t[2] zero\nexpect copies 0\nexpect no violation\n"
    assert play(parse(TEXT.format(7) + checks), "linux").met


def test_when_nothing_was_written_every_page_goes_and_the_split_is_still_told() -> None:
    run = play(parse(TEXT.format(0) + "expect A t[0] zero\n"), "linux")
    assert run.met
    told = run.step(3)["events"]
    assert "refcount" in " ".join(event["because"] for event in told)


def test_before_612_they_stay() -> None:
    checks = "expect A t[0] exclusive\nexpect A t[2] exclusive\n"
    assert play(parse(TEXT.format(7) + checks), "linux@6.2").met
