"""Lanes over time: one for each process and handle, one for the kernel; every kind of step has
its own shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import Struct

from .marks import MANY, escape, octagon, text
from .ticks import Lane, Tick, Timeline

WIDTH, LEFT, RIGHT = 1392, 112, 56
"""The columns run from LEFT to WIDTH - RIGHT; the style sheet puts the scrubber's thumb there."""
LANE = 26
TOP = 40
WINDOW = 40
"""Half of the steps that are shown of a longer run."""
STRIDE = 20
"""By so many steps the window moves: between two moves only the cursor does."""
MAX_LABELS = 22
LETTER = 6.8
MAX_MARKS = 400

GLYPH_NAMES = (
    ("write", "write"),
    ("read", "read"),
    ("copy", "copy"),
    ("reuse", "reuse"),
    ("fork", "fork"),
    ("swapout", "swap out"),
    ("swapin", "swap in"),
    ("pin", "pin, reference"),
    ("exit", "exit"),
    ("bad", "violation"),
)


def glyph(x: float, y: float, kind: str, scale: float = 1.0) -> str:
    """One event; every kind has its own shape."""
    r = 6 * scale
    if kind in ("bad",):
        return octagon(x, y, r * 1.6)
    if kind in ("write", "read", "fork"):
        if kind == "write":
            return f'<rect class="ev" x="{x - r * 0.8:.1f}" y="{y - r * 0.8:.1f}" width="{r * 1.6:.1f}" height="{r * 1.6:.1f}"/>'
        css, size = ("ev hollow", 0.8) if kind == "read" else ("ev", 0.6)
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{r * size:.1f}"/>'
    if kind == "copy":
        box = f'width="{r * 1.4:.1f}" height="{r * 1.4:.1f}"'
        return (
            f'<rect class="ev hollow" x="{x - r:.1f}" y="{y - r:.1f}" {box}/>'
            f'<rect class="ev cp" x="{x - r * 0.3:.1f}" y="{y - r * 0.3:.1f}" {box}/>'
        )
    if kind == "reuse":
        return (
            f'<rect class="ev own" x="{x - r:.1f}" y="{y - r:.1f}" width="{r * 2:.1f}" height="{r * 2:.1f}"/>'
            f'<path class="ev eq" d="M{x - r * 0.5:.1f} {y - r * 0.3:.1f}h{r:.1f}m{-r:.1f} {r * 0.65:.1f}h{r:.1f}"/>'
        )
    css, path = PATHS[kind]
    numbers = {"r": r, "h": r / 2, "d": r * 2, "k": r * 1.1, "n": r * 2.2}
    return f'<path class="ev {css}" d="M{x:.1f} {y:.1f}{path.format(**numbers)}"/>'


PATHS = {
    "micro": ("line", "m0 -{h:.1f}v{r:.1f}"),
    "mmap": ("line", "m-{r:.1f} -{r:.1f}v{d:.1f}m0 -{r:.1f}h{d:.1f}m0 -{r:.1f}v{d:.1f}"),
    "munmap": ("line", "m-{h:.1f} -{r:.1f}v{d:.1f}m{r:.1f} -{d:.1f}v{d:.1f}"),
    "swapout": ("line", "m0 -{r:.1f}v{d:.1f}m-{h:.1f} -{h:.1f}l{h:.1f} {h:.1f}l{h:.1f} -{h:.1f}m-{r:.1f} {r:.1f}h{d:.1f}"),
    "swapin": ("line", "m0 {r:.1f}v-{d:.1f}m-{h:.1f} {h:.1f}l{h:.1f} -{h:.1f}l{h:.1f} {h:.1f}m-{r:.1f} {d:.1f}h{d:.1f}"),
    "pin": ("pin", "m0 -{k:.1f}l{k:.1f} {k:.1f}l-{k:.1f} {k:.1f}l-{k:.1f} -{k:.1f}z"),
    "pwrite": ("pin", "m0 -{k:.1f}l{k:.1f} {k:.1f}l-{k:.1f} {k:.1f}l-{k:.1f} -{k:.1f}z"),
    "pread": ("pin hollow", "m0 -{k:.1f}l{k:.1f} {k:.1f}l-{k:.1f} {k:.1f}l-{k:.1f} -{k:.1f}z"),
    "exit": ("stop", "m0 -{k:.1f}v{n:.1f}"),
    "kernel": ("line", "m-{r:.1f} {r:.1f}l{r:.1f} -{d:.1f}l{r:.1f} {d:.1f}z"),
}  # fmt: skip


