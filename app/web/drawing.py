"""A scene as SVG: rows are addresses, columns are owners, wires are buses below each row.

A dot on a wire is a connection, a crossing without one is none. Every coordinate comes from the
run's layout, so that a thing that does not change is drawn in the same place in every step.
"""

from __future__ import annotations

from html import escape

from . import entries, marks, strip_marks
from .cells import Cell
from .layout import FRAME_HEIGHT, HANDLE_PITCH, Column, Grip, Group, Item, Layout, Row
from .scene import Frame, Scene, Slot
from .strips import Strip
from .wires import wires

MIDDLE = FRAME_HEIGHT / 2
TALL = 640
"""A drawing higher than this is never blown up to fill its pane."""
WIDE = 1240
LEAST = 0.95
LABEL_LETTERS = 11
"""Letters of a row's name that the column has room for."""


def stage(layout: Layout, scene: Scene, title: str) -> str:
    """The whole picture of one step."""
    width, height = layout.width + 8, layout.height + 4
    css = "mem stage-svg big" if height > TALL or width > WIDE else "mem stage-svg"
    # The least size in a page: letters of 11 pixels stay legible, then the pane scrolls.
    size = f' width="{width * LEAST:g}" height="{height * LEAST:g}"'
    parts = [heads(layout, scene)]
    parts += [group_of_rows(layout, scene, group) for group in layout.groups]
    parts.append(things(layout, scene))
    parts.append(band(layout, layout.height - 4))
    return (
        f'<svg class="{css}"{size} preserveAspectRatio="xMidYMin meet" '
        f'viewBox="-6 0 {layout.width + 8} {layout.height + 4}" role="group" '
        f'aria-label="{escape(title)}">{marks.DEFS}{"".join(parts)}</svg>'
    )


def group_of_rows(layout: Layout, scene: Scene, group: Group) -> str:
    """A row, or the rows of a block."""
    out = [band(layout, group.top)]
    out += [row_text(layout.rows[i], group) for i in range(group.first, group.last + 1)]
    row, cells = layout.rows[group.first], scene.cells[group.first]
    if row.folded and not group.block:
        return "".join(out) + folded_row(layout, row, cells)
    out.append(wires(layout, scene, group))
    if group.block:
        out.append(entries.block(layout, scene, group))
    else:
        out += [marks.pte(c.x, row.box, layout.cell_width, cells[c.name]) for c in layout.columns]
    return "".join(out)


def band(layout: Layout, y: float) -> str:
    return f'<line class="band" x1="0" y1="{y:g}" x2="{layout.width}" y2="{y:g}"/>'


SHORT = {"process": "", "not yet": "later", "exited": "gone"}
"""Words over a narrow column, that leave room for the sign that hides it."""


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
        if narrow:
            words = SHORT.get(words, words)
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


def row_text(row: Row, group: Group) -> str:
    """Which pages; a name that is too long for one line has the range on the first."""
    if not row.area:
        return marks.text(0, row.top + 39, row.label, "lab strong")
    y = row.box + (15 if row.folded else row.deep / 2 + 4 if group.block else 23)
    first = row.lo == group_start(row, group)
    if len(row.label) <= LABEL_LETTERS:
        css = "lab strong" if len(row.label) < 9 else "lab long"
        out = marks.text(0, y, row.label, css)
        below = row.kind if not group.block else ""
    else:
        css = "lab long"
        out = "" if group.block and not first else marks.text(0, y - 13, clipped(row.area), css)
        out += marks.text(0, y, row.pages, css)
        below = ""
    if below and not row.folded:
        out += marks.text(0, y + 17, below, "small")
    elif group.block and first and group.floor - group.boxes > 44:
        out += marks.text(0, group.boxes - 4, row.kind, "small") if row.kind != "anon" else ""
    return out


def group_start(row: Row, group: Group) -> int:
    return row.lo if row.box == group.boxes else -1


def clipped(name: str) -> str:
    return name if len(name) <= LABEL_LETTERS else f"{name[: LABEL_LETTERS - 1]}…"


