"""One rule switched off: which rules of a run's policy decide anything in it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from app import policies
from app.engine.policy import Policy
from app.policies import Rule
from app.scenario import Scenario
from app.trace import Run, play

from .without import Change, broken_words, changes_of


class RuleOff(Struct, frozen=True):
    """A run without one rule of its policy.

    policy    the policy's name without it, such as `linux:-unshare`
    step      the first step that is not what it was, or None: the rule changes nothing here
    changes   what that step does otherwise; empty when only the state behind it differs
    gained, lost   (property, first step that breaks it) violated only without it, and only with it
    copies    pages copied, more or less
    """

    rule: str
    sentence: str
    policy: str
    step: int | None
    text: str
    changes: tuple[Change, ...]
    gained: tuple[tuple[str, int], ...]
    lost: tuple[tuple[str, int], ...]
    copies: int


class Rules(Struct, frozen=True):
    """Every rule of a policy; `left_out` are those that the budget has no room for."""

    rules: tuple[RuleOff, ...]
    left_out: tuple[str, ...]


def rules_off(run: Run, room: int) -> Rules:
    """Play a run without each rule of its policy in turn, `room` times at most.

    Rules that are the same policy when switched off cost one play.
    """
    played: dict[Policy, Run] = {}
    found: list[RuleOff] = []
    left_out: list[str] = []
    for rule in policies.rules_of(run.policy):
        name = f"{run.policy.name}:-{rule.name}"
        key = replace(policies.get(name), name="")
        if key not in played:
            if len(played) >= room:
                left_out.append(rule.name)
                continue
            played[key] = play(run.scenario, name)
        found.append(compared(run, played[key], rule, name))
    return Rules(tuple(found), tuple(left_out))


def compared(run: Run, other: Run, rule: Rule, name: str) -> RuleOff:
    step = first_difference(run, other)
    changes = () if not step else changes_of(run, step, other, step)
    mine = {kind: at for kind, at in run.verdicts.items() if at is not None}
    theirs = {kind: at for kind, at in other.verdicts.items() if at is not None}
    return RuleOff(
        rule.name,
        rule.sentence,
        name,
        step,
        "" if not step else text_at(run.scenario, step),
        changes,
        tuple((kind, at) for kind, at in theirs.items() if kind not in mine),
        tuple((kind, at) for kind, at in mine.items() if kind not in theirs),
        other.steps[-1].after.copies - run.steps[-1].after.copies,
    )


def first_difference(run: Run, other: Run) -> int | None:
    """By the checksums of states and outcomes, and by violations."""
    pairs = zip(run.steps, other.steps, strict=True)
    for number, (a, b) in enumerate(pairs):
        if a.checksum != b.checksum or broken_words(a.violations) != broken_words(b.violations):
            return number
    return None


def text_at(scenario: Scenario, step: int) -> str:
    return scenario.steps[step - 1].text
