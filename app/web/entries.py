"""Entries of a block: close together, and a PMD's as one tall entry over all of its rows."""

from __future__ import annotations

import re
from html import escape

from msgspec.structs import replace

from .cells import Cell
from .layout import Column, Group, Layout
from .marks import bracket, lock, migrating_pte, pencil, platter, text, was_of
from .scene import Scene

LETTERS = "PWDSU"
SMALL, LONG = 7.8, 6.6
"""Width of a letter of the two sizes of a label."""


def block(layout: Layout, scene: Scene, group: Group) -> str:
    """What every process has in the rows of a block."""
    out = []
    for column in layout.columns:
        rows = range(group.first, group.last + 1)
        cells = [scene.cells[index][column.name] for index in rows]
        if cells[0].by == "pmd" and all(
            cell.by == "pmd" or cell.kind == "folded" for cell in cells
        ):
            out.append(tall(layout, group, column, cells))
            continue
        whole = len(cells) > 1 and all(cell.changed for cell in cells)
        out.extend(
            slim(layout, column.x, index, cell, ring=cell.changed and not whole)
            for index, cell in zip(rows, cells, strict=True)
        )
        if whole:
            height = group.floor - group.boxes
            out.append(bracket(column.x - 4, group.boxes - 4, layout.cell_width + 8, height + 8))
    return "".join(out)


def css_of(cell: Cell) -> str:
    return "swap" if cell.kind == "swap" else "rw" if cell.writable else "ro"


def tall(layout: Layout, group: Group, column: Column, cells: list[Cell]) -> str:
    """A PMD: one entry for all pages of the block."""
    x, y, w, h = column.x, group.boxes, layout.cell_width, group.floor - group.boxes
    cell = cells[0]
    pages = layout.rows[group.last].hi - layout.rows[group.first].lo
    name = cell.target.partition(":")[0]
    glyph = pencil if cell.writable else lock
    mid = y + h / 2
    said = "hzero" if name == "hzero" else name
    out = [
        f'<a href="#{name}" class="lk" data-link="{name}" data-at="{cell.place}">'
        f'<g class="pte pmd {css_of(cell)}">'
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"/>'
        f'<path class="pmdrail" d="M{x + 4:g} {y + 4:g}v{h - 8:g}'
        f'M{x + w - 4:g} {y + 4:g}v{h - 8:g}"/>',
        glyph(x + 9, mid - 18),
        *target(x, mid, w, said),
        letters(x + 12, mid + (17 if one_line(w, said) else 24), cell),
    ]
    if h > 80:
        out.append(text(x + 12, mid + 41, f"{pages} pages", "small"))
    if cell.was or cell.was_by:
        old = was_of(cell) if cell.was else f"{cell.was_by.upper()}s"
        out.append(
            f'<text class="cnt end" x="{x + w - 8:g}" y="{y + 13:g}">'
            f'<tspan class="was">{escape(old)}</tspan></text>'
        )
    if any(c.changed for c in cells):
        out.append(bracket(x - 4, y - 4, w + 8, h + 8))
    return "".join(out) + "</g></a>"


def one_line(width: float, name: str) -> bool:
    return width > 100 and len(name) < 4


def target(x: float, mid: float, width: float, name: str) -> list[str]:
    """`PMD → f0`, in two lines where it is too long for one."""
    if one_line(width, name):
        return [text(x + 27, mid - 6, f"PMD → {name}", "tgt sm")]
    return [
        text(x + 27, mid - 7, "PMD →", "tgt sm"),
        text(x + width / 2 + 6, mid + 9, name, "tgt sm mid"),
    ]


def label(x: float, y: float, room: float, shown: str) -> tuple[str, str]:
    """What an entry maps, in the room that there is: `f100..163` where `f100..f163` is too long."""
    if len(shown) * SMALL > room:
        shown = re.sub(r"\.\.[fs]", "..", shown)
    if len(shown) * SMALL <= room:
        return shown, text(x, y, shown, "tgt sm")
    squeezed = f' textLength="{room:g}" lengthAdjust="spacingAndGlyphs"'
    squeezed = squeezed if len(shown) * LONG > room else ""
    return shown, f'<text x="{x:g}" y="{y:g}" class="tgt long"{squeezed}>{escape(shown)}</text>'