def folded_row(layout: Layout, row: Row, cells: dict[str, Cell]) -> str:
    """Pages that nobody touches in this run, or that there is no room for: one thin line."""
    return "".join(
        f'<g class="pte none"><rect class="box" x="{c.x}" y="{row.top + 8}" '
        f'width="{layout.cell_width}" height="20"/>'
        + marks.text(c.x + layout.cell_width / 2, row.top + 22, cells[c.name].note, "mid small")
        + (
            marks.bracket(c.x - 3, row.top + 5, layout.cell_width + 6, 26)
            if cells[c.name].changed
            else ""
        )
        + "</g>"
        for c in layout.columns
        if cells[c.name].kind == "folded"
    )


# -- what is mapped and held ------------------------------------------------------------------


def things(layout: Layout, scene: Scene) -> str:
    out = [copy_arrow(layout, *copy) for copy in scene.copies]
    boxes: dict[str, Frame | Slot | Strip] = {**scene.frames, **scene.slots, **scene.strips}
    taken = {layout.items[label].y for label, box in boxes.items() if box.state != "freed"}
    for label, box in boxes.items():
        item = layout.items[label]
        if box.state == "freed" and item.y in taken:
            continue
        if isinstance(box, Strip):
            out.append(strip_marks.strip(layout.frame_x, item, box))
        elif isinstance(box, Frame):
            out.append(marks.frame(layout.frame_x, item.y, box))
        else:
            out.append(marks.slot(layout.frame_x, item.y + 8, box))
    out += [
        grip_mark(layout, scene, grip)
        for grip in layout.grips
        if grip.first <= scene.number <= grip.last and grip.handle in scene.handles
    ]
    return "".join(out)


def copy_arrow(layout: Layout, source: str, to: str, value: int) -> str:
    """Content copied from page to page in this step."""
    one, other = layout.items[source], layout.items[to]
    if one.width != other.width:
        return arrow_between(layout, one, other, value)
    x = layout.frame_x + one.width + 9
    a, b = one.mid + 6, other.mid - 6
    bend = 10 if b > a else -10
    return (
        f'<path class="copywire" d="M{x} {a:g}h14q10 0 10 {bend}V{b - bend:g}q0 {bend} -10 {bend}'
        f'h-4"/><path class="copytip" d="M{x + 1} {b:g}l11 -6v12z"/>'
        + marks.text(x + 29, (a + b) / 2 + 4, f"copy {value}", "copylab")
    )


def arrow_between(layout: Layout, one: Item, other: Item, value: int) -> str:
    """From a wide box's edge to the side of a narrow one, or back."""
    wide, narrow = (one, other) if one.width > other.width else (other, one)
    x, edge = layout.frame_x + narrow.width + 40, layout.frame_x + narrow.width + 9
    side = wide.y + wide.height if narrow.y > wide.y else wide.y
    away = 2 if narrow.y > wide.y else -2
    label = marks.text(x + 8, narrow.mid + 4, f"copy {value}", "copylab")
    if one is wide:
        path = f"M{x} {side + away}V{narrow.mid:g}H{edge + 10}"
        tip = f"M{edge + 1} {narrow.mid:g}l11 -6v12z"
    else:
        path = f"M{edge} {narrow.mid:g}H{x}V{side + 6 * away}"
        tip = f"M{x} {side + away}l-6 {5 * away}h12z"
    return f'<path class="copywire" d="{path}"/><path class="copytip" d="{tip}"/>{label}'


def grip_mark(layout: Layout, scene: Scene, grip: Grip) -> str:
    hold, item = scene.handles[grip.handle], layout.items[grip.item]
    mid = item.mid + (10 if grip.column % 2 else 0)
    x = layout.handle_x + grip.column * HANDLE_PITCH
    kind = "leak" if hold.bad else "pin"
    edge = layout.frame_x + item.width
    wire = (
        f'<path class="wire {kind} lk" data-link="{item.label}" d="M{x - 2} {mid:g}H{edge + 12}"/>'
        f'<path class="tip {kind}" d="M{edge + 1} {mid:g}l7 -6l7 6l-7 6z"/>'
    )
    return (
        ("" if item.label in layout.hidden else wire)
        + f'<g class="lk" data-link="{item.label}">'
        + marks.handle(x, mid, hold, grip.page, grip.pages)
        + "</g>"
    )
