"""The scenario's text beside the drawing: a line for each step, with what it does."""

from __future__ import annotations

from msgspec import Struct

from app.service import LoadedRun

from .plan import Plan


class Line(Struct, frozen=True):
    """A line of the scenario. `step` is 0 for a line that is none; `css` "rem", "fut", "" ."""

    number: int
    text: str
    step: int
    css: str
    mark: str
    bad: bool
    current: bool


def lines_of(
    loaded: LoadedRun, plan: Plan, number: int, first: int, last: int
) -> tuple[tuple[Line, ...], int, int]:
    """The scenario's lines around the current step, and how many are left out on each side."""
    scenario = loaded.run.scenario
    steps = {source.line: i for i, source in enumerate(scenario.steps, 1)}
    texts = scenario.text.split("\n")
    low = scenario.steps[first - 1].line if first > 0 else 1
    high = scenario.steps[last - 1].line if last < loaded.last else len(texts)
    out = []
    for at in range(low, high + 1):
        step = steps.get(at, 0)
        tick = plan.timeline.ticks[step - 1] if step else None
        css = "rem" if not step else "fut" if step > number else ""
        mark = (tick.glyph if tick and tick.marked else "") or ""
        out.append(
            Line(
                number=at,
                text=texts[at - 1] or " ",
                step=step,
                css=css,
                mark=f"✗ {tick.bad}" if tick and tick.bad else mark,
                bad=bool(tick and tick.bad),
                current=bool(step) and step == number,
            )
        )
    return tuple(out), low - 1, len(texts) - high
