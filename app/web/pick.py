"""What can be selected in a drawing: a transparent link over each thing, and over each of its
bits and counts.

The layer's addresses do not depend on what is selected, so a drawing is the same for everybody.
Things are in the tab order, row by row; the arrow keys up and down go on to their fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from .cells import Cell
from .hiding import Hiding
from .layout import FRAME_HEIGHT, FRAME_WIDTH, HANDLE_PITCH, PTE_HEIGHT, Layout, Row
from .marks import BITS, LETTER, counts_of, pitch, text
from .scene import Frame, Hold, Scene, Slot
from .strips import Strip
from .things import Count

BIT_NAMES = {
    "P": ("p", "present"),
    "W": ("w", "writable"),
    "D": ("d", "dirty"),
    "S": ("s", "soft-dirty"),
    "U": ("u", "uffd-wp"),
}
OWN_LINK = re.compile(r'<a href="[^"]*"')
Box = tuple[float, float, float, float]


def selectable(
    svg: str, layout: Layout, scene: Scene, bit: str, hiding: Hiding | None = None
) -> str:
    """The drawing with the layer on top, which takes the place of its own links.

    `bit` is where the policy keeps "exclusive" (`Policy.bit`). With `hiding` each thing has a link
    that hides it.
    """
    plain = OWN_LINK.sub("<g", svg).replace("</a>", "</g>").removesuffix("</svg>")
    picks = "".join(layer(layout, scene, bit))
    if hiding is not None:
        picks += "".join(
            hide(hiding.link(name), words, x, y) for name, words, x, y in hideable(layout, scene)
        )
    return f'{plain}<g class="picks">{picks}</g></svg>'


def layer(layout: Layout, scene: Scene, bit: str) -> Iterator[str]:
    for column in layout.columns:
        if column.first <= scene.number <= column.last:
            box = (column.x, 24, 10 + 14 * min(len(column.name), 8), 22)
            yield thing(column.name, f"process {column.name}", box)
    things: dict[str, Frame | Slot] = {**scene.frames, **scene.slots}
    entries = [cell for cells in scene.cells for cell in cells.values()]
    unequal = {cell.target.partition(":")[0] for cell in entries if cell.differs}
    for index, (row, cells) in enumerate(zip(layout.rows, scene.cells, strict=True)):
        for column in layout.columns:
            yield from entry(column.x, row, layout.cell_width, cells[column.name])
        for label, it in things.items():
            item = layout.items[label]
            if item.row == index and it.state != "freed":
                if isinstance(it, Frame):
                    yield from frame(layout.frame_x, item.y, it, bit == "page" and label in unequal)
                else:
                    yield from slot(layout.frame_x, item.y + 8, it)
        for label, strip in scene.strips.items():
            item = layout.items[label]
            if item.row == index and strip.state != "freed":
                box = (layout.frame_x, item.y, item.width, item.height)
                yield thing(label, f"{strip.name}: {strip.words}", box, label)
    for grip in layout.grips:
        if grip.first <= scene.number <= grip.last and grip.handle in scene.handles:
            mid = layout.items[grip.item].mid + (10 if grip.column % 2 else 0)
            x = layout.handle_x + grip.column * HANDLE_PITCH
            yield handle(scene.handles[grip.handle], (x, mid - 22, 64, 44))


def hideable(layout: Layout, scene: Scene) -> Iterator[tuple[str, str, float, float]]:
    """(name in a link, in words, the middle of its sign) of everything that can be hidden."""
    for column in layout.columns:
        yield column.name, f"process {column.name}", column.x + layout.cell_width - 5, 36
    things: dict[str, Frame | Slot | Strip] = {**scene.frames, **scene.slots, **scene.strips}
    for label, it in things.items():
        if it.state != "freed":
            item = layout.items[label]
            low = item.height if item.strip else FRAME_HEIGHT
            yield (
                label,
                getattr(it, "name", label),
                layout.frame_x + item.width + 14,
                item.y + low - 12,
            )
    for grip in layout.grips:
        if grip.first <= scene.number <= grip.last and grip.handle in scene.handles:
            mid = layout.items[grip.item].mid + (10 if grip.column % 2 else 0)
            x = layout.handle_x + grip.column * HANDLE_PITCH
            yield spelled(grip.handle), f"handle {grip.handle}", x + 70, mid - 16


def hide(href: str, words: str, x: float, y: float) -> str:
    """A small lid over what is looked at, and room around it to hit it."""
    return (
        f'<a class="hide" href="{href}" tabindex="-1" aria-label="hide {escape(words)}">'
        f"<title>hide {escape(words)}</title>"
        f'<rect x="{x - 10:g}" y="{y - 10:g}" width="20" height="20"/>{lid(x, y)}</a>'
    )


def lid(x: float, y: float) -> str:
    """A closed eye."""
    return f'<path d="M{x - 5:g} {y:g}q5 5 10 0m-8.5 2l-2 3m5.5 -2v3.5m3.5 -4.5l2 3"/>'


def pick(css: str, sel: str, links: str, words: str, box: Box, more: str = "") -> str:
    x, y, w, h = box
    name = escape(sel)
    return (
        f'<a class="{css}" data-link="{links}" data-sel="{name}" href="?sel={name}"{more} '
        f'aria-label="{escape(words)}"><rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"/></a>'
    )


def thing(sel: str, words: str, box: Box, links: str = "") -> str:
    return pick("pick", sel, links, words, box)


def part(sel: str, words: str, box: Box, links: str = "") -> str:
    return pick("pick part", sel, links, f"{sel}: {words}", box, ' tabindex="-1"')


def entry(x: float, row: Row, width: float, cell: Cell) -> Iterator[str]:
    """A page-table entry: what it maps, and its bits."""
    if not cell.place:
        return
    y, at, links = row.box, cell.place, cell.target.partition(":")[0]
    what = f"maps {cell.target}" if cell.kind == "present" else cell.target or "nothing present"
    if cell.kind == "migrating":
        links, what = cell.on_its_way, f"migration entry, {cell.note}"
    yield thing(at, f"{at}: {what}", (x, y, width, row.deep), links)
    if not cell.target or row.slim:
        return
    yield part(f"{at}.frame", what, (x + 24, y + 5, width - 46, 19), links)
    if cell.exclusive and cell.kind == "present":
        yield part(
            f"{at}.exclusive", "exclusive in the PTE", (x + width - 18, y + 3, 16, 20), links
        )
    if cell.kind == "swap":
        yield part(f"{at}.swp_exclusive", cell.note, (x + 6, y + 28, width - 12, 18), links)
        return
    pitch = (width - 20) / len(BITS)
    for i, bit in enumerate(BITS):
        name, words = BIT_NAMES[bit]
        is_set = words if bit in cell.bits else f"not {words}"
        yield part(
            f"{at}.{name}",
            is_set,
            (round(x + 10 + pitch * i, 1), y + 27, round(pitch, 1), 19),
            links,
        )


def frame(x: float, y: float, it: Frame, unequal: bool) -> Iterator[str]:
    """A struct page: gate, value, counters, ledger; `unequal` puts a ≠ on the gate."""
    label, links = it.label, it.label
    yield thing(
        label,
        f"{label}: {it.words}, value {it.value.now}",
        (x, y, FRAME_WIDTH, FRAME_HEIGHT),
        links,
    )
    words = "exclusive" if it.exclusive else "not exclusive"
    yield part(f"{label}.exclusive", words, (x, y, 22, FRAME_HEIGHT), links)
    if unequal:
        yield text(x + 11, y + FRAME_HEIGHT - 6, "≠", "neq")
        words = f"pagemap says {'not ' if it.exclusive else ''}exclusively mapped"
        yield part(f"{label}.bit56", words, (x, y + FRAME_HEIGHT - 20, 22, 20), links)
    box = (x + 26, y + 6, 48, FRAME_HEIGHT - 12)
    yield part(f"{label}.value", f"holds {it.value.now}", box, links)
    at = x + 88.0
    counts = counts_of(it)
    letter = LETTER * pitch(counts)
    for name, count in counts:
        width = letter * (len(name) + 1 + len(str(count)))
        yield part(
            f"{label}.{name}",
            counted(name, count),
            (round(at - 2, 1), y + 27, round(width + 3, 1), 17),
            links,
        )
        at += width + letter
    words = ", ".join(token.title for token in it.holders) or "held by nobody"
    yield part(f"{label}.holders", words, (x + 86, y + 46, FRAME_WIDTH - 92, 18), links)


def counted(name: str, count: Count) -> str:
    words = {"ref": "refcount", "map": "mapcount", "pin": "pins", "count": "swap entries"}[name]
    return f"{words} {count.now}" if count.was is None else f"{words} {count.was} to {count.now}"


def slot(x: float, y: float, it: Slot) -> Iterator[str]:
    links = f"{it.label} {it.cached}" if it.cached else it.label
    yield thing(it.label, f"{it.label}: swap slot", (x, y, FRAME_WIDTH, PTE_HEIGHT), links)
    yield part(f"{it.label}.value", f"holds {it.value.now}", (x + 34, y + 6, 40, 40), links)
    width = LETTER * (len("entries ") + len(str(it.entries)))
    yield part(
        f"{it.label}.count",
        counted("count", it.entries),
        (x + 86, y + 28, round(width + 4, 1), 18),
        links,
    )
    if it.cached:
        yield part(
            f"{it.label}.cached",
            f"cached by {it.cached}",
            (round(x + 92 + width, 1), y + 28, 82, 18),
            links,
        )


def spelled(handle: str) -> str:
    """A handle's name in a link, where one that is called like a frame says what it is."""
    return f"handle:{handle}" if re.fullmatch(r"[fs]\d+", handle) else handle


def handle(hold: Hold, box: Box) -> str:
    name = spelled(hold.name)
    words = f"{hold.name}: {hold.words} by {hold.owner} on {', '.join(hold.frames)}"
    return thing(name, words, box, " ".join(dict.fromkeys(hold.frames)))
