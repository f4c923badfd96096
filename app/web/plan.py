"""What is the same in all steps of a run: computed once, and kept."""

from __future__ import annotations

from msgspec import Struct

from app.service import LoadedRun

from . import others
from .glimpse import survey
from .layout import Layout
from .placing import lay_out
from .ticks import Timeline, timeline_of


class Plan(Struct, frozen=True):
    """What is the same in all steps of a run: computed once. `text` is the scenario's, each line
    with its steps: a line of a `par` block has several, one that is no step has none.
    """

    text: tuple[tuple[str, tuple[int, ...]], ...]
    layout: Layout
    timeline: Timeline
    steps: int
    own: others.Other | None
    others: tuple[others.Other, ...]


def plan_of(loaded: LoadedRun) -> Plan:
    """Read a run once from end to end; of a short one also what other policies make of it."""
    states = list(survey(loaded.run))
    short = others.at_once(loaded)
    steps: dict[int, list[int]] = {}
    for i, source in enumerate(loaded.run.scenario.steps, 1):
        steps.setdefault(source.line, []).append(i)
    lines = enumerate(loaded.run.scenario.text.split("\n"), 1)
    return Plan(
        tuple((line, tuple(steps.get(at, ()))) for at, line in lines),
        lay_out(states),
        timeline_of(states),
        loaded.last + 1,
        others.other_of(loaded.stored.policy, loaded.run) if short else None,
        others.others_of(loaded.run.scenario, loaded.stored.policy) if short else (),
    )
