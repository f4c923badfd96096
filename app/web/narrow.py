"""A layout with some of its rows only, close together, and everything else as it was."""

from __future__ import annotations

from msgspec.structs import replace

from .layout import HEAD_HEIGHT, Group, Layout, Row, spans_of
from .tracks import GROUP


def with_rows(layout: Layout, rows: set[int]) -> Layout:
    """The groups of `rows`: of a block all rows stay, since its entries and wires span them."""
    kept = [group for group in layout.groups if rows & {*range(group.first, group.last + 1)}]
    new_rows: list[Row] = []
    groups: list[Group] = []
    moved: dict[int, tuple[int, int]] = {}
    renamed: dict[int, int] = {}
    y = HEAD_HEIGHT
    for group in kept:
        by, first = y - group.top, len(new_rows)
        for index in range(group.first, group.last + 1):
            row = layout.rows[index]
            renamed[GROUP + row.group] = GROUP + len(groups)
            renamed[index] = len(new_rows)
            moved[index] = (len(new_rows), by)
            new_rows.append(replace(row, top=row.top + by, box=row.box + by, group=len(groups)))
        groups.append(
            replace(
                group, first=first, last=len(new_rows) - 1, top=y,
                boxes=group.boxes + by, floor=group.floor + by,
            )
        )  # fmt: skip
        y += group.height
    items = {
        label: replace(item, row=moved[item.row][0], y=item.y + moved[item.row][1])
        for label, item in layout.items.items()
        if item.row in moved
    }
    shifts = {at: by for at, (_, by) in moved.items()} | {
        GROUP + layout.rows[at].group: by for at, (_, by) in moved.items()
    }
    tracks = {
        (renamed[at], label): height + shifts[at]
        for (at, label), height in layout.tracks.items()
        if at in renamed and label in items
    }
    return replace(
        layout,
        rows=tuple(new_rows),
        groups=tuple(groups),
        items=items,
        spans=spans_of(items.values()),
        tracks=tracks,
        grips=tuple(grip for grip in layout.grips if grip.item in items),
        height=y + 4,
    )
