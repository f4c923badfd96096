"""Wires: from every entry to what it maps, as buses along tracks.

A dot on a wire is a connection, a crossing without one is none. A bus runs below its row, or
above its block, to the riser of the thing that it leads to, left of all frames.
"""

from __future__ import annotations

from msgspec import Struct

from .cells import Cell
from .layout import RISER_PITCH, Group, Item, Layout, Row
from .scene import Scene
from .tracks import GROUP

ORDER = ("ro", "rw", "pmd ro", "pmd rw", "swap")


class End(Struct, frozen=True):
    """Where a process's entries join a bus: `x`, the edge of the entry `y`, and how it maps."""

    x: float
    y: float
    kind: str
    note: str = ""
    moved: bool = False

    @property
    def css(self) -> str:
        return f"{self.kind} moved" if self.moved else self.kind


def kind_of(cell: Cell) -> str:
    if cell.kind == "swap":
        return "swap"
    mode = "rw" if cell.writable else "ro"
    return f"pmd {mode}" if cell.by == "pmd" else mode


def wires(layout: Layout, scene: Scene, group: Group) -> str:
    """All wires of one group of rows; what this step removed dotted."""
    out: list[str] = []
    for index in range(group.first, group.last + 1):
        row, cells = layout.rows[index], scene.cells[index]
        users: dict[str, list[End]] = {}
        lost: list[tuple[float, Item]] = []
        for column in layout.columns:
            cell = cells[column.name]
            x = column.x + layout.cell_width / 2
            item = layout.place(cell.target)
            if item is not None and (index, item.label) in layout.tracks:
                users.setdefault(item.label, []).append(
                    End(x, row.box + row.deep, kind_of(cell), "", cell.changed)
                )
            old = layout.place(cell.was)
            if old is not None and old is not item and (index, old.label) in layout.tracks:
                lost.append((x - 14, old))
        out += [ghost(layout, row, index, x, item, users.get(item.label)) for x, item in lost]
        out += [bus(layout, index, layout.items[label], ends) for label, ends in users.items()]
    if group.block:
        out += block_wires(layout, scene, group)
    return "".join(out)


def block_wires(layout: Layout, scene: Scene, group: Group) -> list[str]:
    """One wire for each process and strip: a thick one for a PMD, else one for all of its PTEs."""
    at = GROUP + layout.rows[group.first].group
    users: dict[str, list[End]] = {}
    for column in layout.columns:
        found: dict[str, list[tuple[Row, Cell]]] = {}
        for index in range(group.first, group.last + 1):
            cell = scene.cells[index][column.name]
            item = layout.place(cell.target)
            if item is not None and (at, item.label) in layout.tracks:
                found.setdefault(item.label, []).append((layout.rows[index], cell))
        spread = len(found) - 1
        for order, (label, cells) in enumerate(found.items()):
            kinds = {kind_of(cell) for _, cell in cells}
            kind = max(kinds, key=ORDER.index)
            pages = sum(row.hi - row.lo for row, _ in cells)
            x = column.x + layout.cell_width / 2 + 24 * (order - spread / 2)
            note = "" if kind.startswith("pmd") else str(pages)
            users.setdefault(label, []).append(
                End(x, group.boxes, kind, note, any(c.changed for _, c in cells))
            )
    return [bus(layout, at, layout.items[label], ends) for label, ends in users.items()]


def rise_of(layout: Layout, item: Item) -> float:
    return layout.frame_x - 20 - RISER_PITCH * item.riser


def bus(layout: Layout, at: int, item: Item, ends: list[End]) -> str:
    """One bus: from each entry to its track, along it, and over to the item's left edge."""
    best = max((end.kind for end in ends), key=ORDER.index)
    y, mid, rise = layout.tracks[at, item.label], item.mid, rise_of(layout, item)
    link = f'data-link="{item.label}"'
    far = abs(mid - y) > 12
    bend = 6 if mid > y else -6
    turn = f"Q{rise:g} {y:g} {rise:g} {y + bend:g}" if far else ""
    corner = (
        f"V{mid - bend:g}Q{rise:g} {mid:g} {rise + 6:g} {mid:g}"
        if far
        else f"L{rise + 6:g} {mid:g}"
    )
    path = f"M{ends[0].x:g} {y:g}H{rise - 6:g}{turn}{corner}H{layout.frame_x - 9:g}"
    moved = " moved" if any(end.moved for end in ends) else ""
    out = [line(best, path, link, moved)]
    out += [
        line(end.kind, f"M{end.x:g} {end.y:g}V{y:g}", link, " moved" if end.moved else "")
        for end in ends
    ]
    out.append(f'<path class="tip {best}{moved}" d="M{layout.frame_x - 1:g} {mid:g}l-10 -5v10z"/>')
    for end in ends:
        radius = 4.5 if end.kind.endswith("rw") else 4
        out.append(f'<circle class="dot {end.css}" cx="{end.x:g}" cy="{y:g}" r="{radius:g}"/>')
        if end.note:
            out.append(
                f'<text class="small" x="{end.x + 3:g}" y="{end.y - 1:g}">{end.note}</text>'
                if end.y - y > 10
                else ""
            )
    if item.row != at and at < GROUP and far and layout.rows[at].group != group_of(layout, item):
        out.append(f'<circle class="dot join" cx="{rise:g}" cy="{y + bend:g}" r="2.5"/>')
    return "".join(out)


def group_of(layout: Layout, item: Item) -> int:
    return layout.rows[item.row].group


def line(kind: str, path: str, link: str, moved: str) -> str:
    """A PMD's wire is wide; where it is read-only it is hollow."""
    core = f'<path class="wire core" d="{path}"/>' if kind == "pmd ro" else ""
    return f'<path class="wire {kind}{moved} lk" {link} d="{path}"/>{core}'


def ghost(
    layout: Layout, row: Row, index: int, x: float, item: Item, users: list[End] | None
) -> str:
    """A mapping that this step removed: to the bus that is still there, or to the item."""
    y = layout.tracks[index, item.label]
    if users:
        end = f"H{users[0].x:g}"
    else:
        end = f"H{rise_of(layout, item):g}V{item.mid + 8:g}H{layout.frame_x - 6}"
    return f'<path class="wire ghost" d="M{x:g} {row.box + row.deep}V{y:g}{end}"/>'
