"""What a projector shows of a step: as much of the run as a back row can read.

A small run is drawn whole, and nothing moves. Of a larger one the rows and processes that the
last two steps touched are drawn, in their order; the others are named, in grey.
"""

from __future__ import annotations

import math
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from app.trace import Run

from ..glimpse import glimpse
from ..layout import FRAME_WIDTH, HEAD_HEIGHT, Column, Layout, Row
from ..narrow import with_rows
from ..placing import LABEL_WIDTH
from ..scene import Frame, Scene, Slot, scene_of
from ..strips import Strip

WIDTH, HEIGHT = 1400, 720
"""The drawing's pane on a screen of 1920 x 1080, in its pixels."""
LETTERS = 24
"""The smallest letters there."""
SIZES = (13, 16)
"""Sizes of small letters in the drawing's own units, between which it is still in order."""
ROOM_FOR = LETTERS / 14
"""The smallest scale at which a layout is shown whole."""


class Focus(Struct, frozen=True):
    """A layout of what is shown, its scene, and the names of what is not.

    `beyond` has changed, too, and there is no room for it; `resting` has not. `letters` is the size
    of small letters that makes them readable, in the drawing's units.
    """

    layout: Layout
    scene: Scene
    beyond: tuple[str, ...]
    resting: tuple[str, ...]
    letters: int


def fits(layout: Layout) -> bool:
    return layout.width <= WIDTH / ROOM_FOR and layout.height <= HEIGHT / ROOM_FOR


def touched(layout: Layout, scene: Scene) -> tuple[set[int], set[str]]:
    """Rows and processes with a mark in a scene."""
    rows, columns = set(), set()
    for index, cells in enumerate(scene.cells):
        for name, cell in cells.items():
            if cell.changed:
                rows.add(index)
                columns.add(name)
    things: dict[str, Frame | Slot | Strip] = {**scene.frames, **scene.slots, **scene.strips}
    rows |= {layout.items[label].row for label, thing in things.items() if thing.state}
    for grip in layout.grips:
        hold = scene.handles.get(grip.handle)
        if hold is not None and (hold.state or hold.bad):
            rows.add(layout.items[grip.item].row)
            columns.add(hold.owner)
    return rows, columns


def focus_of(run: Run, number: int, layout: Layout) -> Focus:
    """Step `number` of a run, whose whole layout is given."""
    scene = scene_of(layout, number, *glimpse(run, number, layout))
    if fits(layout):
        return Focus(layout, scene, (), (), letters_of(layout))
    rows, columns = touched(layout, scene)
    old_rows, old_columns = set(rows), set(columns)
    if number:
        before = scene_of(layout, number - 1, *glimpse(run, number - 1, layout))
        old_rows, old_columns = touched(layout, before)
    entries = {i for i, cells in enumerate(scene.cells) if any(c.changed for c in cells.values())}
    kept_rows = chosen_rows(layout, rows, entries, old_rows)
    alive = [c.name for c in layout.columns if c.first <= number <= c.last]
    kept_columns = chosen_columns(layout, alive, columns, old_columns)
    small = narrowed(layout, kept_rows, kept_columns)
    return Focus(
        small,
        scene_of(small, number, *glimpse(run, number, layout)),
        (
            *(name for name in alive if name in columns and name not in kept_columns),
            *names_of(layout.rows, rows - kept_rows),
        ),
        (
            *(name for name in alive if name not in columns and name not in kept_columns),
            *names_of(layout.rows, set(range(len(layout.rows))) - rows - kept_rows),
        ),
        letters_of(small),
    )


def chosen_rows(layout: Layout, rows: set[int], entries: set[int], before: set[int]) -> set[int]:
    """Rows that fit on top of each other: first those whose entries this step changed, then what
    else it changed, then the rows of the step before. Blocks of rows are kept whole.
    """
    kept: set[int] = set()
    height = HEAD_HEIGHT + 4
    order = (*sorted(entries & rows), *sorted(rows - entries), *sorted(before - rows))
    for index in order or (0,):
        group = next(g for g in layout.groups if g.first <= index <= g.last)
        if index in kept:
            continue
        height += group.height
        if kept and height > HEIGHT / ROOM_FOR:
            break
        kept.update(range(group.first, group.last + 1))
    return kept


def chosen_columns(
    layout: Layout, alive: list[str], columns: set[str], before: set[str]
) -> set[str]:
    """Processes that fit beside each other, in the same order of choice."""
    pitch = pitch_of(layout)
    room = max(1, int((WIDTH / ROOM_FOR - layout.width) // pitch) + len(layout.columns))
    wanted = [name for name in alive if name in columns]
    wanted += [name for name in alive if name in before - columns]
    return set((wanted or alive)[:room])


def pitch_of(layout: Layout) -> int:
    return layout.columns[1].x - layout.columns[0].x if len(layout.columns) > 1 else 124


def letters_of(layout: Layout) -> int:
    scale = min(WIDTH / layout.width, HEIGHT / layout.height)
    return min(max(math.ceil(LETTERS / scale), SIZES[0]), SIZES[1])


def narrowed(layout: Layout, rows: set[int], columns: set[str]) -> Layout:
    """The layout with these rows and columns alone, close together."""
    kept = [c for c in layout.columns if c.name in columns]
    small = with_rows(layout, rows)
    pitch = pitch_of(layout)
    less = pitch * (len(layout.columns) - len(kept))
    frame_x = layout.frame_x - less
    widest = max((item.width for item in small.items.values()), default=FRAME_WIDTH)
    return replace(
        small,
        columns=moved(kept, pitch),
        frame_x=frame_x,
        handle_x=layout.handle_x - less,
        width=layout.width - less if small.grips else frame_x + widest + 92,
    )


def moved(columns: list[Column], pitch: int) -> tuple[Column, ...]:
    return tuple(replace(c, x=LABEL_WIDTH + i * pitch) for i, c in enumerate(columns))


def names_of(rows: tuple[Row, ...], chosen: set[int]) -> list[str]:
    """Rows by name, neighbours in one."""
    names = []
    found = [index for index in sorted(chosen) if rows[index].area]
    for _, group in groupby(enumerate(found), lambda pair: (pair[1] - pair[0], rows[pair[1]].area)):
        run = [rows[index] for _, index in group]
        names.append(replace(run[0], hi=run[-1].hi).label)
    return names