def lettered(label: str, dx: float) -> str:
    """As much of a label as a column has room for, with a gap to the next one."""
    return label[: max(3, int(dx / LETTER) - 1)]


def window(length: int, current: int) -> tuple[int, int]:
    """First and last step that the timeline and the script show."""
    if length <= 2 * WINDOW:
        return 0, length
    wanted = (current - WINDOW + STRIDE // 2) // STRIDE * STRIDE
    first = max(0, min(wanted, length - 2 * WINDOW))
    return first, first + 2 * WINDOW


def column(x: float, dx: float) -> tuple[float, float]:
    """Left and right of the current step's column, which stays between names and edge."""
    return max(LEFT - 10, x - dx / 2), min(WIDTH - 2, x + dx / 2)


class Leave(Struct, frozen=True):
    """Where a branch leaves the run that it is based on: behind `step`, which is at `href`."""

    step: int
    href: str
    words: str


def draw(timeline: Timeline, current: int, base: str, leave: Leave | None = None) -> str:
    """The lanes around `current`; `base` is the run's address, `/r/ID`."""
    length = len(timeline.ticks)
    first, last = window(length, current)
    lanes = [lane for lane in timeline.lanes if lane.first <= last and lane.last >= first]
    dx = (WIDTH - LEFT - RIGHT) / max(1, last - first)
    rows = {lane.name: TOP + LANE * (i + 0.5) for i, lane in enumerate(lanes)}
    height = TOP + LANE * len(lanes) + 4

    def at(step: int) -> float:
        return LEFT + dx * (step - first)

    now = at(current)
    left, right = column(now, dx)
    out = [
        f'<rect class="tl-cur" x="{left:.1f}" y="0" width="{right - left:.1f}" height="{height}"/>'
    ]
    out += [
        life(lane, rows[lane.name], at(max(lane.first, first)), now, end_x(lane, at, last, length))
        for lane in lanes
    ]
    every = max(1, round((last - first) / 40)) if last - first > 60 else 1
    wide = last - first <= MAX_LABELS
    for number in range(max(1, first), last + 1):
        tick = timeline.ticks[number - 1]
        if tick.lane in rows:
            numbered = number % every == 0 or number == current
            out.append(
                step_mark(tick, number, current, at(number), dx, rows, height, base, numbered, wide)
            )
    if leave is not None and first <= leave.step < last:
        out.append(leaving(leave, at(leave.step) + dx / 2, height))
    out.append(f'<path class="tl-curline" d="M{left:.1f} {height}H{right:.1f}"/>')
    label = f"timeline, steps {first} to {last} of {length}, at step {current}"
    return f'<svg class="tl" viewBox="0 0 {WIDTH} {height}" role="group" aria-label="{label}">{"".join(out)}</svg>'


def leaving(leave: Leave, x: float, height: float) -> str:
    """A dashed line across all lanes, with the sign of a branch on top."""
    words = escape(leave.words)
    return (
        f'<a class="tl-leave" href="{leave.href}" aria-label="{words}"><title>{words}</title>'
        f'<path class="cut" d="M{x:.1f} 20V{height:g}"/>'
        f'<path class="fork" d="M{x:.1f} 20v-7m0 0l-5 -6m5 6l5 -6"/>'
        f'<rect class="hit" x="{x - 8:.1f}" y="0" width="16" height="22"/></a>'
    )


def end_x(lane: Lane, at: Any, last: int, length: int) -> float:
    return float(WIDTH - 14 if lane.last >= length else at(min(lane.last, last)))


def life(lane: Lane, y: float, start: float, now: float, end: float) -> str:
    """A lane's line: solid up to now, thin and dotted behind."""
    out = text(0, y + 4, lane.label[:14], "tl-lane")
    if now > start:
        out += f'<path class="tl-life {lane.kind}" d="M{start:.1f} {y:g}H{min(now, end):.1f}"/>'
    if end > now:
        out += f'<path class="tl-life {lane.kind} fut" d="M{max(now, start):.1f} {y:g}H{end:.1f}"/>'
    return out


def step_mark(
    tick: Tick, number: int, current: int, x: float, dx: float, rows: dict[str, float],
    height: float, base: str, numbered: bool, wide: bool,
) -> str:  # fmt: skip
    css = " fut" if number > current else " now" if number == current else ""
    label = escape(tick.said) + (f", violates {tick.bad}" if tick.bad else "")
    parts = step_parts(
        tick, number, x, dx, rows[tick.lane], rows.get(tick.child), height, numbered, wide
    )
    return (
        f'<a href="{base}/{number}" aria-label="step {number}: {label}">'
        f'<g class="tl-step{css}">{parts}</g></a>'
    )


@lru_cache(MANY)
def step_parts(
    tick: Tick, number: int, x: float, dx: float, y: float, to: float | None, height: float,
    numbered: bool, wide: bool,
) -> str:  # fmt: skip
    """What of a step's mark is the same at every step. `to` is the lane of a fork's child."""
    out = []
    if numbered:
        out.append(text(round(x, 1), 14, number, "tl-n mid"))
    if wide:
        out.append(text(round(x, 1), 29, lettered(tick.label, dx), "tl-lab mid"))
    if to is not None:
        out.append(
            f'<path class="tl-fork" d="M{x:.1f} {y:g}C{x + dx * 0.05:.1f} {to:g} {x - 4:.1f} {to:g} {x + dx * 0.35:.1f} {to:g}"/>'
        )
    small = 1.0 if dx > 18 else max(0.55, dx / 18)
    out.append(glyph(x, y, "bad" if tick.bad else tick.glyph, small))
    out.append(f'<path class="tl-wrote" d="M{x - 4:.1f} 32h8v6h-8z"/>')
    out.append(
        f'<rect class="hit" x="{x - dx / 2:.1f}" y="0" width="{dx:.1f}" height="{height:g}"/>'
    )
    return "".join(out)


def overview(timeline: Timeline, current: int, base: str) -> str:
    """For a run longer than the window: all marked steps on one line, and where the window is."""
    length = len(timeline.ticks)
    if length <= 2 * WINDOW:
        return ""
    first, last = window(length, current)
    scale = (WIDTH - LEFT - RIGHT) / length
    worst = timeline.bad[: MAX_MARKS // 2]
    thin = timeline.marked[:: max(1, -(-len(timeline.marked) // (MAX_MARKS // 2)))]
    out = [
        f'<rect class="tl-cur" x="{LEFT + first * scale:.1f}" y="0" width="{(last - first) * scale:.1f}" height="20"/>'
    ]
    for number in sorted({*thin, *worst}):
        x = LEFT + number * scale
        shape = (
            octagon(x, 10, 6)
            if timeline.ticks[number - 1].bad
            else f'<path class="ev line" d="M{x:.1f} 4v12"/>'
        )
        out.append(
            f'<a href="{base}/{number}" aria-label="step {number}: {escape(timeline.ticks[number - 1].said)}">{shape}</a>'
        )
    return f'<svg class="tl tl-all" viewBox="0 0 {WIDTH} 20" role="group" aria-label="marked steps of the whole run">{"".join(out)}</svg>'


def sample(kind: str) -> str:
    """A glyph for keys and legends, 20 by 20."""
    return f'<svg class="tl" viewBox="0 0 20 20" aria-hidden="true">{glyph(10, 10, kind)}</svg>'
