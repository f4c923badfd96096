"""Where everything of a run is drawn: computed once (`placing`), so that nothing moves.

Rows are virtual pages, columns are processes (`rows`). A frame or swap slot, or a strip of them,
has a place beside the rows that mapped it first, for its whole life (`homes`); a place is given
again only after its owner has been gone for a step. Wires run on tracks below each row, or above
a block of rows, to a riser left of the frames, of which each thing has one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from msgspec import Struct, field

from .homes import Item
from .rows import Row
from .survey import SHARED, bounds, label_at, target

__all__ = [
    "FRAME_HEIGHT", "FRAME_WIDTH", "HANDLE_PITCH", "HEAD_HEIGHT", "PTE_HEIGHT", "Column", "Grip",
    "Group", "Item", "Layout", "Row", "bounds", "label_at", "spans_of", "target",
]  # fmt: skip

PTE_HEIGHT = 52
FRAME_WIDTH = 240
FRAME_HEIGHT = 68
ROOMY, NARROW = (112, 12), (88, 8)
"""Width of an entry, and of the gap behind it."""
RISER_PITCH = 7
HEAD_HEIGHT = 58
HANDLE_PITCH = 76


class Column(Struct, frozen=True):
    """A process: `parent` is "" for the first; it lives in steps `first` to `last`, inclusive."""

    name: str
    parent: str
    first: int
    last: int
    x: int


class Grip(Struct, frozen=True):
    """What a handle holds of one item: `pages` of `handle` from its page `page` on.

    `label` names the first frame, `item` the item that it is a part of.
    """

    handle: str
    page: int
    label: str
    first: int
    last: int
    column: int
    pages: int = 1
    item: str = ""


class Group(Struct, frozen=True):
    """Rows `first` to `last` (inclusive) that are drawn as one: a single row, or a block."""

    first: int
    last: int
    top: int
    height: int
    block: bool
    boxes: int
    floor: int


class Layout(Struct, frozen=True):
    """Coordinates in pixels of the drawing's own system.

    `tracks` has the height of the bus that leads from a row to an item: (row, label), and for
    strips of a block (GROUP + group, label). `spans` finds the item of a strip's page. `hidden`
    items have a place that stays empty. From column to column it is `pitch`.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    items: dict[str, Item]
    spans: dict[str, tuple[tuple[int, int], ...]]
    tracks: dict[tuple[int, str], int]
    grips: tuple[Grip, ...]
    cell_width: int
    frame_x: int
    handle_x: int
    width: int
    height: int
    huge: bool = field(default=False)
    hidden: frozenset[str] = frozenset()

    @property
    def pitch(self) -> int:
        return self.cell_width + (NARROW[1] if self.cell_width == NARROW[0] else ROOMY[1])

    def place(self, label: str) -> Item | None:
        """Where a frame or slot is drawn; of a run of labels, where its first is."""
        item = self.home(label.partition(":")[0])
        return None if item is None or item.label in self.hidden else item

    def home(self, label: str) -> Item | None:
        """The place of a frame or slot, also of a hidden one."""
        item = self.items.get(label)
        if item is not None or label in SHARED or not label:
            return item
        number, spans = int(label[1:]), self.spans.get(label[0], ())
        at = bisect_right(spans, (number, 1 << 40)) - 1
        if at >= 0 and number < spans[at][1]:
            return self.items.get(f"{label[0]}{spans[at][0]}")
        return None


def spans_of(items: Iterable[Item]) -> dict[str, tuple[tuple[int, int], ...]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for item in items:
        if item.strip:
            found.setdefault(item.label[0], []).append((item.start, item.start + item.pages))
    return {letter: tuple(sorted(spans)) for letter, spans in found.items()}
