"""One operation at a time: `step()` is pure, and the only way to change a machine."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from . import devices, kernel, mmu, tasks
from . import operations as ops
from .draft import Draft, Event, OutOfMemory, Violation
from .operations import Operation
from .outcome import Failed, NotModelled, Outcome
from .policy import Policy
from .race import schedule
from .state import Machine

Handler = Callable[[Draft, Any], Outcome]

HANDLERS: dict[type[Operation], Handler] = {
    **tasks.HANDLERS, **devices.HANDLERS, **kernel.HANDLERS, **schedule.HANDLERS,
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
NOTHING: AbstractSet[int] = frozenset()


class Step(Struct, frozen=True, gc=False):
    """What one operation did. `touched` are the frames whose folio it wrote or freed, and
    the slots (as ~slot) whose count it changed."""

    after: Machine
    outcome: Outcome
    events: tuple[Event, ...]
    violations: tuple[Violation, ...]
    touched: AbstractSet[int]


def step(machine: Machine, op: Operation, policy: Policy, *, explain: bool = True) -> Step:
    """Run one operation: the same three arguments always give the same step.

    What a kernel answers with a signal or errno is an outcome. Raises NotModelled for an
    operation of the language that the machine does not have yet.
    """
    if type(op) is ops.Read:
        if (hit := mmu.load(machine, op)) is not None:
            return Step(*hit, (), (), NOTHING)
    elif type(op) is ops.Write and (stored := mmu.store(machine, op)) is not None:
        after, done, pfn = stored
        return Step(after, done, (), (), {pfn})
    handler = HANDLERS.get(type(op))
    if handler is None:
        raise NotModelled(type(op).__name__.lower())
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
