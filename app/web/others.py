"""What the other policies do at each step of a scenario, played once and kept with the run's plan.

Only for runs so short that playing them eight times takes milliseconds; longer ones ask for it with
a request of its own.
"""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct

from app import policies
from app.scenario import Scenario
from app.service import LoadedRun, page_steps
from app.trace import KINDS, Run, play
from app.trace.explain import event_json
from app.trace.outcome import outcome_code, outcome_json, reads_in_words
from app.urls import matrix_url

from .why import WEIGHT

SHORT = 100
"""Steps up to which the others are played as soon as somebody opens the run."""
LIGHT = 1_000
"""... and page-steps."""
ACTS = frozenset(WEIGHT) - {"keep", "install"}
"""Kinds of events by which two policies are told to do the same or not."""


class Deed(Struct, frozen=True):
    """What one policy did at one step: `words`, and `key`, by which deeds are the same."""

    words: str
    key: tuple[str, ...]


class Other(Struct, frozen=True):
    """A policy's run: `deeds[n - 1]` at step n, `broken` property -> first step that breaks it."""

    name: str
    deeds: tuple[Deed, ...]
    broken: dict[str, int]


class Verdict(Struct, frozen=True):
    """One policy in a group: the first violation in words ("" for none), and the comparison."""

    name: str
    broken: str
    href: str


class Group(Struct, frozen=True):
    """Policies that do the same at a step; `same` as the one that is shown."""

    words: str
    same: bool
    policies: tuple[Verdict, ...]


def at_once(loaded: LoadedRun) -> bool:
    return loaded.last <= SHORT and page_steps(loaded.run.scenario) <= LIGHT


def others_of(scenario: Scenario, own: str) -> tuple[Other, ...]:
    """Play a scenario under every policy of the catalogue but its own."""
    names = [e.name for e in policies.CATALOGUE if e.name != own]
    return tuple(other_of(name, play(scenario, name)) for name in names)


def other_of(name: str, run: Run) -> Other:
    deeds = tuple(deed_of(run, number) for number in range(1, len(run) + 1))
    return Other(name, deeds, {k: at for k, at in run.verdicts.items() if at is not None})


def deed_of(run: Run, number: int) -> Deed:
    """The one event that says best what a step did, and its outcome."""
    played, before = run.steps[number], run.steps[number - 1].after
    events = played.events
    kinds = [event.reason.kind for event in events]
    lead = next((kinds.index(kind) for kind in WEIGHT if kind in kinds), None)
    code = outcome_code(played.outcome, runs=True)
    key = (*sorted({kind for kind in kinds if kind in ACTS}), code)
    reads, error = reads_in_words(outcome_json(played.outcome)), played.outcome.error
    if lead is None:
        return Deed(error or reads or "no fault, nothing moves", key)
    event = event_json(events[lead], "", before, played.after)
    said = [str(event["decision"]).rstrip("."), reads, error]
    return Deed("; ".join(filter(None, said)), key)


def groups_of(others: tuple[Other, ...], own: Other, number: int, run_id: str) -> tuple[Group, ...]:
    """The other policies at step `number`, those that do the same first."""
    mine = own.deeds[number - 1]
    found: dict[tuple[str, ...], list[Other]] = {}
    for other in others:
        if other.name != own.name:
            found.setdefault(other.deeds[number - 1].key, []).append(other)
    groups = [
        Group(
            members[0].deeds[number - 1].words,
            key == mine.key,
            tuple(
                Verdict(m.name, broken_words(m.broken), compare_href(run_id, own.name, m, number))
                for m in members
            ),
        )
        for key, members in found.items()
    ]
    return tuple(sorted(groups, key=lambda group: not group.same))


def broken_words(broken: dict[str, int]) -> str:
    """The first violation of a run; of several at one step the gravest."""
    if not broken:
        return ""
    kind = min(broken, key=lambda kind: (broken[kind], KINDS.index(kind)))
    return f"{kind} at {broken[kind]}"


def compare_href(run_id: str, own: str, other: Other, number: int) -> str:
    names = f"{quote(own, safe='@:')}..{quote(other.name, safe='@:')}"
    return f"{matrix_url(run_id)}/{names}/{number}"
