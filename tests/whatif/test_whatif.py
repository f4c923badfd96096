"""What-ifs against the engine: actions play, branches parse, shorter texts still violate."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app import policies
from app.engine import step
from app.engine.audit import Audit
from app.scenario import Continuation, ScenarioErrors, library, parse, units_of
from app.service import page_steps
from app.trace import Run, play
from app.whatif import (
    Action,
    Actions,
    Ground,
    NotBroken,
    WithinBlock,
    actions_at,
    branch_text,
    minimise,
    rules_off,
    without,
)
from tests.strategies import programs
from tests.web.serving import FORKS, LEAK

LINUX = policies.get("linux")
QUIET = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
PAR = """\
huge: 2
A mmap buf 2
A write buf 1
par
  A pin buf[0] p fast
  A fork B
order: 1 2 1 2
p read
expect value 1
"""


def run_of(text: str, policy: str = "linux") -> Run:
    return play(parse(text.rstrip("\n")), policy)


def at(run: Run, step: int, room: int = 20_000) -> Actions:
    return actions_at(run, Ground(run.scenario), step, room)


def asked(text: str, step: int, policy: str = "linux") -> dict[str, Action]:
    return {action.text: action for action in at(run_of(text, policy), step).all}


# -- possible next steps ----------------------------------------------------------------------


@QUIET
@given(programs(steps=12), st.data())
def test_what_is_possible_plays_and_what_is_not_has_a_reason(
    text: str, data: st.DataObject
) -> None:
    scenario = parse(text)
    step = data.draw(st.integers(0, len(scenario.steps)))
    found = at(play(scenario, "linux"), step)
    assert found.all
    for action in found.all:
        assert action.words
        if action.state == "impossible":
            with pytest.raises(ScenarioErrors):
                branch_text(scenario, step, action.text, keep=False)
    for action in found.telling:
        run = run_of(branch_text(scenario, step, action.text, keep=False))
        assert len(run) == step + 1
        violated = {v.kind for v in run.steps[-1].violations}
        assert violated == set(action.violations)


def test_reasons_are_told_in_words() -> None:
    after = asked(LEAK, 8, "mapcount")
    assert after["g read"].state == "impossible"
    assert after["g read"].words == "g was released at step 8."
    gone = asked("A mmap buf 1\nA fork B\nB exit\n", 3)
    assert gone["B read buf"].words == "B exited at step 3."
    assert asked("A mmap buf 1\n", 1)["B read buf"].words.startswith("There is no process B.")
    assert "pin, get or splice" in asked("A mmap buf 1\n", 1)["p read"].words
    no_swap = asked("swap: none\nA mmap buf 1\nA write buf 3\n", 2)["kernel swapout A buf"]
    assert (no_swap.state, no_swap.words) == ("refused", "no free swap slot")
    unmapped = asked("A mmap buf 2\nA munmap buf[0]\n", 2)["A read buf[0]"]
    assert (unmapped.state, unmapped.words) == ("refused", "SIGSEGV: no VMA")


def test_what_would_happen_is_the_engines() -> None:
    now = asked(LEAK, 5, "mapcount")
    write = now["A write buf 1"]
    assert write.violations == ("isolation",)
    assert write.words.startswith("violates isolation: g was taken by B")
    assert asked(LEAK, 5)["A write buf 1"].words == "f0 is copied to f1; A.buf[0] maps f1, writable"
    first = at(run_of(LEAK, "mapcount"), 5).telling
    assert first[0].text == "A write buf 1"
    assert len(first) == 9


def test_names_and_values_are_fresh() -> None:
    now = asked(FORKS, 9)
    assert "A fork D" in now
    assert "A pin buf[0] q" in now  # p is taken
    assert "A write buf[0] 1" in now  # 7, 3, 5 and 9 are in memory
    again = asked("A mmap buf 1\nA write buf 1\n", 2)
    assert "A write buf 2" in again


def test_pages_that_look_alike_are_asked_about_once() -> None:
    now = asked("A mmap buf 512\nA write buf[3] 9\n", 2)
    reads = [text for text in now if text.startswith("A read")]
    assert reads == ["A read buf[0]", "A read buf[3]"]


def test_costly_steps_are_left_out_and_said() -> None:
    found = at(run_of("A mmap buf 5000\n"), 1, 12_000)
    texts = {action.text for action in found.all}
    assert "A read buf[0]" in texts
    assert found.left_out
    assert not texts & set(found.left_out)


def test_within_a_par_block_its_order_goes_on() -> None:
    scenario = parse(PAR)
    inside = next(n for n in range(1, 9) if scenario.steps[n - 1].line == 5)
    with pytest.raises(WithinBlock) as caught:
        at(run_of(PAR), inside)
    assert at(run_of(PAR), caught.value.end).telling


def test_a_continuation_knows_what_the_text_knows() -> None:
    scenario = parse("A mmap buf 2\nA fork B\n")
    continuation = Continuation(scenario, 2)
    assert continuation.compile("A   write buf [ 0 ]  3 # so")[0] == "A write buf[0] 3"
    continuation.compile("A fork B")
    continuation.compile("A fork B")  # what one line names, the next does not know
    for bad in ("B read buf", "", "expect copies 1", "A read buf\nA read buf", "A raed buf"):
        with pytest.raises(ScenarioErrors):
            continuation.compile(bad)


def long_text() -> str:
    """Handles come and go, a handle's name is taken again, and a child shares its ranges."""
    lines = ["A mmap buf 2", "A write buf 1", "A fork B", "B vfork C"]
    for n in range(120):
        lines += [f"A pin buf[0] p{n % 40}", f"p{n % 40} write {n}", f"p{n % 40} release"]
        lines += [f"B mmap r{n} 1", f"C write r{n} {n}", "expect no violation"]
    return "\n".join([*lines, "C exit", "A write buf[1] 2"])


