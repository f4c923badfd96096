"""A run at one of its steps, ready to be continued: machine, audit and compiler."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from app.engine import Machine, step
from app.engine.draft import Violation
from app.engine.operations import Exit, HandleRelease, Operation
from app.engine.step import Step
from app.scenario import Continuation, Scenario, units_of
from app.trace import Run
from app.trace.run import by_device, lines_of

from .alter import place_behind


class Ground:
    """What all positions in a run have in common: its units, and who ends where."""

    def __init__(self, scenario: Scenario) -> None:
        self.units = units_of(scenario)
        self.endings = tuple(endings(scenario))


class Tried(Struct, frozen=True):
    """One operation more, played: `step` and the violations that it brings."""

    step: Step
    violations: tuple[Violation, ...]


class Position:
    """What the machine, the audit and the compiler know after step `number`.

    Raises WithinBlock: the micro-steps of a `par` block are in its order.
    """

    def __init__(self, run: Run, ground: Ground, number: int) -> None:
        behind = place_behind(ground.units, number)
        self.number = number
        self.policy = run.policy
        self.machine: Machine = run.steps[number].after
        self.audit = run.audit(number)
        self.next = Continuation(run.scenario, behind + 1)
        self.ended = {name: words for at, name, words in ground.endings if at <= number}

    def play(self, op: Operation) -> Tried:
        """Play an operation from here; the position stays. Raises NotModelled."""
        done = step(self.machine, op, self.policy)
        found = self.audit.copy().after(done.after, done.written, device=by_device(op))
        return Tried(done, (*done.violations, *found))


def endings(scenario: Scenario) -> Iterator[tuple[int, str, str]]:
    """(step, name, in words) of every process and handle that goes away."""
    for at, source in enumerate(scenario.steps, 1):
        for op in lines_of(source.op):
            if type(op) is HandleRelease:
                yield at, op.actor, f"{op.actor} was released at step {at}."
            elif type(op) is Exit:
                yield at, op.actor, f"{op.actor} exited at step {at}."
