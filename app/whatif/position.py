"""A run at one of its steps, ready to be continued: machine, audit and compiler."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from app.engine import Machine, boot, step
from app.engine.draft import Violation
from app.engine.operations import Exit, HandleRelease, HandleWrite, Operation
from app.engine.policy import Policy
from app.engine.safety import Audit
from app.engine.step import Step
from app.scenario import Continuation, Scenario, units_of
from app.trace.run import lines_of

from .alter import place_behind


class Tried(Struct, frozen=True):
    """One operation more, played: `step` and the violations that it brings."""

    step: Step
    violations: tuple[Violation, ...]


class Position:
    """What the machine, the audit and the compiler know after step `number`."""

    def __init__(self, scenario: Scenario, policy: Policy, number: int, line: int) -> None:
        self.number = number
        self.policy = policy
        self.machine: Machine = boot(scenario.config, scenario.first)
        self.audit = Audit(policy)
        for source in scenario.steps[:number]:
            done = step(self.machine, source.op, policy, explain=False)
            self.machine = done.after
            self.audit.after(self.machine, done.touched, device=by_device(source.op))
        self.next = Continuation(scenario, line)
        self.ended = dict(endings(scenario, number))

    def play(self, op: Operation) -> Tried:
        """Play an operation from here; the position stays. Raises NotModelled."""
        done = step(self.machine, op, self.policy)
        audit = Audit(self.policy)
        audit.broken = dict(self.audit.broken)
        audit.told = set(self.audit.told)
        found = audit.after(done.after, done.touched, device=by_device(op))
        return Tried(done, (*done.violations, *found))


def endings(scenario: Scenario, number: int) -> Iterator[tuple[str, str]]:
    """(name, in words) of every process and handle that is gone after step `number`."""
    for at, source in enumerate(scenario.steps[:number], 1):
        for op in lines_of(source.op):
            if type(op) is HandleRelease:
                yield op.actor, f"{op.actor} was released at step {at}."
            elif type(op) is Exit:
                yield op.actor, f"{op.actor} exited at step {at}."


def by_device(op: Operation) -> bool:
    """Does a device store in this step?"""
    return any(type(one) is HandleWrite for one in lines_of(op))


def position_of(scenario: Scenario, policy: Policy, number: int) -> Position:
    """Raises WithinBlock: the micro-steps of a `par` block are in its order."""
    return Position(scenario, policy, number, place_behind(units_of(scenario), number) + 1)
