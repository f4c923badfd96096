"""An audit looks at one page for all that are alike, and finds what is wrong with a few of them."""

from __future__ import annotations

from msgspec.structs import replace

from app import policies
from app.engine import boot, step
from app.engine.audit import Audit
from app.engine.policy import Policy
from app.scenario import parse

HUGE = "huge: 64\nA mmap buf 64 thp\nA write buf 1\n"

NO_COPY_AT_FORK = replace(policies.get("linux"), fork_copies_pinned=False)


def found(text: str, policy: Policy) -> list[tuple[str, int]]:
    """(predicate, frame) of all that is wrong after the last step and was not before."""
    scenario = parse(text)
    machine, audit = boot(scenario.config, scenario.first), Audit(policy)
    fresh = []
    for line in scenario.steps:
        done = step(machine, line.op, policy)
        machine = done.after
        fresh = audit.after(machine, done.written)
    return [(violation.predicate, violation.pfn) for violation in fresh]


def test_what_a_handle_should_not_see_is_told_of_each_page_that_it_holds() -> None:
    text = HUGE + "A get buf[20:30] g ro\nA fork B\nA exit\nB write buf 2"
    assert found(text, policies.get("mapcount")) == [("I2", pfn) for pfn in range(20, 30)]


def test_pinned_pages_that_fork_made_shared_are_told_of() -> None:
    text = HUGE + "kernel split_pmd A buf\nA pin buf[20:30] p rw\nA fork B"
    assert found(text, NO_COPY_AT_FORK) == [("K3", pfn) for pfn in range(20, 30)]
    assert found(text, policies.get("linux")) == []


def test_the_head_answers_for_pinned_pages_that_a_pmd_maps() -> None:
    text = HUGE + "A pin buf[20:30] p rw\nA fork B"
    assert found(text, NO_COPY_AT_FORK) == [("K3", 0)]
    assert found(text, policies.get("linux")) == []


def test_what_was_wrong_before_is_not_told_again_and_hides_nothing() -> None:
    text = HUGE + "A get buf[20:30] g ro\nA get buf[40] h ro\nA fork B\nA exit\n"
    policy = policies.get("mapcount")
    assert found(text + "B write buf[20:30] 2", policy) == [("I2", pfn) for pfn in range(20, 30)]
    assert found(text + "B write buf[20:30] 2\nB write buf 3", policy) == [("I2", 40)]
