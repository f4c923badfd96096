"""What a comparison draws: ≠ on what differs, and one timeline with a lane for each run."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from html import escape
from itertools import pairwise

from . import timeline
from .compare_diff import NOWHERE, Difference
from .compare_pair import Pair
from .drawing import MIDDLE
from .layout import FRAME_HEIGHT, FRAME_WIDTH, HANDLE_PITCH, Layout
from .marks import text
from .ticks import Lane, Tick
from .timeline import LANE, LEFT, MAX_LABELS, RIGHT, WIDTH, WINDOW

TOP = 52
FLAG = 18
MAX_FLAGS = 200
SIDES = ("left", "right")
GROUP = re.compile(r'<g ((?:id="[^"]*" )?class="lk" data-link="([^"]*)"(?: data-at="([^"]*)")?>)')
FIRST, AGAIN = ("first divergence", "first"), ("diverge again", "again")


def badge(x: float, y: float) -> str:
    """≠ at a corner of what differs from the other side."""
    return (
        f'<g class="ne"><rect x="{x - 10:g}" y="{y - 9:g}" width="20" height="18" rx="2"/>'
        + text(x, y + 5, "≠", "mid")
        + "</g>"
    )


def overlay(
    layout: Layout, joint: Layout, number: int, differences: Iterable[Difference],
    drawn: Container[str], *, right: bool,
) -> str:  # fmt: skip
    """The marks of one side; what only the other side has leaves a gap with its name, unless it
    is drawn all the same: `drawn` are the frames and slots that are, freed ones too.
    """
    out = []
    places = {column.name: column.x for column in layout.columns}
    for found in differences:
        process, place = found.place
        here = found.right if right else found.left
        if found.kind == "pte" and isinstance(place, int):
            out.append(badge(places[process], layout.rows[place].box))
        elif found.kind in ("frame", "slot") and (item := joint.place(str(place))):
            y = item.y + (8 if found.kind == "slot" and not item.strip else 0)
            if here == NOWHERE and not item.strip and found.place[1] not in drawn:
                out.append(gap(layout.frame_x, y, f"no {found.subject} here"))
            out.append(badge(layout.frame_x, y))
        elif found.kind == "handle":
            out += grip_badges(layout, number, str(place))
    return "".join(out)


def apart(svg: str, layout: Layout, differences: Iterable[Difference], labels: set[str]) -> str:
    """The drawing with what differs marked, which is shown where only what changed is. `labels` are
    the frames and slots that do, by this side's names.
    """
    places = {
        layout.rows[at].place(process)
        for process, at in (found.place for found in differences if found.kind == "pte")
        if isinstance(at, int)
    }
    held = {found.place[1] for found in differences if found.kind == "handle"}
    labels = labels | {grip.item for grip in layout.grips if grip.handle in held}

    def mark(group: re.Match[str]) -> str:
        differs = group[3] in places if group[3] else group[2] in labels
        return f"<g data-apart {group[1]}" if differs else group[0]

    return GROUP.sub(mark, svg)


def gap(x: float, y: float, words: str) -> str:
    return (
        f'<g class="gap"><rect x="{x:g}" y="{y:g}" width="{FRAME_WIDTH}" height="{FRAME_HEIGHT}"/>'
        + text(x + FRAME_WIDTH / 2, y + MIDDLE + 4, words, "mid small")
        + "</g>"
    )


def grip_badges(layout: Layout, number: int, handle: str) -> list[str]:
    return [
        badge(
            layout.handle_x + grip.column * HANDLE_PITCH + 2,
            layout.items[grip.item].mid + (10 if grip.column % 2 else 0) - 20,
        )
        for grip in layout.grips
        if grip.handle == handle and grip.first <= number <= grip.last
    ]


# -- the timeline -----------------------------------------------------------------------------


def draw(pair: Pair, current: int, base: str) -> str:
    """Both runs around `current`: a lane each, one cursor, a flag at each divergence."""
    first, last = timeline.window(pair.last, current)
    dx = (WIDTH - LEFT - RIGHT) / max(1, last - first)
    height = TOP + LANE * 2 + 6

    def at(step: int) -> float:
        return LEFT + dx * (step - first)

    now = at(current)
    left, right = timeline.column(now, dx)
    out = [
        f'<rect class="tl-cur" x="{left:.1f}" y="{FLAG}" width="{right - left:.1f}" '
        f'height="{height - FLAG}"/>'
    ]
    out += flags(pair, first, last, at, dx, height)
    every = max(1, round((last - first) / 40)) if last - first > 60 else 1
    for number in range(max(1, first), last + 1):
        numbered = number % every == 0 or number == current
        out.append(head(pair, number, current, at(number), dx, numbered))
    for lane, (line, name) in enumerate(zip(pair.lines, pair.called, strict=True)):
        y = TOP + LANE * (lane + 0.5)
        end = min(pair.ways.places[lane][-1], last)
        life = Lane(name, "", 0, end, clipped(name))
        out.append(timeline.life(life, y, at(first), now, max(at(first), at(end))))
        for number in range(max(1, first), end + 1):
            step = pair.ways.step_or_none(lane, number)
            if step is None:
                out.append(lacking(at(number), y))
                continue
            tick = line.ticks[step - 1]
            out.append(mark(tick, name, SIDES[lane], number, current, at(number), y, dx, base))
    label = f"timeline of both runs, steps {first} to {last} of {pair.last}, at step {current}"
    return (
        f'<svg class="tl" viewBox="0 0 {WIDTH} {height}" role="group" aria-label="{label}">'
        f"{''.join(out)}</svg>"
    )


def clipped(policy: str) -> str:
    return policy if len(policy) <= 14 else f"{policy[:13]}…"


def flags(
    pair: Pair, first: int, last: int, at: Callable[[int], float], dx: float, height: float
) -> list[str]:
    out = []
    shown = [n for n in pair.divergences if first <= n <= last]
    for number, behind in pairwise([*shown, last + 3]):
        x, room = at(number) - dx / 2, (behind - number) * dx
        long, short = FIRST if number == pair.divergences[0] else AGAIN
        words = long if room > 118 else short if room > 48 else "≠" if dx > 18 else ""
        width = 8 + 6.4 * len(words) if len(words) > 1 else 18
        out.append(f'<path class="tl-div" d="M{x:.1f} 0V{height}"/>')
        if words:
            out.append(
                f'<path class="tl-divflag" d="M{x:.1f} 0h{width:.0f}l-5 7.5l5 7.5h-{width:.0f}z"/>'
                + text(round(x + 5, 1), 11.5, words, "tl-divtext")
            )
    return out


def head(pair: Pair, number: int, current: int, x: float, dx: float, numbered: bool) -> str:
    """A step's number and a few letters of it, above both lanes."""
    css = "now" if number == current else ""
    ticks = [
        line.ticks[step - 1]
        for side, line in enumerate(pair.lines)
        if (step := pair.ways.step_or_none(side, number))
    ]
    label = ticks[0].label
    if any(tick.label != label for tick in ticks):
        label = min((tick.label for tick in ticks), key=len).partition(" reads ")[0]
    out = text(round(x, 1), 30, number, "tl-n mid") if numbered else ""
    if pair.last <= MAX_LABELS:
        out += text(round(x, 1), 45, timeline.lettered(label, dx), "tl-lab mid")
    return f'<g class="{css}">{out}</g>'