def test_the_middle_of_a_long_text_is_known_from_a_landmark() -> None:
    scenario = parse(long_text())
    assert len(scenario.landmarks) > 2
    whole = replace(scenario, landmarks=())
    for line in (100, 129, 130, 500, 725, 727):
        near, far = Continuation(scenario, line).names, Continuation(whole, line).names
        assert near.handles == far.handles
        assert near.exited == far.exited
        assert near.mms.keys() == far.mms.keys()
        assert {n: mm.ranges for n, mm in near.mms.items()} == {
            n: mm.ranges for n, mm in far.mms.items()
        }
        assert near.mms.get("C") is (near.mms["B"] if line <= 725 else None)


def test_what_is_violated_is_known_at_every_step() -> None:
    run = run_of(LEAK.replace("g release\n", "") + "A write buf 3\ng read\n" * 40, "mapcount")
    audit = Audit(run.policy)
    for number, source in enumerate(run.scenario.steps, 1):
        done = step(run.steps[number - 1].after, source.op, run.policy)
        audit.after(done.after, done.written)
        known = run.audit(number)
        assert (known.broken, known.told) == (audit.broken, audit.told)
    assert audit.broken


# -- branches ---------------------------------------------------------------------------------

NOTED = """\
title: Notes stay
# a comment
A mmap buf 1  # the page
A write buf 1
expect copies 0
note first
# before the fork
A fork B
B write buf 2
expect value 9
"""


def test_a_branch_keeps_headers_comments_notes() -> None:
    scenario = parse(NOTED)
    stop = branch_text(scenario, 2, "A read buf", keep=False)
    assert stop == NOTED[: NOTED.index("# before")] + "A read buf"
    assert branch_text(scenario, 0, "A mmap x 1", keep=False).endswith("# a comment\nA mmap x 1")
    keep = branch_text(scenario, 2, "A read buf", keep=True)
    assert keep == NOTED.replace("# before", "A read buf\n# before")


def test_what_no_longer_makes_sense_becomes_a_comment() -> None:
    scenario = parse(NOTED)
    text = branch_text(scenario, 2, "A exit", keep=True)
    assert "# A fork B  (A exited on line 7.)\n# B write buf 2  (There is no process B.)" in text
    assert "# expect value 9  (its step is not played)" in text
    assert [step.text for step in parse(text).steps] == ["A mmap buf 1", "A write buf 1", "A exit"]
    clash = branch_text(scenario, 2, "A fork B", keep=True)
    assert "# A fork B  (There is a process B already.)\nB write buf 2" in clash


# -- one step switched off --------------------------------------------------------------------


@QUIET
@given(programs(steps=12), st.data())
def test_without_a_step_the_rest_is_what_the_text_plays(text: str, data: st.DataObject) -> None:
    run = run_of(text)
    step = data.draw(st.integers(1, len(run)))
    found = without(run, step)
    left = [row for row in found.rows if row.now]
    try:
        scenario = parse(found.text)
    except ScenarioErrors:
        assert not left
        return
    assert [row.text for row in left] == [source.text for source in scenario.steps]
    assert [row.now for row in left] == list(range(1, len(left) + 1))
    assert all(row.reason for row in found.rows if row.state == "impossible")
    assert all(row.state == "same" for row in found.rows[: step - 1])
    assert found.rows[step - 1].state == "off"
    again = play(scenario, "linux")
    for row in left:
        outcome = [run.steps[row.step].outcome, again.steps[row.now].outcome]
        if row.state == "same":
            assert outcome[0].value == outcome[1].value
            assert outcome[0].error == outcome[1].error


def test_without_the_fork_nothing_leaks() -> None:
    found = without(run_of(LEAK, "mapcount"), 3)
    states = [row.state for row in found.rows]
    assert states == ["same", "same", "off", *["impossible"] * 2, "changed", *["impossible"] * 2]
    assert found.lost == ("isolation",)
    assert found.rows[3].reason == "There is no process B."
    changes = {change.what: (change.before, change.after) for change in found.rows[5].changes}
    assert changes["violations"] == ("violates isolation I2", "nothing violated")
    assert found.first is not None
    assert found.first.step == 4


