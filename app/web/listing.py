"""The scenario's text beside the drawing: a line for each step, with its number and what it does.

A line of a `par` block with an order is played in several steps. It shows the one that is now, or
else the next of them.
"""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup, escape
from msgspec import Struct

from app.service import LoadedRun

from .plan import Plan


class Line(Struct, frozen=True):
    """A line of the scenario. `step` is the one that it shows, 0 for a line that is none; `css`
    "rem", "fut", "".
    """

    text: str
    step: int
    html: Markup
    css: str
    current: bool


@lru_cache(maxsize=4096)
def body_of(base: str, text: str, step: int, mark: str, bad: bool) -> Markup:
    """Number, text, mark and switch of a line; `step` is 0 for a line that is none."""
    words = escape(text)
    shown = (
        f'<a href="{escape(base)}/{step}" title="{words}">{words}</a>'
        if step
        else f'<span class="c" title="{words}">{words}</span>'
    )
    marked = f'<span class="mk{" bad" if bad else ""}">{escape(mark)}</span>' if mark else ""
    switch = (
        f'<a class="switch" href="{escape(base)}/without/{step}" rel="nofollow" '
        f'aria-label="Without step {step}" title="What if step {step} were left out?"></a>'
        if step
        else ""
    )
    return Markup(f'<span class="ln">{step or ""}</span>{shown}{marked}{switch}')


def lines_of(
    loaded: LoadedRun, plan: Plan, base: str, number: int, first: int, last: int
) -> tuple[tuple[Line, ...], int, int]:
    """The scenario's lines around the current step, and how many are left out on each side."""
    scenario = loaded.run.scenario
    shown = [source.line for source in scenario.steps[max(0, first - 1) : last]]
    low = min(shown) if first > 0 else 1
    high = max(shown) if last < loaded.last else len(plan.text)
    out = []
    for at in range(low, high + 1):
        text, played = plan.text[at - 1]
        step = next((n for n in played if n >= number), played[-1] if played else 0)
        tick = plan.timeline.ticks[step - 1] if step else None
        css = "rem" if not played else "fut" if played[0] > number else ""
        mark = (tick.glyph if tick and tick.marked else "") or ""
        text = text or " "
        bad = bool(tick and tick.bad)
        html = body_of(base, text, step, f"✗ {tick.bad}" if tick and bad else mark, bad)
        out.append(Line(text, step, html, css, bool(step) and step == number))
    return tuple(out), low - 1, len(plan.text) - high