def lacking(x: float, y: float) -> str:
    """No step of this side stands here: a hole in its line."""
    return f'<rect class="tl-lacks" x="{x - 6:.1f}" y="{y - 6:g}" width="12" height="12"/>'


def mark(
    tick: Tick, policy: str, side: str, number: int, current: int, x: float, y: float,
    dx: float, base: str,
) -> str:  # fmt: skip
    css = " fut" if number > current else " now" if number == current else ""
    small = 1.0 if dx > 18 else max(0.55, dx / 18)
    bad = f", violates {tick.bad}" if tick.bad else ""
    return (
        f'<a href="{base}/{number}" data-side="{side}" aria-label="{escape(policy)}, '
        f'step {number}: {escape(tick.said)}{bad}"><g class="tl-step{css}">'
        + timeline.glyph(x, y, "bad" if tick.bad else tick.glyph, small)
        + f'<path class="tl-wrote" d="M{x - 4:.1f} {y - LANE / 2:g}h8v5h-8z"/>'
        + f'<rect class="hit" x="{x - dx / 2:.1f}" y="{y - LANE / 2:g}" width="{dx:.1f}" '
        f'height="{LANE}"/></g></a>'
    )


def overview(pair: Pair, current: int, base: str) -> str:
    """For runs longer than the window: every divergence on one line, and where the window is."""
    if pair.last <= 2 * WINDOW:
        return ""
    first, last = timeline.window(pair.last, current)
    scale = (WIDTH - LEFT - RIGHT) / pair.last
    thin = pair.divergences[:: max(1, -(-len(pair.divergences) // MAX_FLAGS))]
    out = [
        f'<rect class="tl-cur" x="{LEFT + first * scale:.1f}" y="0" '
        f'width="{(last - first) * scale:.1f}" height="20"/>'
    ]
    out += [
        f'<a href="{base}/{number}" aria-label="divergence at step {number}">'
        f'<path class="tl-div" d="M{LEFT + number * scale:.1f} 3v14"/></a>'
        for number in thin
    ]
    return (
        f'<svg class="tl tl-all" viewBox="0 0 {WIDTH} 20" role="group" '
        f'aria-label="divergences of the whole runs">{"".join(out)}</svg>'
    )
