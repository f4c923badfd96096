"""A text in the parts that can be taken out of it: a step, or a whole `par` block."""

from __future__ import annotations

from msgspec import Struct

from .scenario import Scenario, spelled
from .text import Line, lines_of, split_head


class Unit(Struct, frozen=True):
    """One step, or a `par` block with its order. Lines count from 1, as steps do.

    first, last   its lines
    begin, end    its first and its last step: a block with an order has one for each micro-step
    expects       lines of the expectations behind it
    behind        the last line that is about it: its own, an expectation's or a note's
    text          its lines without comments, in canonical spelling, joined
    """

    first: int
    last: int
    begin: int
    end: int
    expects: tuple[int, ...]
    behind: int
    text: str

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)


def units_of(scenario: Scenario) -> tuple[Unit, ...]:
    """The units of a scenario in order; together they have all its steps."""
    _, body = split_head(lines_of(scenario.text, []), [])
    out: list[Unit] = []
    at = 0
    for first, last, text in extents(body):
        begin = at + 1
        while at < len(scenario.steps) and first <= scenario.steps[at].line <= last:
            at += 1
        step = scenario.steps[at - 1]
        expects = tuple(e.line for e in step.expects)
        behind = max((last, *expects, *(note.line for note in step.notes)))
        out.append(Unit(first, last, begin, at, expects, behind, text))
    return tuple(out)


def extents(body: list[Line]) -> list[tuple[int, int, str]]:
    """(first line, last line, text) of everything that is a step."""
    out = []
    at = 0
    while at < len(body):
        opening = body[at]
        at += 1
        if opening.text.split(None, 1)[0] in ("expect", "note"):
            continue
        words = [spelled(opening.text)]
        if opening.text == "par":
            while at < len(body) and body[at].indent > opening.indent:
                words.append(f"  {spelled(body[at].text)}")
                at += 1
            if at < len(body) and body[at].text.startswith("order:"):
                words.append(body[at].text)
                at += 1
        out.append((opening.number, body[at - 1].number, "\n".join(words)))
    return out
