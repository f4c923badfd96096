"""A text with steps taken out or put in: what still makes sense, and why the rest does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from app.scenario import (
    Continuation,
    Scenario,
    ScenarioError,
    ScenarioErrors,
    Unit,
    parse,
    units_of,
)

SHOWN = 100
"""Of more errors than these the compiler only tells how many there are."""
SWITCHED_OFF = "switched off"


class WithinBlock(ValueError):
    """A `par` block runs after this step; `end` is the step at whose end it is over."""

    def __init__(self, step: int, end: int) -> None:
        super().__init__(
            f"Step {step} is within a par block, whose order says what comes next. "
            f"A branch can leave after step {end}."
        )
        self.step = step
        self.end = end


class Altered(Struct, frozen=True):
    """What is left of a scenario. Lines keep their numbers.

    scenario     what can still be played, or None when no step is left
    impossible   index of a unit -> what the compiler says of its first bad line
    expects      lines of expectations that make no sense any more
    """

    scenario: Scenario | None
    impossible: dict[int, ScenarioError]
    expects: frozenset[int]


def without_lines(text: str, lines: Collection[int]) -> str:
    """The text with these lines empty."""
    return "\n".join(
        "" if number in lines else line for number, line in enumerate(text.split("\n"), 1)
    )


def alter(text: str, first: str, units: tuple[Unit, ...], off: Collection[int] = ()) -> Altered:
    """Take units out of a text, and with them whatever the compiler then refuses.

    An expectation goes with its step. `first` is the process that exists from the start. Raises
    ScenarioErrors for errors that are in no unit, such as a text that is too long.
    """
    impossible: dict[int, ScenarioError] = {}
    expects: set[int] = set()
    while True:
        gone = {*off, *impossible}
        lines = {n for at in gone for n in (*units[at].lines, *units[at].expects)} | expects
        try:
            return Altered(
                parse(without_lines(text, lines), first=first), impossible, frozenset(expects)
            )
        except ScenarioErrors as found:
            if len(gone) == len(units):
                return Altered(None, impossible, frozenset(expects))
            if not blame(found.errors[:SHOWN], units, impossible, expects):
                raise


def blame(
    errors: tuple[ScenarioError, ...],
    units: tuple[Unit, ...],
    impossible: dict[int, ScenarioError],
    expects: set[int],
) -> bool:
    """Give each error to the unit or the expectation on its line. Is there any that has one?"""
    owner = {line: at for at, unit in enumerate(units) for line in unit.lines}
    known = {line for unit in units for line in unit.expects}
    found = False
    for error in errors:
        if error.line in owner:
            impossible.setdefault(owner[error.line], error)
            found = True
        elif error.line in known:
            expects.add(error.line)
            found = True
    return found


def commented(text: str, reasons: Mapping[int, str]) -> str:
    """The text with these lines as comments, each with its reason; "" gives none."""
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        if number in reasons:
            indent = line[: len(line) - len(line.lstrip())]
            reason = f"  ({reasons[number]})" if reasons[number] else ""
            out.append(f"{indent}# {line.strip()}{reason}")
        else:
            out.append(line)
    return "\n".join(out)


def reasons_of(
    units: tuple[Unit, ...], altered: Altered, off: Collection[int] = ()
) -> dict[int, str]:
    """For `commented`: every line that an alteration takes out, with its reason."""
    out: dict[int, str] = {}
    why = {at: error.message for at, error in altered.impossible.items()}
    for at in sorted({*off, *why}):
        unit = units[at]
        for line in unit.lines:
            out[line] = why.get(at, SWITCHED_OFF) if line == unit.first else ""
        for line in unit.expects:
            out[line] = "its step is not played"
    for line in altered.expects:
        out[line] = "what it asks about is not there"
    return out


def place_behind(units: tuple[Unit, ...], step: int) -> int:
    """The last line that belongs to a step. Raises WithinBlock.

    Before the first step it is the line before the first unit.
    """
    if step == 0:
        return units[0].first - 1
    unit = next(unit for unit in units if unit.end >= step)
    if unit.end != step:
        raise WithinBlock(step, unit.end)
    return unit.behind


def branch_text(scenario: Scenario, step: int, line: str, *, keep: bool) -> str:
    """The text up to a step, a new line, and with `keep` the rest.

    What of the rest makes no sense behind the new line becomes a comment with the reason. Raises
    ScenarioErrors when the line makes no sense, and WithinBlock.
    """
    units = units_of(scenario)
    behind = place_behind(units, step)
    Continuation(scenario, behind + 1).compile(line)
    lines = scenario.text.split("\n")
    head = [*lines[:behind], line.strip()]
    if not keep:
        text = "\n".join(head)
        parse(text, first=scenario.first)
        return text
    text = "\n".join([*head, *lines[behind:]])
    fresh = parse(without_lines(text, range(behind + 2, len(lines) + 2)), first=scenario.first)
    moved = tuple(shifted(unit) for unit in units if unit.first > behind)
    units = (*units_of(fresh), *moved)
    altered = alter(text, scenario.first, units)
    return commented(text, reasons_of(units, altered))


def shifted(unit: Unit) -> Unit:
    """A unit one line further down."""
    return Unit(
        unit.first + 1, unit.last + 1, unit.begin + 1, unit.end + 1,
        tuple(line + 1 for line in unit.expects), unit.behind + 1, unit.text,
    )  # fmt: skip
