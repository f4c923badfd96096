"""A scene as SVG: rows are addresses, columns are owners, wires are buses below each row.

A dot on a wire is a connection, a crossing without one is none. Every coordinate comes from the
run's layout, so that a thing that does not change is drawn in the same place in every step.
"""

from __future__ import annotations

from html import escape

from . import marks
from .layout import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    PTE_HEIGHT,
    TRACK_PITCH,
    Column,
    Grip,
    Item,
    Layout,
    Row,
)
from .scene import Cell, Frame, Scene, Slot, place_of

MIDDLE = FRAME_HEIGHT / 2
TALL = 640
"""A drawing higher than this scrolls in its pane instead of shrinking to it."""
WIDE = 1240


def stage(layout: Layout, scene: Scene, title: str) -> str:
    """The whole picture of one step."""
    css = "mem stage-svg"
    size = ""
    if layout.height > TALL or layout.width > WIDE:
        css += " big"
        size = f' width="{layout.width + 8}" height="{layout.height + 4}"'
    parts = [heads(layout, scene)]
    for index, (row, cells) in enumerate(zip(layout.rows, scene.cells, strict=True)):
        parts.append(row_text(layout, row))
        if row.folded:
            parts.append(folded_row(layout, row, cells))
        else:
            parts.append(wires(layout, scene, index))
            parts.extend(
                marks.pte(c.x, row.top + 16, layout.cell_width, cells[c.name])
                for c in layout.columns
            )
    parts.append(things(layout, scene))
    parts.append(band(layout, layout.height - 4))
    return (
        f'<svg class="{css}"{size} preserveAspectRatio="xMidYMin meet" '
        f'viewBox="-6 0 {layout.width + 8} {layout.height + 4}" role="group" '
        f'aria-label="{escape(title)}">{marks.DEFS}{"".join(parts)}</svg>'
    )


def band(layout: Layout, y: float) -> str:
    return f'<line class="band" x1="0" y1="{y:g}" x2="{layout.width}" y2="{y:g}"/>'


def heads(layout: Layout, scene: Scene) -> str:
    out = []
    if layout.columns:
        out.append(marks.text(layout.columns[0].x, 12, "PAGE TABLES", "head"))
    out.append(marks.text(layout.frame_x, 12, "STRUCT PAGES, SWAP SLOTS", "head"))
    out.append(
        marks.text(layout.frame_x, 40, "gate: key = exclusive, hatch = maybe shared", "note")
    )
    if layout.grips:
        out.append(marks.text(layout.handle_x, 12, "HELD OUTSIDE", "head"))
    narrow = layout.cell_width < 100
    for column in layout.columns:
        early, late = scene.number < column.first, scene.number > column.last
        words = f"child of {column.parent}" if column.parent else head_words(layout, scene, column)
        if early or late:
            words = "not yet" if early else "exited"
        elif narrow and column.parent:
            words = f"of {column.parent}"
        width = 10 + 14 * len(column.name) if len(column.name) < 4 else 12 + 8 * len(column.name)
        css = "tokbox off" if early or late else "tokbox"
        out.append(
            f'<rect class="{css}" x="{column.x}" y="24" width="{width}" height="22"/>'
            + marks.text(column.x + width / 2, 40, column.name, "mid lab strong")
            + marks.text(column.x + width + 7, 40, words, "small")
        )
    return "".join(out)


def head_words(layout: Layout, scene: Scene, column: Column) -> str:
    """Of a process that nobody in the scenario forked."""
    has_child = any(c.parent == column.name and c.first <= scene.number for c in layout.columns)
    return "parent" if has_child else "process"


def row_text(layout: Layout, row: Row) -> str:
    y = row.top + (27 if row.folded else 44)
    label = marks.text(0, y - 5, row.label, "lab strong" if len(row.label) < 10 else "lab long")
    sub = "" if row.folded else marks.text(0, y + 12, row.kind, "small")
    return band(layout, row.top) + label + sub


def folded_row(layout: Layout, row: Row, cells: dict[str, Cell]) -> str:
    """Pages that nobody touches in this run, or that there is no room for: one thin line."""
    return "".join(
        f'<g class="pte none"><rect class="box" x="{c.x}" y="{row.top + 8}" '
        f'width="{layout.cell_width}" height="20"/>'
        + marks.text(c.x + layout.cell_width / 2, row.top + 22, cells[c.name].note, "mid small")
        + "</g>"
        for c in layout.columns
        if cells[c.name].kind == "folded"
    )


# -- wires ------------------------------------------------------------------------------------


def kind_of(cell: Cell) -> str:
    return "swap" if cell.kind == "swap" else "rw" if cell.writable else "ro"


def wires(layout: Layout, scene: Scene, index: int) -> str:
    """From every entry of a row to what it maps, and dotted for what it mapped before."""
    row, cells = layout.rows[index], scene.cells[index]
    users: dict[str, list[tuple[float, Cell]]] = {}
    lost: list[tuple[float, Item]] = []
    for column in layout.columns:
        cell = cells[column.name]
        x = column.x + layout.cell_width / 2
        if cell.target and place_of(layout, cell.target):
            users.setdefault(cell.target.partition(":")[0], []).append((x, cell))
        old = place_of(layout, cell.was) if cell.was else None
        if old is not None:
            lost.append((x - 14, old))
    out = [
        ghost(layout, row, x, item, users[item.label][0][0] if item.label in users else None)
        for x, item in lost
    ]
    for order, (label, ends) in enumerate(users.items()):
        item = layout.items[label]
        out.append(bus(layout, row, index, item, ends, order))
    return "".join(out)


