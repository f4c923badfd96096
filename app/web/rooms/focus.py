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
from ..layout import HEAD_HEIGHT, LABEL_WIDTH, Column, Layout, Row, row_height
from ..scene import Frame, Scene, Slot, scene_of

WIDTH, HEIGHT = 1460, 770
"""The drawing's pane on a screen of 1920 x 1080, in its pixels."""
LETTERS = 24
"""The smallest letters there."""
SIZES = (13, 16)
"""Sizes of small letters in the drawing's own units, between which it is still in order."""
ROOM_FOR = LETTERS / SIZES[0]


class Focus(Struct, frozen=True):
    """A layout of what is shown, its scene, and the names of what is not.

    `letters` is the size of small letters that makes them readable, in the drawing's units.
    """

    layout: Layout
    scene: Scene
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
    things: dict[str, Frame | Slot] = {**scene.frames, **scene.slots}
    rows |= {layout.items[label].row for label, thing in things.items() if thing.state}
    for grip in layout.grips:
        hold = scene.handles.get(grip.handle)
        if hold is not None and (hold.state or hold.bad):
            rows.add(layout.items[grip.label].row)
            columns.add(hold.owner)
    return rows, columns


def focus_of(run: Run, number: int, layout: Layout) -> Focus:
    """Step `number` of a run, whose whole layout is given."""
    scenes = [
        scene_of(layout, n, *glimpse(run, n, layout)) for n in range(max(0, number - 1), number + 1)
    ]
    if fits(layout):
        return Focus(layout, scenes[-1], (), letters_of(layout))
    marked = [touched(layout, scene) for scene in scenes]
    rows = set().union(*(found[0] for found in marked))
    columns = set().union(*(found[1] for found in marked))
    small, resting = narrowed(layout, rows, columns, number)
    scene = scene_of(small, number, *glimpse(run, number, layout))
    return Focus(small, scene, resting, letters_of(small))


def letters_of(layout: Layout) -> int:
    scale = min(WIDTH / layout.width, HEIGHT / layout.height)
    return min(max(math.ceil(LETTERS / scale), SIZES[0]), SIZES[1])


def narrowed(
    layout: Layout, rows: set[int], columns: set[str], number: int
) -> tuple[Layout, tuple[str, ...]]:
    """The layout with these rows and columns alone, and the others by name."""
    rows = rows or {0}
    alive = [c for c in layout.columns if c.first <= number <= c.last]
    kept = [c for c in layout.columns if c.name in columns] or alive[:2]
    new_rows, places = packed_rows(layout.rows, rows)
    items = {
        label: replace(item, row=places[item.row][0], y=item.y + places[item.row][1])
        for label, item in layout.items.items()
        if item.row in places
    }
    grips = tuple(grip for grip in layout.grips if grip.label in items)
    shift = layout.columns[1].x - layout.columns[0].x if len(layout.columns) > 1 else 0
    less = shift * (len(layout.columns) - len(kept))
    if not grips:
        less += layout.width - layout.frame_x - 332 if layout.grips else 0
    small = Layout(
        columns=moved(kept, shift),
        rows=new_rows,
        items=items,
        grips=grips,
        cell_width=layout.cell_width,
        frame_x=layout.frame_x - shift * (len(layout.columns) - len(kept)),
        handle_x=layout.handle_x - shift * (len(layout.columns) - len(kept)),
        width=layout.width - less,
        height=new_rows[-1].top + new_rows[-1].height + 4,
    )
    names = [c.name for c in alive if c not in kept]
    return small, (*names, *resting_rows(layout.rows, rows))


def moved(columns: list[Column], pitch: int) -> tuple[Column, ...]:
    return tuple(replace(c, x=LABEL_WIDTH + i * pitch) for i, c in enumerate(columns))


def packed_rows(
    rows: tuple[Row, ...], kept: set[int]
) -> tuple[tuple[Row, ...], dict[int, tuple[int, int]]]:
    """The kept rows close together; old index -> new index and how far it moved."""
    out: list[Row] = []
    places = {}
    y = HEAD_HEIGHT
    for index, row in enumerate(rows):
        if index in kept:
            places[index] = (len(out), y - row.top)
            out.append(replace(row, top=y))
            y += row_height(row, row.lanes)
    return tuple(out), places


def resting_rows(rows: tuple[Row, ...], kept: set[int]) -> list[str]:
    """The rows that are not drawn, neighbours in one name."""
    names = []
    rest = [(i, row) for i, row in enumerate(rows) if i not in kept and row.area]
    for _, group in groupby(enumerate(rest), lambda pair: (pair[1][0] - pair[0], pair[1][1].area)):
        found = [row for _, (_, row) in group]
        names.append(replace(found[0], hi=found[-1].hi).label)
    return names
