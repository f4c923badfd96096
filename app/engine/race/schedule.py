"""The schedule of a `par` block: one micro-step of one line, and the end of them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from app.engine import access, devices, kernel, tasks
from app.engine import operations as ops
from app.engine.draft import Draft
from app.engine.flight import Flight
from app.engine.outcome import Failed, NotModelled, Outcome
from app.engine.state import Present

from . import forking, gupfast, removing, storing, unmapping
from .traffic import (
    Program,
    Waits,
    await_process,
    await_threads,
    check_pte,
    filled,
    lock_mm,
    say,
    settle,
)

MICRO_STEPS: dict[str, Program] = {
    **gupfast.PROGRAM, **forking.PROGRAM, **unmapping.PROGRAM, **storing.PROGRAM,
    **removing.PROGRAM,
}  # fmt: skip

WHOLE: dict[type[ops.Operation], Callable[[Draft, Any], Outcome]] = {
    **tasks.HANDLERS, **devices.HANDLERS, **kernel.HANDLERS,
}  # fmt: skip

PATIENCE = 64
"""Rounds in which no line moves, after which the rest of a block is a deadlock."""


def micro(m: Draft, op: ops.Micro) -> Outcome:
    """One micro-step of line `op.line`. The outcome of the line is that of its last one."""
    if op.lines:
        m.flights = tuple(board(m, at, line) for at, line in enumerate(op.lines, 1))
    return advance(m, op.line)


def join(m: Draft, op: ops.Join) -> Outcome:
    """Run what is still on its way, line after line, and land."""
    patience = PATIENCE
    while any(f.at for f in m.flights) and patience:
        before = m.flights
        for f in before:
            while m.flights[f.line - 1].at:
                at = m.flights
                advance(m, f.line)
                if m.flights == at:
                    break
        patience = patience - 1 if m.flights == before else PATIENCE
    if not patience:
        raise NotModelled("a par block whose lines wait for each other")
    total = Outcome()
    for f in m.flights:
        total = together(total, f.outcome)
    m.flights = ()
    m.touched.update(m.folios)
    return total


def together(total: Outcome, done: Outcome) -> Outcome:
    """The last value read, the first error, all faults."""
    faults = total.faults
    if done.faults is not None:
        faults = (faults or 0) + done.faults
    return Outcome(
        value=done.value if done.value is not None else total.value,
        values=done.values if done.values is not None else total.values,
        error=total.error or done.error,
        faults=faults,
        reason="; ".join(filter(None, (total.reason, done.reason))),
    )


def board(m: Draft, line: int, op: ops.Operation) -> Flight:
    """A line at the block's start: the CPU of a load or store has used the page before.

    A vfork child has only begun to run: its TLB is cold.
    """
    f = Flight(line, op, mm=mm_of(m, op))
    if isinstance(op, ops.Write | ops.Read) and f.mm >= 0 and not m.processes[op.actor].vfork:
        area = m.mms[f.mm].areas.get(op.place.area)
        for vpn in access.pages_of(area, op.place) if area is not None else ():
            pte = m.pte(f.mm, vpn)
            if type(pte) is Present:
                f = filled(f, vpn, pte)
    return f


def mm_of(m: Draft, op: ops.Operation) -> int:
    task = m.processes.get(getattr(op, "process", op.actor))
    return task.mm if task is not None else -1


def advance(m: Draft, line: int) -> Outcome:
    f = m.flights[line - 1]
    if not f.at:
        say(m, "over", -1, -1, -1, line)
        return Outcome()
    try:
        done = MICRO_STEPS[f.at](m, f) if f.at != "start" else begin(m, f)
    except Waits as waits:
        say(m, "waits", -1, -1, -1, line, str(waits))
        return Outcome()
    except Failed as failed:
        done = replace(f, at="", outcome=Outcome(error=failed.error, reason=failed.reason))
    if not done.at:
        done = replace(done, mmap="", locks=(), detached=-1, unflushed=(), frozen=-1, child=-1,
                       pfn=-1)  # fmt: skip
    flights = list(m.flights)
    flights[line - 1] = done
    m.flights = tuple(flights)
    return Outcome() if done.at else done.outcome


def begin(m: Draft, f: Flight) -> Flight:
    """The first micro-step of the program that fits the line, or the whole of it."""
    if mm_of(m, f.op) != f.mm:
        f = replace(f, mm=mm_of(m, f.op))
    process = getattr(f.op, "process", f.op.actor)
    if process in m.processes:
        access.enter(m, process)
        await_process(m, f)
    started = program(m, f)
    if started is None:
        return whole(m, f)
    return MICRO_STEPS[started.at](m, started)


def program(m: Draft, f: Flight) -> Flight | None:
    """The line's program at its first micro-step, or None where it has none."""
    op = f.op
    started: Flight | None = None
    if (isinstance(op, ops.Pin | ops.Get) and op.fast) or type(op) is ops.Splice:
        started = gupfast.start(m, f)
    elif type(op) is ops.Fork:
        started = forking.start(m, f)
    elif isinstance(op, ops.Swapout | ops.Reclaim | ops.Migrate):
        lock_mm(m, f, "read")
        started = unmapping.start(m, f)
    elif type(op) is ops.Ksm:
        started = unmapping.scan(m, f)
    elif isinstance(op, ops.Write | ops.Read):
        started = storing.start(m, f)
    elif isinstance(op, ops.Munmap | ops.Exit) or advises(op, "dontneed"):
        started = removing.start_zap(m, f)
    elif type(op) is ops.UffdWp and op.on:
        started = removing.start_protect(m, f)
    elif type(op) is ops.Collapse or advises(op, "collapse"):
        started = removing.start_collapse(m, f)
    elif type(op) is ops.SplitPmd:
        started = removing.start_split(m, f)
    return started


def advises(op: ops.Operation, advice: str) -> bool:
    return type(op) is ops.Madvise and op.advice == advice


def whole(m: Draft, f: Flight) -> Flight:
    """An operation without micro-steps takes the mmap lock for write, and runs at once."""
    if f.mm >= 0:
        lock_mm(m, f, "write")
        if isinstance(f.op, ops.Exit | ops.Exec):
            await_threads(m, f)
        for vpn in m.tables[f.mm]:
            check_pte(m, f, f.mm, vpn if vpn >= 0 else ~vpn)
        for other in m.flights:
            if other.line != f.line and other.at:
                for mm, vpn in other.locks:
                    check_pte(m, f, mm, vpn)
    say(m, "whole", -1, -1, -1, f.line)
    try:
        outcome = WHOLE[type(f.op)](m, f.op)
    finally:  # A system call that fails in the end has done, and flushed, what came before.
        settle(m)
    return replace(f, at="", outcome=outcome)


HANDLERS: dict[type[ops.Operation], Callable[[Draft, Any], Outcome]] = {
    ops.Micro: micro,
    ops.Join: join,
}
