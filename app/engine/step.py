"""One operation at a time: `step()` is pure, and the only way to change a machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from . import devices, kernel, mmu, tasks
from . import operations as ops
from .done import Step as Step
from .draft import Draft, OutOfMemory
from .operations import Operation
from .outcome import Failed, NotModelled, Outcome
from .policy import Policy
from .race import schedule
from .state import Machine

Handler = Callable[[Draft, Any], Outcome]

HANDLERS: dict[type[Operation], Handler] = {
    **tasks.HANDLERS, **devices.HANDLERS, **kernel.HANDLERS, **schedule.HANDLERS,
}  # fmt: skip

ACCESSES: dict[type[Operation], Callable[[Machine, Any], Step | None]] = {
    ops.Read: mmu.load, ops.Write: mmu.store,
}  # fmt: skip


def par(m: Draft, op: ops.Par) -> Outcome:
    """A `par` block without a schedule: its lines one after the other (`scenario-language.md`).

    The outcome has the last value read, the first error, and all faults.
    """
    total = Outcome()
    for line in op.lines:
        try:
            done = HANDLERS[type(line)](m, line)
        except Failed as failed:
            done = Outcome(error=failed.error, reason=failed.reason)
        m.clock += 1
        total = schedule.together(total, done)
    return total


HANDLERS[ops.Par] = par


def step(machine: Machine, op: Operation, policy: Policy, *, explain: bool = True) -> Step:
    """Run one operation: the same three arguments always give the same step.

    What a kernel answers with a signal or errno is an outcome. Raises NotModelled for an
    operation of the language that the machine does not have yet.
    """
    kind = type(op)
    if kind in ACCESSES and (hit := ACCESSES[kind](machine, op)) is not None:
        return hit
    handler = HANDLERS.get(kind)
    if handler is None:
        raise NotModelled(kind.__name__.lower())
    m = Draft(machine, policy, explain=explain)
    try:
        outcome = handler(m, op)
    except Failed as failed:
        outcome = Outcome(error=failed.error, reason=failed.reason)
    except OutOfMemory:
        m = Draft(machine, policy, explain=explain)
        outcome = Outcome(error="ENOMEM", reason="no free page frame")
    if m.copies != machine.copies:
        outcome = replace(outcome, copies=m.copies - machine.copies)
    return Step(
        m.publish(),
        outcome,
        tuple(m.events) if m.events else (),
        tuple(m.violations) if m.violations else (),
        m.touched,
    )
