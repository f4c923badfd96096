"""How a run is laid out: once, over all steps, so that nothing moves.

Rows and things come first (`rows`, `homes`); then places inside groups of rows are given, each to
one thing after the other; and only then everything gets its coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from .homes import Item, homes_of
from .layout import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    HANDLE_PITCH,
    HEAD_HEIGHT,
    NARROW,
    PTE_HEIGHT,
    RISER_PITCH,
    ROOMY,
    Column,
    Grip,
    Group,
    Layout,
    spans_of,
)  # fmt: skip
from .rows import FOLDED_HEIGHT, Folios, Row, rows_of
from .survey import Survey
from .tracks import GROUP, risers_of, tracks_of

Json = dict[str, Any]

LABEL_WIDTH = 80
LANE_GAP = 16
WIDE_COLUMNS = 2
"""Of more processes the columns are narrow, so that three and what is held fit a laptop's pane."""
TRACK_PITCH = 12
HANDLE_HEAD = 96
CELL = 28
"""Width of one page's cell in a strip of up to 64 pages."""
HEAT = 6
"""Width and height of one page's cell in a longer strip, 64 to a line, 8 lines at most."""
BIG = 64


def lay_out(steps: Iterable[Json]) -> Layout:
    """Lay out a run from its `trace/1` steps, 0 to N."""
    return lay_out_numbered(enumerate(steps))


def lay_out_numbered(steps: Iterable[tuple[int, Json]]) -> Layout:
    """Lay out steps by number; two runs of which one picture is made have each number twice."""
    survey = Survey()
    for number, step in steps:
        survey.read(number, step)
    survey.finish()
    folios = Folios(survey)
    rows = rows_of(survey, folios)
    items = [sized(item) for item in homes_of(survey, folios, rows)]
    if any(item.row < 0 for item in items):
        rows.append(Row("", 0, 0, folded=False, group=rows[-1].group + 1 if rows else 0))
        items = [i if i.row >= 0 else replace(i, row=len(rows) - 1) for i in items]
    return place(survey, rows, lanes_of(survey, items))


# -- how large things are ---------------------------------------------------------------------


def cells_across(pages: int) -> int:
    return 64 if pages > BIG else 16 if pages > 16 else 8