def test_without_the_pin_fork_shares() -> None:
    found = without(run_of(FORKS), 6)
    fork = found.rows[6]
    assert fork.state == "changed"
    assert fork.changes[0].after == "0 copies"
    assert found.rows[9].reason == "There is no handle p."


def test_a_par_block_is_switched_off_as_one() -> None:
    run = run_of(PAR)
    block = next(unit for unit in units_of(run.scenario) if unit.text.startswith("par"))
    found = without(run, block.begin + 1)
    assert found.off == (block.begin, block.end)
    assert found.rows[-1].reason == "There is no handle p."
    assert "# order: 1 2 1 2" in found.text
    parse(found.text)


def test_who_was_first_stays_first() -> None:
    text = "A fork B\nB mmap buf 1\nA mmap buf 1\n"
    found = without(run_of(text), 1)
    assert [row.state for row in found.rows] == ["off", "impossible", "same"]
    assert parse(found.text).first == "A"


# -- one rule switched off --------------------------------------------------------------------


def test_rules_that_decide_something() -> None:
    found = rules_off(run_of(FORKS), 100)
    assert not found.left_out
    rules = {rule.rule: rule for rule in found.rules}
    assert set(rules) == {rule.name for rule in policies.rules_of(LINUX)}
    pinned = rules["fork-copies-pinned"]
    assert (pinned.step, pinned.text, pinned.copies) == (7, "A fork B", -1)
    assert ("isolation", 10) in pinned.gained
    assert rules["unshare"].step is None
    for rule in found.rules:
        other = play(parse(FORKS), rule.policy)
        broken = {kind: at for kind, at in other.verdicts.items() if at is not None}
        assert dict(rule.gained) == broken  # the run itself violates nothing
        assert (rule.step is None) == (other.checksums() == run_of(FORKS).checksums())


def test_rules_beyond_the_budget_are_named() -> None:
    found = rules_off(run_of(LEAK), 3)
    assert len(found.rules) + len(found.left_out) == len(policies.rules_of(LINUX))
    assert len(found.rules) == 3


# -- minimising -------------------------------------------------------------------------------


def still_violates(text: str, policy: str, kind: str) -> Run:
    run = run_of(text, policy)
    assert run.verdicts[kind] is not None
    assert run.met
    return run


def needs_every_step(text: str, policy: str, kind: str, predicate: str) -> None:
    scenario = parse(text)
    for at, unit in enumerate(units_of(scenario)):
        run = run_of(text, policy)
        found = without(run, unit.begin)
        try:
            left = run_of(found.text, policy)
        except ScenarioErrors:
            continue
        broken = {(v.kind, v.predicate) for step in left.steps for v in step.violations}
        assert (kind, predicate) not in broken, f"unit {at} could be left out"


@pytest.mark.parametrize("policy", ["mapcount", "refcount", "linux:-fork-clears", "textbook"])
@QUIET
@given(text=programs(steps=20))
def test_a_minimised_text_still_violates_and_needs_every_step(policy: str, text: str) -> None:
    run = run_of(text, policy)
    for kind, at in run.verdicts.items():
        if at is None:
            continue
        found = minimise(run, kind, 200_000, page_steps)
        assert found.minimal
        assert len(still_violates(found.text, policy, kind)) <= at
        needs_every_step(found.text, policy, kind, found.predicate)
        assert len(found.kept) + len(found.removed) == len(units_of(run.scenario))
        assert minimise(run, kind, 200_000, page_steps) == found


def test_words_become_smaller() -> None:
    found = minimise(run_of(FORKS, "linux:-fork-clears-swap"), "isolation", 200_000, page_steps)
    assert found.text.split("\n")[1:] == [
        "A mmap buf 1",
        "A write buf 1",
        "kernel swapout A buf",
        "A fork B",
        "B fork C",
        "C write buf 2",
        "expect violation isolation",
    ]
    assert found.steps == 6
    assert (10, "p write 6") in found.removed


def test_a_race_is_minimised_with_its_order() -> None:
    slug = next(s for s in library() if s.slug == "race-collapse")
    run = play(slug.scenario, "mapcount")
    found = minimise(run, "coherence", 200_000, page_steps)
    still_violates(found.text, "mapcount", "coherence")
    assert found.minimal


def test_a_budget_that_ends_is_told_and_never_overdrawn() -> None:
    run = run_of(LEAK, "mapcount")
    whole = minimise(run, "isolation", 200_000, page_steps)
    short = minimise(run, "isolation", 20, page_steps)
    assert not short.minimal
    assert short.spent <= 20
    still_violates(short.text, "mapcount", "isolation")
    assert whole.minimal


def test_a_property_that_holds_cannot_be_minimised() -> None:
    with pytest.raises(NotBroken, match="It violates nothing"):
        minimise(run_of(LEAK), "isolation", 1000, page_steps)
    with pytest.raises(NotBroken, match="It violates isolation"):
        minimise(run_of(LEAK, "mapcount"), "coherence", 1000, page_steps)