def letters(x: float, y: float, cell: Cell, *, dots: bool = True) -> str:
    """The set bits, and the ones that flipped, in their order; a dot where the bit is clear.

    Without `dots` there is room for what is set or flipped only, and the entry itself says P.
    """
    parts = []
    for bit in LETTERS:
        on = bit in cell.bits
        if not dots and bit not in cell.flips and (not on or bit == "P"):
            continue
        css = "flip" if bit in cell.flips else "n" if on else ""
        shown = bit if on else "·"
        parts.append(f'<tspan class="{css}">{shown}</tspan>' if css else shown)
    return f'<text class="cnt bits" x="{x:g}" y="{y:g}">{"".join(parts)}</text>'


def slim(layout: Layout, x: float, index: int, cell: Cell, ring: bool) -> str:
    """One entry of a block: a line of text, two where labels are long."""
    row = layout.rows[index]
    y, w, h = row.box, layout.cell_width, row.deep
    mark = bracket(x - 3, y - 3, w + 6, h + 6) if ring else ""
    if cell.kind == "absent":
        return ""
    if cell.kind == "migrating":
        return migrating_pte(x, y, w, h, replace(cell, changed=ring))
    line = y + (h / 2 + 4 if h < 34 or not cell.target else h / 2 - 3)
    old = f'<tspan class="was">{escape(was_of(cell))}</tspan> ' if cell.was else ""
    if cell.kind in ("novma", "none", "folded"):
        words = "—" if cell.kind == "novma" else cell.note
        if old and cell.kind == "none":
            words = "none"
        box = (
            ""
            if cell.kind == "novma"
            else f'<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"/>'
        )
        shown, title, squeezed = words, "", ""
        if cell.kind == "folded" and "," in words:
            shown, title = mixed(words), f"<title>{escape(words)}</title>"
            if len(shown) * SMALL > w:
                squeezed = f' textLength="{w - 4:g}" lengthAdjust="spacingAndGlyphs"'
        return (
            f'<g class="pte none">{title}{box}<text x="{x + w / 2:g}" y="{y + h / 2 + 4:g}" '
            f'class="mid small cnt"{squeezed}>{old}{escape(shown)}</text></g>{mark}'
        )
    name = cell.target.partition(":")[0]
    glyph = platter if cell.kind == "swap" else pencil if cell.writable else lock
    out = [
        f'<a href="#{name}" class="lk" data-link="{name}" data-at="{cell.place}">'
        f'<g class="pte {css_of(cell)} slim">'
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"/>',
        glyph(x + 5, line - 10),
    ]
    shown, drawn = label(x + 21, line, w - 25, cell.shown)
    out.append(drawn)
    if cell.kind == "swap":
        words = "excl" if cell.exclusive else ""
        if words:
            out.append(text(x + w - 6, line if h < 34 else line + 15, words, "end small"))
    elif h >= 34:
        out.append(letters(x + 21, line + 15, cell, dots=len(was_of(cell)) < 3))
    else:
        out.append(letters_at_the_end(x + w - 5, line, cell, 3 if len(shown) > 6 else 5))
    if cell.was and h >= 34:
        out.append(
            f'<text class="cnt end" x="{x + w - 6:g}" y="{line + 15:g}">'
            f'<tspan class="was">{escape(was_of(cell))}</tspan></text>'
        )
    return "".join(out) + f"{mark}</g></a>"


def mixed(words: str) -> str:
    """`1 present, 40 swapped` in the room of one entry: the last of it, and of how many."""
    parts = [part.split(" ", 1) for part in words.split(", ")]
    count, what = next((p for p in parts if p[1] == "swapped"), parts[0])
    return f"{count}/{sum(int(number) for number, _ in parts)} {what}"


def letters_at_the_end(x: float, y: float, cell: Cell, room: int) -> str:
    """The set letters less P, which the entry itself says; what flipped always has its place."""
    shown = "".join(b for b in LETTERS[1:] if b in cell.bits or b in cell.flips)
    first = [b for b in shown if b in cell.flips] + [b for b in shown if b not in cell.flips]
    kept = sorted(first[:room], key=LETTERS.index)
    parts = []
    for bit in kept:
        css = "flip" if bit in cell.flips else "n"
        parts.append(f'<tspan class="{css}">{bit if bit in cell.bits else "·"}</tspan>')
    return f'<text class="cnt bits end" x="{x:g}" y="{y:g}">{"".join(parts)}</text>'
