"""A scenario as it is made smaller: header lines and units, each a text of its own."""

from __future__ import annotations

from msgspec import Struct

from app.engine import boot, step
from app.engine.audit import Audit
from app.engine.outcome import NotModelled
from app.engine.policy import Policy
from app.scenario import Scenario, ScenarioErrors, parse, units_of
from app.trace.run import by_device


class Piece(Struct, frozen=True):
    """A unit of the program, and the index `at` of the run's unit that it was made of."""

    at: int
    text: str


class Program(Struct, frozen=True):
    """`units` are steps, or whole `par` blocks; `first` exists from the start."""

    head: tuple[str, ...]
    units: tuple[Piece, ...]
    first: str

    @property
    def text(self) -> str:
        return "\n".join((*self.head, *(unit.text for unit in self.units)))


class Target(Struct, frozen=True):
    """The violation that has to stay, under a policy."""

    policy: Policy
    kind: str
    predicate: str


def possible(program: Program) -> tuple[Program, Scenario] | None:
    """The program without what the compiler refuses; None when nothing is left."""
    text, first = program.text, program.first
    try:
        return program, parse(text, first=first)
    except ScenarioErrors:
        pass
    left = [*program.units]
    while left:
        trial = Program(program.head, tuple(left), first)
        try:
            return trial, parse(trial.text, first=first)
        except ScenarioErrors as found:
            owners = owners_of(trial)
            bad = {owners[error.line] for error in found.errors if error.line in owners}
        if not bad:
            return None
        left = [unit for at, unit in enumerate(left) if at not in bad]
    return None


def owners_of(program: Program) -> dict[int, int]:
    """Line of the text -> index of its unit."""
    out: dict[int, int] = {}
    line = len(program.head)
    for at, unit in enumerate(program.units):
        for _ in unit.text.split("\n"):
            line += 1
            out[line] = at
    return out


def breaks_at(scenario: Scenario, target: Target) -> int | None:
    """The first step that breaks the target's predicate. Nothing behind it is played."""
    machine = boot(scenario.config, scenario.first)
    audit = Audit(target.policy)
    for number, source in enumerate(scenario.steps, 1):
        try:
            done = step(machine, source.op, target.policy, explain=False)
        except NotModelled:
            return None
        machine = done.after
        device = by_device(source.op)
        found = (*done.violations, *audit.after(machine, done.written, device=device))
        if any(v.kind == target.kind and v.predicate == target.predicate for v in found):
            return number
    return None


def up_to(program: Program, scenario: Scenario, number: int) -> Program:
    """The program up to the unit of a step."""
    count = sum(unit.begin <= number for unit in units_of(scenario))
    return Program(program.head, program.units[:count], program.first)
