"""Who wrote it: the steps that changed a thing, found by comparing the states of a run.

There is no second stream of events: a step wrote a field if the field differs from the step
before, and what led to it is looked up among the events that the engine gave for that step.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

from msgspec import Struct

from app.engine.events import Event
from app.engine.state import Compound, Folio, Machine

from .explain import event_json
from .reading import Value, Values, place_of, raw, shown, values_of
from .run import Run
from .subject import ZEROES_NAMES, Subject

Json = dict[str, Any]

QUIET = frozenset({"fault", "decide", "count"})
"""Kinds of events that change nothing of the thing that they are about."""


class Change(Struct, frozen=True):
    """One field at one step. `old` and `new` are as printed; "" where the thing does not exist."""

    field: str
    old: str
    new: str


class History(Struct, frozen=True):
    """A thing over all steps. `states[n]` are its values after step n, None where it is not.

    Equal neighbours are one object, so that a long run costs what changes in it.
    """

    subject: Subject
    states: tuple[Values | None, ...]
    writes: tuple[int, ...]

    def at(self, step: int) -> Values | None:
        return self.states[step]

    def before(self, step: int) -> Values | None:
        return self.states[step - 1] if step else None

    def writes_of(self, field: str) -> tuple[int, ...]:
        """The steps that changed the field, or brought or ended the thing; all for ""."""
        if not field:
            return self.writes
        return tuple(step for step in self.writes if self.differs(step, field))

    def differs(self, step: int, field: str) -> bool:
        now, was = self.states[step], self.before(step)
        if now is None or was is None:
            return now is not was
        return now.get(field) != was.get(field)

    def changes(self, step: int, field: str = "") -> tuple[Change, ...]:
        """What step `step` changed, in the order of the fields."""
        now, was = self.states[step] or {}, self.before(step) or {}
        names = (field,) if field else tuple({**was, **now})
        return tuple(
            Change(name, printed(was, name), printed(now, name))
            for name in names
            if (name in now) != (name in was) or now.get(name) != was.get(name)
        )

    def last_writer(self, step: int, field: str = "") -> int | None:
        """The step that gave the value that is there after `step`; 0 for what was there first.

        None where the thing has not existed yet.
        """
        writes = self.writes_of(field)
        at = bisect_right(writes, step)
        return writes[at - 1] if at else None


def printed(values: Values, name: str) -> str:
    return shown(values[name]) if name in values else ""


def neighbours(writes: tuple[int, ...], step: int) -> tuple[int | None, int | None]:
    """The writes before and after a step."""
    low, high = bisect_left(writes, step), bisect_right(writes, step)
    return (writes[low - 1] if low else None), (writes[high] if high < len(writes) else None)


def history_of(run: Run, subject: Subject) -> History:
    """Read one thing in every state of a run."""
    whole = subject.whole
    states: list[Values | None] = []
    writes = []
    rests_on: tuple[object, ...] | None = None
    for step, played in enumerate(run.steps):
        machine = played.after
        here = foundation(machine, whole)
        if states and rests_on is not None and same(here, rests_on):
            states.append(states[-1])
            continue
        rests_on = here
        thing = raw(machine, whole)
        now = None if thing is None else values_of(whole, thing)
        before = states[-1] if states else None
        if now == before:
            states.append(before)
        else:
            states.append(now)
            writes.append(step)
    return History(whole, tuple(states), tuple(writes))


def same(here: tuple[object, ...], there: tuple[object, ...]) -> bool:
    return all(a is b for a, b in zip(here, there, strict=True))


def foundation(machine: Machine, subject: Subject) -> tuple[object, ...]:
    """Frozen values that all of the thing is read from: while they are the same, so is it."""
    if subject.kind == "frame" and subject.thing in ZEROES_NAMES:
        return (machine.tables,)
    if subject.kind == "frame":
        folio = machine.folios.get(int(subject.thing[1:]))
        compound = machine.compounds.get(folio.head) if folio is not None else None
        # A large folio's ledger names what maps its other pages, too.
        pages = machine.folios if compound is not None else None
        return (folio, compound, pages, machine.processes, machine.mms)
    if subject.kind == "slot":
        return (machine.slots.get(int(subject.thing[1:])), machine.folios)
    if subject.kind == "process":
        return (machine.processes, machine.mms)
    if subject.kind == "page":
        return (
            machine.tables, machine.folios, machine.compounds, machine.slots, machine.processes,
            machine.mms,
        )  # fmt: skip
    return (machine,)


# -- what led to it ---------------------------------------------------------------------------


class Cause(Struct, frozen=True):
    """What the engine said when it did this: `decided` by which rule, then what was `done`."""

    decided: Json | None
    done: Json | None


def cause_of(run: Run, step: int, history: History) -> Cause:
    """The events of a step that are about a thing: the last decision, and what followed from it.

    Nothing is invented: a step without an event about the thing has no cause but its text.
    """
    if step == 0:
        return Cause(None, None)
    played, before = run.steps[step], run.steps[step - 1].after
    about = About(history, step, before, played.after)
    every = played.events
    events = [event for event in every if event in about]
    done = next((e for e in reversed(events) if e.reason.kind not in QUIET), None)
    upto = every.index(done) if done is not None else len(every)
    decided = next(
        (
            e
            for e in reversed(every[:upto])
            if e.reason.kind == "decide" and (e in about or (done is not None and kin(e, done)))
        ),
        None,
    )
    if done is None and decided is None:
        # A drained batch, say, is told of once, not of each page that was in it.
        general = (e for e in reversed(every) if e.mm < 0 and e.pfn < 0 and e.slot < 0)
        done = events[-1] if events else next(general, None)
    actor = run.scenario.steps[step - 1].op.actor

    def told(event: Event | None) -> Json | None:
        return None if event is None else event_json(event, actor, before, played.after)

    return Cause(told(decided), told(done))


def kin(decided: Event, done: Event) -> bool:
    """Is this the decision that led there? It is about the same page, or the same frame."""
    here = decided.mm >= 0 and (decided.mm, decided.vpn) == (done.mm, done.vpn)
    return here or (decided.pfn >= 0 and decided.pfn == done.pfn)


class About:
    """Which events of a step are about a thing: by frame, swap slot and page."""

    def __init__(self, history: History, step: int, before: Machine, after: Machine) -> None:
        self.pfns: set[int] = set()
        self.slots: set[int] = set()
        self.place: tuple[int, int] | None = None
        self.mm: int | None = None
        subject = history.subject
        name = subject.thing
        for machine, values in ((before, history.before(step)), (after, history.at(step))):
            if subject.kind == "page":
                if (found := place_of(machine, name)) is not None:
                    mm, area, index = found
                    self.place = (mm, area.start + index)
                self.add((values or {}).get("frame"))
            elif subject.kind == "process":
                owner = machine.processes.get(name)
                self.mm = owner.mm if owner is not None and owner.mm >= 0 else self.mm
            elif subject.kind == "handle":
                for label in str((values or {}).get("frames", "")).split():
                    self.add(label)
            else:
                self.add(name)
            self.pfns |= {head for pfn in self.pfns if (head := head_of(machine, pfn)) >= 0}

    def add(self, label: Value) -> None:
        if isinstance(label, str) and label not in ZEROES_NAMES:
            (self.pfns if label[0] == "f" else self.slots).add(int(label[1:]))

    def __contains__(self, event: Event) -> bool:
        if self.mm is not None and event.mm == self.mm:
            return True
        if self.place is not None and event.mm >= 0:
            # A fork tells of the parent's page what is so for the child's: same frame, other mm.
            return (event.mm, event.vpn) == self.place or event.pfn in self.pfns
        return event.pfn in self.pfns or event.to in self.pfns or event.slot in self.slots


def head_of(machine: Machine, pfn: int) -> int:
    page: Folio | None = machine.folios.get(pfn)
    compound: Compound | None = None if page is None else machine.compounds.get(page.head)
    return -1 if page is None or compound is None else page.head
