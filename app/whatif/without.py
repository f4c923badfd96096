"""One step switched off: what of the rest stays, changes, or becomes impossible."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from app.engine.draft import Violation
from app.engine.events import Event
from app.scenario import units_of
from app.trace import Run, play
from app.trace.explain import event_json
from app.trace.outcome import outcome_json, outcome_words
from app.trace.run import Played

from .alter import alter, commented, reasons_of
from .words import told

Json = dict[str, Any]
State = Literal["off", "same", "changed", "impossible"]
NOTHING = "nothing violated"


class Change(Struct, frozen=True):
    """One thing that a step did otherwise: `what` is "outcome", "decision" or "violations"."""

    what: str
    before: str
    after: str


class Row(Struct, frozen=True):
    """A step of the run, and what became of it.

    step      its number in the run; `now` its number without the other, or 0
    reason    why it is impossible
    changes   what it does otherwise
    did, does one line on what it did and what it does
    """

    step: int
    now: int
    text: str
    state: State
    reason: str
    changes: tuple[Change, ...]
    did: str
    does: str


class Without(Struct, frozen=True):
    """A run without one unit: one step, or a whole `par` block.

    text      the scenario with everything that is out as comments, each with its reason
    unmet     expectations that were met and are not any more
    gained, lost   properties violated only without it, and only with it
    """

    off: tuple[int, int]
    what: str
    rows: tuple[Row, ...]
    text: str
    unmet: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    def count(self, state: State) -> int:
        return sum(row.state == state for row in self.rows)

    @property
    def first(self) -> Row | None:
        """The first later step that is not what it was."""
        return next((row for row in self.rows if row.state in ("changed", "impossible")), None)


def without(run: Run, step: int) -> Without:
    """Play a run again without a step. Raises IndexError for a step that is not there."""
    scenario = run.scenario
    units = units_of(scenario)
    at = next((i for i, unit in enumerate(units) if unit.begin <= step <= unit.end), None)
    if at is None:
        raise IndexError(step)
    altered = alter(scenario.text, scenario.first, units, (at,))
    again = play(altered.scenario, run.policy.name) if altered.scenario else None
    now = 0
    rows: list[Row] = []
    for index, one in enumerate(units):
        left = index != at and index not in altered.impossible
        for number in range(one.begin, one.end + 1):
            now += left
            if left and again is not None:
                rows.append(compared(run, number, again, now))
            else:
                error = altered.impossible.get(index)
                rows.append(gone(run, number, "" if error is None else error.message))
    before = {kind for kind, broken in run.verdicts.items() if broken is not None}
    after = (
        {kind for kind, broken in again.verdicts.items() if broken is not None} if again else set()
    )
    unit = units[at]
    return Without(
        (unit.begin, unit.end),
        unit.text,
        tuple(rows),
        commented(scenario.text, reasons_of(units, altered, (at,))),
        tuple(sorted(met(run) - met(again), key=str)) if again else (),
        tuple(kind for kind in run.verdicts if kind in after - before),
        tuple(kind for kind in run.verdicts if kind in before - after),
    )


def met(run: Run) -> set[str]:
    """Expectations that are met, with their lines."""
    return {
        f"line {found.line}: {found.text}"
        for played in run.steps
        for found in played.expectations
        if found.met
    }


def gone(run: Run, number: int, reason: str) -> Row:
    text = run.scenario.steps[number - 1].text
    state: State = "impossible" if reason else "off"
    return Row(number, 0, text, state, reason, (), line_of(run, number), "")


def compared(run: Run, number: int, again: Run, now: int) -> Row:
    changes = changes_of(run, number, again, now)
    text = run.scenario.steps[number - 1].text
    state: State = "changed" if changes else "same"
    return Row(number, now, text, state, "", changes, line_of(run, number), line_of(again, now))


def line_of(run: Run, number: int) -> str:
    played, source = run.steps[number], run.scenario.steps[number - 1]
    return told(
        source.text, played.outcome, deciding(played), played.violations,
        lambda event: said(run, number, event),
    )[0]  # fmt: skip


def deciding(played: Played) -> list[Event]:
    """Draining batches decides nothing, and is left out."""
    return [event for event in played.events if event.reason.kind != "count"]


def said(run: Run, number: int, event: Event) -> Json:
    actor = run.scenario.steps[number - 1].op.actor
    return event_json(event, actor, run.steps[number - 1].after, run.steps[number].after)


def changes_of(run: Run, number: int, other: Run, now: int) -> tuple[Change, ...]:
    """What a step does otherwise, frames by any name: numbers count allocations."""
    before, after = run.steps[number], other.steps[now]
    out = []
    mine, theirs = (outcome_words(outcome_json(played.outcome)) for played in (before, after))
    if mine != theirs:
        out.append(Change("outcome", mine, theirs))
    at = parting(before, after)
    if at is not None:
        out.append(Change("decision", decision(run, number, at), decision(other, now, at)))
    mine, theirs = broken_words(before.violations), broken_words(after.violations)
    if mine != theirs:
        out.append(Change("violations", mine, theirs))
    return tuple(out)


def parting(before: Played, after: Played) -> int | None:
    """Index of the first decision that is another one: of what, on which page, by which rule."""
    mine, theirs = decisions(before), decisions(after)
    if mine == theirs:
        return None
    pairs = enumerate(zip(mine, theirs, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(mine), len(theirs)))


def decisions(played: Played) -> list[tuple[object, ...]]:
    return [
        (
            event.reason.kind, event.reason.function, event.reason.decision, event.reason.rule,
            event.mm, event.vpn,
        )
        for event in deciding(played)
    ]  # fmt: skip


def decision(run: Run, number: int, at: int) -> str:
    events = deciding(run.steps[number])
    return spoken(said(run, number, events[at])) if at < len(events) else "nothing more"


def spoken(event: Json) -> str:
    return f"{event['decision'].rstrip('.')}: {event['because']}"


def broken_words(violations: tuple[Violation, ...]) -> str:
    found = sorted({f"{v.kind} {v.predicate}".strip() for v in violations})
    return f"violates {', '.join(found)}" if found else NOTHING
