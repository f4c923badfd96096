"""A run at one of its steps, ready to be continued: machine, audit and compiler."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

from msgspec import Struct

from app.engine import Machine, step
from app.engine.draft import Violation
from app.engine.operations import Exit, HandleRelease, HandleWrite, Operation
from app.engine.safety import Audit
from app.engine.step import Step
from app.scenario import Continuation, Scenario, units_of
from app.trace import Run
from app.trace.run import lines_of

from .alter import place_behind

Known = Audit
"""An audit as it stood after a step. Nobody may change it: `play` goes on with a copy."""


def follow(run: Run) -> tuple[Known, ...]:
    """The audit after each step, 0 to N. Plays the run once more: states are kept with it, which
    frames a step touched is not."""
    audit = Audit(run.policy)
    out = [copied(audit)]
    for number, source in enumerate(run.scenario.steps):
        done = step(run.steps[number].after, source.op, run.policy, explain=False)
        audit.after(done.after, done.touched, device=by_device(source.op))
        kept = copied(audit)
        last = out[-1]
        if kept.broken == last.broken:
            kept.broken = last.broken
        if kept.told == last.told:
            kept.told = last.told
        out.append(kept)
    return tuple(out)


def copied(audit: Audit) -> Audit:
    """An audit that goes on by itself, whatever it keeps."""
    out = copy(audit)
    for name, value in vars(audit).items():
        if isinstance(value, dict | set | list):
            setattr(out, name, value.copy())
    return out


class Tried(Struct, frozen=True):
    """One operation more, played: `step` and the violations that it brings."""

    step: Step
    violations: tuple[Violation, ...]


class Position:
    """What the machine, the audit and the compiler know after step `number`.

    Raises WithinBlock: the micro-steps of a `par` block are in its order.
    """

    def __init__(self, run: Run, known: tuple[Known, ...], number: int) -> None:
        scenario = run.scenario
        behind = place_behind(units_of(scenario), number)
        self.number = number
        self.policy = run.policy
        self.machine: Machine = run.steps[number].after
        self.known = known[number]
        self.next = Continuation(scenario, behind + 1)
        self.ended = dict(endings(scenario, number))

    def play(self, op: Operation) -> Tried:
        """Play an operation from here; the position stays. Raises NotModelled."""
        done = step(self.machine, op, self.policy)
        audit = copied(self.known)
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
