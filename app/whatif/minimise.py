"""The shortest scenario that still shows a violation: delta debugging, checked by the engine.

Steps first (ddmin: A. Zeller, R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input,
2002), then smaller words: fewer pages, plainer options, smaller values, first names. Taking a step
out takes along whatever the compiler then refuses. Deterministic: the budget counts work, not time.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from app.scenario import Scenario, units_of
from app.trace import Run

from .program import Piece, Program, Target, breaks_at, possible, up_to
from .shrink import cost, smaller

KNOBS = ("huge", "swap", "cpus", "memory")
"""Headers that change what the machine does; the others say nothing to it."""


class NotBroken(ValueError):
    """The run does not violate the property; `broken` are those that it does violate."""

    def __init__(self, kind: str, broken: tuple[str, ...]) -> None:
        has = f"It violates {', '.join(broken)}." if broken else "It violates nothing."
        super().__init__(f"This run does not violate {kind}. {has}")
        self.kind = kind
        self.broken = broken


class Minimised(Struct, frozen=True):
    """A shorter scenario with the same violation.

    text          the scenario; its last step violates, and an expectation says so
    minimal       can no single step be left out? False when the budget ended before that was known
    tried, spent, budget   scenarios played, and the page-steps of it
    kept, removed (step, text) of the run's units that are left, whatever their words are now, and
                  of those that are not
    """

    kind: str
    predicate: str
    text: str
    steps: int
    minimal: bool
    tried: int
    spent: int
    budget: int
    kept: tuple[tuple[int, str], ...]
    removed: tuple[tuple[int, str], ...]


class Exhausted(Exception):
    """The budget has ended."""


class Search:
    """Tries programs; keeps the best so far and what it cost to find."""

    def __init__(
        self, best: Program, target: Target, budget: int, weigh: Callable[[Scenario], int]
    ) -> None:
        self.best = best
        self.target = target
        self.budget = budget
        self.weigh = weigh
        self.tried = 0
        self.spent = 0
        self.known: set[str] = set()

    def better(self, trial: Program) -> bool:
        """Does the trial still violate? Then it is the best now, without what it does not need.

        Raises Exhausted.
        """
        if trial.text in self.known:
            return False
        self.known.add(trial.text)
        found = possible(trial)
        if found is None:
            return False
        program, scenario = found
        work = self.weigh(scenario)
        if self.spent + work > self.budget:
            raise Exhausted
        self.spent += work
        self.tried += 1
        number = breaks_at(scenario, self.target)
        if number is None:
            return False
        program = up_to(program, scenario, number)
        if cost(program) >= cost(self.best):
            return False
        self.best = program
        return True

    def fewer_steps(self) -> None:
        """ddmin: ends when no single unit can be left out."""
        parts = 2
        while len(self.best.units) > 1:
            units = self.best.units
            size = -(-len(units) // parts)
            if any(self.better(self.left_out(at, size)) for at in range(0, len(units), size)):
                parts = max(parts - 1, 2)
            elif size == 1:
                return
            else:
                parts = min(parts * 2, len(units))

    def left_out(self, at: int, size: int) -> Program:
        units = self.best.units
        return Program(self.best.head, (*units[:at], *units[at + size :]), self.best.first)

    def smaller_words(self) -> bool:
        """Take the first proposal that holds, until none does. Was there any?"""
        any_held = False
        while any(self.better(trial) for trial in smaller(self.best)):
            any_held = True
        return any_held

    def run(self) -> bool:
        """Was the end reached within the budget?"""
        try:
            self.fewer_steps()
            while self.smaller_words():
                self.fewer_steps()
        except Exhausted:
            return False
        return True


def target_of(run: Run, kind: str) -> tuple[Target, int]:
    """The first violation of a kind, and its step. Raises NotBroken."""
    number = run.verdicts.get(kind)
    if number is None:
        raise NotBroken(kind, tuple(k for k, at in run.verdicts.items() if at is not None))
    found = next(v for v in run.steps[number].violations if v.kind == kind)
    return Target(run.policy, kind, found.predicate), number


def minimise(run: Run, kind: str, budget: int, weigh: Callable[[Scenario], int]) -> Minimised:
    """The shortest scenario found that violates what the run violates, under its policy.

    `weigh` is the work of playing a scenario, `budget` the work of all plays together. Raises
    NotBroken.
    """
    target, number = target_of(run, kind)
    scenario = run.scenario
    units = units_of(scenario)
    whole = Program(
        knobs(scenario),
        tuple(Piece(at, unit.text) for at, unit in enumerate(units)),
        scenario.first,
    )
    start = up_to(whole, scenario, number)
    search = Search(start, target, budget, weigh)
    minimal = search.run()
    left = {piece.at for piece in search.best.units}
    return Minimised(
        kind,
        target.predicate,
        titled(scenario, search.best, kind),
        len(search.best.units),
        minimal,
        search.tried,
        search.spent,
        budget,
        tuple((units[piece.at].begin, units[piece.at].text) for piece in search.best.units),
        tuple((unit.begin, unit.text) for at, unit in enumerate(units) if at not in left),
    )


def knobs(scenario: Scenario) -> tuple[str, ...]:
    """The header lines that the machine knows of, as they stand."""
    first = units_of(scenario)[0].first
    lines = scenario.text.split("\n")[: first - 1]
    named = ((line.split("#")[0].strip(), line.strip().split(":")[0].strip()) for line in lines)
    return tuple(text for text, key in named if text and key in KNOBS)


def titled(scenario: Scenario, best: Program, kind: str) -> str:
    title = f"title: {scenario.title}, minimised" if scenario.title else ""
    head = [line for line in (title, *best.head) if line]
    return "\n".join([*head, *(unit.text for unit in best.units), f"expect violation {kind}"])
