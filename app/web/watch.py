"""Watched fields over all steps: a row each, in the columns of the timeline above."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from .blame import Watched
from .marks import text
from .timeline import LEFT, RIGHT, WIDTH, window

PITCH = 24
LETTER = 7.3
LABEL = 14
"""Letters of a name that fit left of the columns."""


def listed(watched: tuple[Watched, ...], step: int) -> tuple[tuple[Watched, str, str], ...]:
    """(field, its value at a step, the value before if this step changed it) where the timeline
    has no room; "" is none."""
    out = []
    for field in watched:
        upto = [(at, value) for at, value in field.values if at <= step]
        now = upto[-1][1] if upto else ""
        was = upto[-2][1] if len(upto) > 1 and upto[-1][0] == step else ""
        out.append((field, now, was))
    return tuple(out)


def draw(watched: tuple[Watched, ...], current: int, last: int, base: str) -> str:
    """Values where they change; between them a line for as long as the thing is there."""
    if not watched:
        return ""
    low, high = window(last, current)
    dx = (WIDTH - LEFT - RIGHT) / max(1, high - low)
    height = PITCH * len(watched) + 2

    def at(step: int) -> float:
        return LEFT + dx * (step - low)

    out = [
        f'<rect class="tl-cur" x="{at(current) - dx / 2:.1f}" y="0" width="{dx:.1f}" '
        f'height="{height}"/>'
    ]
    for index, field in enumerate(watched):
        out.append(row(field, PITCH * index + PITCH / 2, low, high, dx, at, current, base))
    return (
        f'<svg class="tl watch" viewBox="0 0 {WIDTH} {height}" role="group" '
        f'aria-label="watched fields, steps {low} to {high}">{"".join(out)}</svg>'
    )


def row(
    field: Watched, y: float, low: int, high: int, dx: float,
    at: Callable[[int], float], current: int, base: str,
) -> str:  # fmt: skip
    name = field.subject if len(field.subject) <= LABEL else f"{field.subject[: LABEL - 1]}…"
    out = [
        f'<a href="?sel={escape(field.subject)}" aria-label="select {escape(field.subject)}">'
        f"<title>{escape(field.subject)}: {escape(field.words)}</title>"
        f"{text(0, y + 4, name, 'tl-lane')}</a>"
    ]
    edges = [*(step for step, _ in field.values), high + 1]
    for (step, value), until in zip(field.values, edges[1:], strict=True):
        start, end = max(step, low), min(until, high)
        if until <= low or step > high:
            continue
        if value:
            to = at(end) if until > high else at(end) - dx / 2
            line = f"M{at(start):.1f} {y:g}H{to:.1f}"
            out.append(f'<path class="w-line{" fut" if step > current else ""}" d="{line}"/>')
        out.append(cell(field, step, value, at(start), (end - start) * dx, y, current, base))
    drop = f"stop watching {escape(field.subject)}"
    out.append(
        f'<a href="?watch={escape(field.without)}" aria-label="{drop}">'
        f'<rect class="hit" x="{WIDTH - 26}" y="{y - 11:g}" width="24" height="22"/>'
        f"{text(WIDTH - 14, y + 4, '×', 'mid')}</a>"
    )
    return "".join(out)


def cell(
    field: Watched, step: int, value: str, x: float, room: float, y: float, current: int, base: str
) -> str:
    """A change: its new value in a box, or a tick where there is no room to print it."""
    shown = value if len(value) <= 12 else f"{value[:11]}…"
    width = LETTER * len(shown or "–") + 8
    words = f"{field.subject} {value or 'is gone'} at step {step}"
    css = "w-cell fut" if step > current else "w-cell"
    inside = (
        f'<rect class="w-box" x="{x - width / 2:.1f}" y="{y - 9:g}" width="{width:.1f}" '
        'height="18"/>'
        f"{text(round(x, 1), y + 4, shown or '–', 'mid w-value')}"
        if room >= width or room == 0
        else f'<path class="w-tick" d="M{x:.1f} {y - 7:g}v14"/>'
    )
    return (
        f'<a class="{css}" href="{base}/{step}" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{inside}</a>"
    )