def track_y(row: Row, item: Item, foreign: bool) -> float:
    """The height of an item's bus under the entries; one from another row takes the last."""
    lane = row.lanes - 1 if foreign else min(item.lane, row.lanes - 1)
    return row.top + 16 + PTE_HEIGHT + 13 + TRACK_PITCH * lane + (5 if foreign else 0)


def bus(
    layout: Layout, row: Row, index: int, item: Item, ends: list[tuple[float, Cell]], order: int
) -> str:
    """One bus: down from each entry, along its track, and over to the item's left edge."""
    kinds = [kind_of(cell) for _, cell in ends]
    best = "swap" if "swap" in kinds else "rw" if "rw" in kinds else "ro"
    y, mid = track_y(row, item, item.row != index), item.y + MIDDLE
    rise = layout.frame_x - 34 + 6 * ((item.lane + order) % 4)
    moved = " moved" if any(cell.changed for _, cell in ends) else ""
    link = f'class="wire {{}} lk" data-link="{item.label}"'
    bend = 6 if mid > y else -6
    corner = (
        f"V{mid - bend:g}Q{rise:g} {mid:g} {rise + 6:g} {mid:g}"
        if abs(mid - y) > 12
        else f"L{rise + 6:g} {mid:g}"
    )
    turn = f"Q{rise:g} {y:g} {rise:g} {y + bend:g}" if abs(mid - y) > 12 else ""
    out = [
        f"<path {link.format(best + moved)} "
        f'd="M{ends[0][0]:g} {y:g}H{rise - 6:g}{turn}{corner}H{layout.frame_x - 9:g}"/>'
        f'<path class="tip {best}{moved}" d="M{layout.frame_x - 1:g} {mid:g}l-10 -5v10z"/>'
    ]
    for (x, cell), kind in zip(ends, kinds, strict=True):
        mine = f"{kind} moved" if cell.changed else kind
        out.append(
            f'<path {link.format(mine)} d="M{x:g} {row.top + 16 + PTE_HEIGHT}V{y:g}"/>'
            f'<circle class="dot {mine}" cx="{x:g}" cy="{y:g}" r="{4.5 if kind == "rw" else 4}"/>'
        )
    return "".join(out)


def ghost(layout: Layout, row: Row, x: float, item: Item, joins: float | None) -> str:
    """A mapping that this step removed: to the bus that is still there, or to the item."""
    y = track_y(row, item, layout.rows[item.row] is not row)
    if joins is None:
        end = f"H{layout.frame_x - 40}V{item.y + MIDDLE + 8:g}H{layout.frame_x - 6}"
    else:
        end = f"H{joins:g}"
    return f'<path class="wire ghost" d="M{x:g} {row.top + 16 + PTE_HEIGHT}V{y:g}{end}"/>'


# -- what is mapped and held ------------------------------------------------------------------


def things(layout: Layout, scene: Scene) -> str:
    out = [copy_arrow(layout, scene, *pair) for pair in scene.copies]
    boxes: dict[str, Frame | Slot] = {**scene.frames, **scene.slots}
    taken = {layout.items[label].y for label, box in boxes.items() if box.state != "freed"}
    for label, box in boxes.items():
        y = layout.items[label].y
        if box.state == "freed" and y in taken:
            continue
        if isinstance(box, Frame):
            out.append(marks.frame(layout.frame_x, y, box))
        else:
            out.append(marks.slot(layout.frame_x, y + 8, box))
    out += [
        grip_mark(layout, scene, grip)
        for grip in layout.grips
        if grip.first <= scene.number <= grip.last and grip.handle in scene.handles
    ]
    return "".join(out)


def copy_arrow(layout: Layout, scene: Scene, source: str, to: str) -> str:
    """Content copied from page to page in this step."""
    x = layout.frame_x + FRAME_WIDTH + 9
    a, b = layout.items[source].y + MIDDLE + 6, layout.items[to].y + MIDDLE - 6
    bend = 10 if b > a else -10
    return (
        f'<path class="copywire" d="M{x} {a:g}h14q10 0 10 {bend}V{b - bend:g}q0 {bend} -10 {bend}'
        f'h-4"/><path class="copytip" d="M{x + 1} {b:g}l11 -6v12z"/>'
        + marks.text(x + 29, (a + b) / 2 + 4, f"copy {scene.frames[source].value.now}", "copylab")
    )


def grip_mark(layout: Layout, scene: Scene, grip: Grip) -> str:
    hold = scene.handles[grip.handle]
    mid = layout.items[grip.label].y + MIDDLE + (10 if grip.column % 2 else 0)
    x = layout.handle_x + grip.column * 76
    kind = "leak" if hold.bad else "pin"
    edge = layout.frame_x + FRAME_WIDTH
    return (
        f'<path class="wire {kind} lk" data-link="{grip.label}" d="M{x - 2} {mid:g}H{edge + 12}"/>'
        f'<path class="tip {kind}" d="M{edge + 1} {mid:g}l7 -6l7 6l-7 6z"/>'
        + f'<g class="lk" data-link="{grip.label}">{marks.handle(x, mid, hold, grip.page)}</g>'
    )
