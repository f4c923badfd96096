"""A scenario's timeline at the size of a card: the same lanes and glyphs, no words."""

from __future__ import annotations

from . import timeline as tl
from .ticks import Timeline

WIDTH = 220
HEIGHT = 54
MOST = 14
"""Steps that fit; of a longer run, the first are shown."""


def spark(line: Timeline) -> str:
    """SVG of the run's events; steps that only set the scene are left out."""
    shown = [(i, t) for i, t in enumerate(line.ticks, 1) if t.glyph not in ("kernel", "micro")][
        :MOST
    ]
    lanes = [lane for lane in line.lanes if lane.kind != "kern"][:4]
    gap = HEIGHT / (len(lanes) + 1)
    rows = {lane.name: gap * (i + 1) for i, lane in enumerate(lanes)}
    dx = (WIDTH - 24) / max(1, len(shown))
    at = {number: 12 + dx * (i + 0.5) for i, (number, _) in enumerate(shown)}

    def x(step: int, otherwise: float) -> float:
        return at.get(step, otherwise)

    out = []
    for lane in lanes:
        start, end = x(lane.first, 6), x(lane.last, WIDTH - 6)
        y = rows[lane.name]
        out.append(
            f'<path class="tl-life {lane.kind}" d="M{start:.1f} {y:.1f}H{max(start, end):.1f}"/>'
        )
    for number, tick in shown:
        if tick.lane not in rows:
            continue
        y = rows[tick.lane]
        to = rows.get(tick.child)
        if to is not None:
            a = at[number]
            out.append(
                f'<path class="tl-fork" d="M{a:.1f} {y:.1f}C{a + 2:.1f} {to:.1f} {a:.1f} {to:.1f} '
                f'{a + dx * 0.4:.1f} {to:.1f}"/>'
            )
        out.append(tl.glyph(at[number], y, "bad" if tick.bad else tick.glyph, 0.8))
    box = f'class="tl spark" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true"'
    return f"<svg {box}>{''.join(out)}</svg>"