def cells_high(pages: int) -> int:
    """Height of the cells of a strip: heat, or cells with an index and who maps them."""
    if pages > BIG:
        return HEAT * -(-min(pages, 512) // 64)
    return 52 * -(-pages // cells_across(pages))


def sized(item: Item) -> Item:
    if not item.strip:
        return item
    wide = 46 + 64 * HEAT if item.pages > BIG else 16 + CELL * cells_across(item.pages)
    high = 44 + cells_high(item.pages) + (20 if item.pages > BIG else 2)
    if item.label[0] == "f":
        high += 22 + (34 if item.large else 0) + (36 if item.small else 0)
    return replace(item, width=max(FRAME_WIDTH, wide), height=high + 6)


# -- places inside groups ---------------------------------------------------------------------


def lanes_of(survey: Survey, items: list[Item]) -> list[Item]:
    """Places inside groups, each given to one item after the other.

    The order is a schematic's: what the leftmost processes map comes last, so that their wires,
    which start first, turn off last. Users are nested after forks, and then no two wires cross.
    Strips come before what stands alone, in the order in which they appear.
    """
    pools: dict[tuple[int, bool], list[Item]] = {}
    found = []
    for item in sorted(items, key=lambda item: (item.first, item.label[0], item.start)):
        lanes = pools.setdefault((item.row, item.strip), [])
        lane = next((i for i, owner in enumerate(lanes) if gives_way(owner, item)), len(lanes))
        placed = replace(item, lane=lane)
        lanes[lane : lane + 1] = [placed]
        found.append(placed)
    return [
        replace(item, lane=lane)
        for row in dict.fromkeys(item.row for item in found)
        for item, lane in ordered(survey, [i for i in found if i.row == row])
    ]


def gives_way(owner: Item, item: Item) -> bool:
    """May `item` have the place of `owner`, which came first?

    A page that goes out to a swap slot, or back, hands its place over. Otherwise one step passes,
    in which the old one is shown as freed.
    """
    other = owner.label[0] != item.label[0]
    return owner.last + (0 if other else 1) < item.first


def ordered(survey: Survey, items: list[Item]) -> list[tuple[Item, int]]:
    """Lanes as they are drawn, from the top."""
    columns: dict[tuple[bool, int], list[int]] = {}
    for item in items:
        # Of a strip the first page stands for all.
        users = survey.users.get(item.label, [0])
        columns.setdefault((not item.strip, item.lane), []).extend(users)
    ranked = sorted(
        columns,
        key=lambda key: (
            key[0],
            -sum(columns[key]) / len(columns[key]) if key[0] else key[1],
        ),
    )
    places = {key: place for place, key in enumerate(ranked)}
    return [(item, places[not item.strip, item.lane]) for item in items]


def lane_tops(items: list[Item]) -> list[int]:
    """The upper edge of each lane, counted from the first, and of what is below the last."""
    deep: dict[int, int] = {}
    for item in items:
        deep[item.lane] = max(deep.get(item.lane, FRAME_HEIGHT), item.height)
    tops = [0]
    for lane in range(len(deep)):
        tops.append(tops[-1] + deep[lane] + LANE_GAP)
    return tops


# -- coordinates ------------------------------------------------------------------------------


def place(survey: Survey, rows: list[Row], items: list[Item]) -> Layout:
    """Turn rows and lanes into coordinates."""
    huge = any(item.pages > BIG for item in items)
    cell, gap = NARROW if len(survey.processes) > WIDE_COLUMNS else ROOMY
    columns = tuple(
        Column(name, survey.parents.get(name, ""), life.first, life.last,
               LABEL_WIDTH + i * (cell + gap))
        for i, (name, life) in enumerate(survey.processes.items())
    )  # fmt: skip
    levels = tracks_of(survey, rows, items)
    groups, placed_rows, placed, y = stack(rows, items, levels)
    heights = track_heights(placed_rows, groups, levels)
    risers = risers_of(placed, heights)
    slots = max(risers.values(), default=0) + 1
    placed = {
        label: replace(i, riser=risers.get(label, 0), users=users_of(survey, i))
        for label, i in placed.items()
    }
    frame_x = LABEL_WIDTH + len(columns) * (cell + gap) + 24 + RISER_PITCH * max(2, slots)
    widest = max((item.width for item in items), default=FRAME_WIDTH)
    handle_x = frame_x + widest + (60 if widest == FRAME_WIDTH else 40)
    spans = spans_of(placed.values())
    layout = Layout(
        columns, tuple(placed_rows), tuple(groups), placed, spans, heights, (), cell, frame_x,
        handle_x, 0, y + 4, huge,
    )  # fmt: skip
    grips = grips_of(survey, layout)
    most = max((grip.column + 1 for grip in grips), default=0)
    width = handle_x + max(most * HANDLE_PITCH, HANDLE_HEAD) + 4 if most else frame_x + widest + 92
    if not most and widest > FRAME_WIDTH:
        width = frame_x + max(widest + 8, FRAME_WIDTH + 92)
    return replace(layout, grips=grips, width=width)


def users_of(survey: Survey, item: Item) -> tuple[str, ...]:
    letter, names = item.label[0], list(survey.processes)
    pages = (f"{letter}{item.start + page}" for page in range(item.pages))
    return tuple(names[n] for n in sorted({n for p in pages for n in survey.users.get(p, ())}))


def stack(
    rows: list[Row], items: list[Item], levels: dict[tuple[int, str], int]
) -> tuple[list[Group], list[Row], dict[str, Item], int]:
    """Groups from top to bottom: their rows, and beside them their lanes."""
    of_group: dict[int, list[Item]] = {}
    for item in items:
        of_group.setdefault(rows[item.row].group, []).append(item)
    deep = 40 if any(item.pages > BIG for item in items) else 26
    below: dict[int, int] = {}
    for (at, _), level in levels.items():
        below[at] = max(below.get(at, 0), level + 1)
    groups: list[Group] = []
    placed_rows: list[Row] = []
    placed: dict[str, Item] = {}
    y, index = HEAD_HEIGHT, 0
    while index < len(rows):
        mine = [row for row in rows[index:] if row.group == rows[index].group]
        own = of_group.get(rows[index].group, [])
        tops = lane_tops(own)
        if mine[0].slim:
            end = stack_block(mine, index, y, deep, below, groups, placed_rows)
        else:
            end = stack_row(mine[0], index, y, below, groups, placed_rows)
        if own:
            end = max(end, y + 8 + tops[-1])
        groups[-1] = replace(groups[-1], height=end - y)
        placed_rows[-1] = replace(placed_rows[-1], height=end - placed_rows[-1].top)
        placed |= {i.label: replace(i, y=y + 8 + tops[i.lane]) for i in own}
        y, index = end, index + len(mine)
    return groups, placed_rows, placed, y


def stack_row(
    row: Row, index: int, y: int, below: dict[int, int],
    groups: list[Group], out: list[Row],
) -> int:  # fmt: skip
    height = FOLDED_HEIGHT
    if not row.folded:
        height = 16 + PTE_HEIGHT + 14 + TRACK_PITCH * max(1, below.get(index, 1)) + 8
    out.append(replace(row, top=y, height=height, box=y + (8 if row.folded else 16)))
    groups.append(Group(index, index, y, height, False, y + 16, y + 16 + PTE_HEIGHT))
    return y + height


def stack_block(
    rows: list[Row], index: int, y: int, deep: int, below: dict[int, int],
    groups: list[Group], out: list[Row],
) -> int:  # fmt: skip
    """Rows of a block close together, below the buses of what they map together."""
    above = TRACK_PITCH * below.get(GROUP + rows[0].group, 1)
    box = y + 18 + above
    first, least = box, max(deep, -(-64 // len(rows)))
    for number, row in enumerate(rows, index):
        high = 22 if row.folded else least
        room = TRACK_PITCH * below.get(number, 0)
        top = y if number == index else box - 4
        out.append(replace(row, top=top, box=box, deep=high, height=high + room + 8))
        floor = box + high
        box = floor + 6 + (room + 4 if room else 0)
    for at in range(len(out) - len(rows), len(out) - 1):
        out[at] = replace(out[at], height=out[at + 1].top - out[at].top)
    groups.append(Group(index, index + len(rows) - 1, y, 0, True, first, floor))
    return box + 8


def track_heights(
    rows: list[Row], groups: list[Group], levels: dict[tuple[int, str], int]
) -> dict[tuple[int, str], int]:
    out = {}
    for (at, label), level in levels.items():
        if at >= GROUP:
            group = groups[at - GROUP]
            out[at, label] = group.boxes - 12 - TRACK_PITCH * level
        else:
            row = rows[at]
            out[at, label] = row.box + row.deep + (8 if row.slim else 13) + TRACK_PITCH * level
    return out


def grips_of(survey: Survey, layout: Layout) -> tuple[Grip, ...]:
    """Handles beside what they hold; several on one thing stand side by side."""
    held: dict[tuple[str, str, int, int], Grip] = {}
    for (handle, page, frame), life in survey.grips.items():
        item = layout.place(frame)
        if item is None:
            continue
        key = (handle, item.label, life.first, life.last)
        known = held.get(key)
        held[key] = (
            Grip(handle, page, frame, life.first, life.last, 0, 1, item.label)
            if known is None
            else replace(known, pages=known.pages + 1)
        )
    taken: dict[tuple[int, int], list[int]] = {}
    grips = []
    for grip in held.values():
        item = layout.items[grip.item]
        columns = taken.setdefault((item.row, item.lane), [])
        column = next((i for i, until in enumerate(columns) if until < grip.first), len(columns))
        if column == len(columns):
            columns.append(0)
        columns[column] = grip.last + 1
        grips.append(replace(grip, column=column))
    return tuple(grips)
