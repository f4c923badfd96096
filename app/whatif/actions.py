"""The steps that could come next, each really played: what it would do, or why it cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.engine import Machine
from app.engine.outcome import NotModelled
from app.scenario import ScenarioErrors
from app.trace import Run
from app.trace.explain import event_json

from .candidates import Candidate, Proposer
from .position import Ground, Position, Tried
from .words import told

TELLING = 9
"""Actions that have a number, one for each digit."""
OF_ONE_VERB = 2
SMALL = 4096
"""Folios up to which two machines are compared value by value."""
FAMILIAR = {
    "write": 25, "handle read": 25, "handle write": 25, "fork": 22, "pin": 20, "swapout": 20,
    "splice": 20, "read": 12, "munmap": 12, "migrate": 8, "get": 5, "exit": 5, "release": 5,
    "vm_read": -40, "vm_write": -40, "ptrace_read": -40, "ptrace_write": -40, "dio_write": -30,
    "dio_read": -30, "vfork": -20, "madvise": -15, "mlock": -30,
}  # fmt: skip
"""What people look for first weighs more."""

State = Literal["possible", "refused", "idle", "impossible"]


class Action(Struct, frozen=True):
    """A line that may come next.

    state       possible: it changes something or reads. refused: it may be played, and fails or is
                declined. idle: it changes nothing. impossible: the language has no such step here
    words       what it would do, or why not
    violations  properties that it would violate
    here        is it what the run itself does next?
    """

    text: str
    group: str
    verb: str
    state: State
    words: str
    violations: tuple[str, ...] = ()
    weight: int = 0
    here: bool = False


class Actions(Struct, frozen=True):
    """Everything asked at one step. `telling` has a number each; `groups` has all of them.

    `left_out` are lines that nobody tried: they are about too many pages.
    """

    step: int
    telling: tuple[Action, ...]
    impossible: tuple[Action, ...]
    groups: tuple[tuple[str, tuple[Action, ...]], ...]
    left_out: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Action, ...]:
        return tuple(action for _, actions in self.groups for action in actions)


def actions_at(run: Run, ground: Ground, number: int, room: int) -> Actions:
    """Ask about every candidate after step `number`, while their pages sum up to `room`.

    Raises WithinBlock.
    """
    position = Position(run, ground, number)
    steps = run.scenario.steps
    goes_on = steps[number].text if number < len(steps) else ""
    candidates = {c.text: c for c in Proposer(position.machine, position.next.names).all()}
    chosen = affordable(candidates.values(), room)
    found = tuple(
        ask(position, candidate, goes_on)
        for text, candidate in candidates.items()
        if text in chosen
    )
    groups: dict[str, list[Action]] = {}
    for action in found:
        groups.setdefault(action.group, []).append(action)
    return Actions(
        number,
        telling_of(found),
        tuple(action for action in found if action.state == "impossible"),
        tuple((name, tuple(actions)) for name, actions in groups.items()),
        left_out=tuple(text for text in candidates if text not in chosen),
    )


def affordable(candidates: Iterable[Candidate], room: int) -> set[str]:
    """What `room` pages allow to play: all that is about one page, then what is looked for."""
    out = set()
    for candidate in sorted(candidates, key=lambda c: (c.pages > 1, -FAMILIAR.get(c.verb, 0))):
        if candidate.pages == 1 or candidate.pages <= room:
            room -= candidate.pages
            out.add(candidate.text)
    return out


def ask(position: Position, candidate: Candidate, goes_on: str = "") -> Action:
    """Compile and play one line from a position."""
    shown = Action(candidate.text, candidate.group, candidate.verb, "impossible", "")
    try:
        text, op = position.next.compile(candidate.text)
        tried = position.play(op)
    except ScenarioErrors as found:
        ended = position.ended.get(candidate.text.split()[0])
        return replace(shown, words=ended or why_not(found))
    except NotModelled as missing:
        return replace(shown, words=f"{missing.what}: not modelled yet")
    before, done = position.machine, tried.step
    words, weight = told(
        text, done.outcome, done.events, tried.violations,
        lambda event: event_json(event, op.actor, before, done.after),
    )  # fmt: skip
    return replace(
        shown,
        text=text,
        state=state_of(before, tried),
        words=words,
        violations=tuple(dict.fromkeys(v.kind for v in tried.violations)),
        weight=weight,
        here=text == goes_on,
    )


def why_not(found: ScenarioErrors) -> str:
    error = found.errors[0]
    return f"{error.message} {error.hint}".strip()


def state_of(before: Machine, tried: Tried) -> State:
    """By what the engine did, not by what the line says."""
    outcome, after = tried.step.outcome, tried.step.after
    if outcome.error:
        return "refused"
    changed = differs(before, after)
    if outcome.reason:
        # LRU batches are drained even for a page that then must stay.
        return "possible" if changed and not only_batches(before, after) else "refused"
    return "possible" if changed or outcome.value is not None or outcome.values else "idle"


def differs(before: Machine, after: Machine) -> bool:
    """Is anything but the clock another value? Of large machines it is enough that it is new."""
    for name in after.__struct_fields__:
        mine, theirs = getattr(before, name), getattr(after, name)
        if name != "clock" and mine is not theirs:
            if len(before.folios) > SMALL and name in ("folios", "tables", "ghosts"):
                return True
            if mine != theirs:
                return True
    return False


def only_batches(before: Machine, after: Machine) -> bool:
    return before.slots is after.slots and before.tables is after.tables


def telling_of(found: Iterable[Action]) -> tuple[Action, ...]:
    """The actions with a number: the most telling first, of each verb two at most, by two actors.

    What the run itself does next is among them.
    """
    out: list[Action] = []
    verbs: dict[str, list[str]] = {}
    order = sorted(found, key=lambda a: (not a.here, -a.weight - FAMILIAR.get(a.verb, 0)))
    for action in order:
        by = verbs.setdefault(action.verb, [])
        if action.state != "possible" or len(by) == OF_ONE_VERB or action.group in by:
            continue
        by.append(action.group)
        out.append(action)
        if len(out) == TELLING:
            break
    return tuple(out)
