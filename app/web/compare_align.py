"""Two runs in one layout: what corresponds in them, and the place that both give it.

Steps stand side by side as `compare_steps` has them. Frames and swap slots are numbered in order
of allocation, so after one side copies a page every later number is off by one; what counts as the
same thing is therefore not its number but where and when it appeared: the place in the comparison,
and the page that first used it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .compare_steps import Ways
from .layout import Grip, Item, Layout, bounds, label_at, spans_of, target
from .placing import lay_out_numbered

Json = dict[str, Any]
Birth = tuple[int, str, str]

ELSEWHERE = 1 << 24
"""Added to the number of a frame or slot that only the right-hand run has: no run counts so far."""
NEVER = 1 << 30


class Names(Struct, frozen=True):
    """Labels of one run in the words that both share, and back. A label without entry is shared."""

    shared: dict[str, str]
    own: dict[str, str]

    def to_shared(self, label: str) -> str:
        """A label or a range of labels, `f1:f4`."""
        first, colon, last = label.partition(":")
        name = self.shared.get(first, first)
        if not colon:
            return name
        return f"{name}:{label_at(f'{name}:', int(last[1:]) - int(first[1:]))}"

    def to_own(self, label: str) -> str:
        return self.own.get(label, label)


class Alignment(Struct, frozen=True):
    """One layout, as it is (`joint`, in shared labels) and in the labels of each side.

    `names` leads from the right's labels to shared ones; the left's are shared ones. `renamed`
    lists (left, right) labels that stand for the same thing and differ.
    """

    joint: Layout
    left: Layout
    right: Layout
    names: Names
    renamed: tuple[tuple[str, str], ...]


class Side:
    """What one run has: the places at which each thing appeared, and how long processes and holds
    lasted. `at` is the step that it shows at each place.
    """

    def __init__(self, steps: list[Json], at: tuple[int, ...]) -> None:
        self.births: dict[str, Birth] = {}
        self.processes: dict[str, list[int]] = {}
        self.held: dict[tuple[str, int, str], list[int]] = {}
        for place, number in enumerate(at):
            self.read(place, steps[number]["state"])

    def read(self, place: int, state: Json) -> None:
        fresh = [
            label
            for kind in ("frames", "swap")
            for label in state[kind]
            if label not in self.births and label[1:].isdecimal()
        ]
        if fresh:
            users = dict(reversed(list(users_of(state))))
            for order, label in enumerate(fresh):
                self.births[label] = (place, label[0], users.get(label, f"#{order}"))
        for process in state["processes"]:
            self.processes.setdefault(process, [place, place])[1] = place
        for name, handle in state["handles"].items():
            for page, frame in enumerate(handle["frames"]):
                self.held.setdefault((name, page, frame), [place, place])[1] = place


def users_of(state: Json) -> Iterator[tuple[str, str]]:
    """(label, page) for every page that leads to something, in the order of the drawing."""
    for process, ranges in state["processes"].items():
        for area, entries in ranges.items():
            for entry in entries:
                lo, hi = bounds(entry)
                label = target(entry)
                if label is None or label == "zero":
                    continue
                for page in range(lo, hi):
                    yield label_at(label, page - lo) or label, f"{process}.{area}[{page}]"


def align(left: list[Json], right: list[Json], ways: Ways) -> Alignment:
    """Lay out two runs together, from the surveys of their steps."""
    sides = Side(left, ways.at[0]), Side(right, ways.at[1])
    names = names_of(*sides)
    layout = lay_out_numbered(both(left, right, ways, names))
    renamed = tuple(
        (shared, label)
        for label, shared in names.shared.items()
        if label != shared and int(shared[1:]) < ELSEWHERE
    )
    mine = of_side(layout, sides[0], {label: label for label in sides[0].births})
    return Alignment(layout, mine, of_side(layout, sides[1], names.own), names, renamed)


def names_of(left: Side, right: Side) -> Names:
    known = {birth: label for label, birth in left.births.items()}
    shared = {
        label: known.get(birth) or f"{label[0]}{ELSEWHERE + int(label[1:])}"
        for label, birth in right.births.items()
    }
    return Names(shared, {name: label for label, name in shared.items()})


def both(
    left: list[Json], right: list[Json], ways: Ways, names: Names
) -> Iterator[tuple[int, Json]]:
    """Every place with what both sides show there."""
    for place, (one, other) in enumerate(zip(*ways.at, strict=True)):
        yield place, left[one]
        yield place, in_shared(right[other], names)


def in_shared(step: Json, names: Names) -> Json:
    """A surveyed step with shared labels."""
    state = step["state"]
    swap = {
        names.to_shared(slot): {"cached": value["cached"] and names.to_shared(value["cached"])}
        for slot, value in state["swap"].items()
    }
    processes = {
        process: {
            area: [entry_in_shared(entry, names) for entry in entries]
            for area, entries in ranges.items()
        }
        for process, ranges in state["processes"].items()
    }
    renamed = {
        "processes": processes,
        "frames": [names.to_shared(label) for label in state["frames"]],
        "large": {
            int(names.to_shared(f"f{head}")[1:]): pages for head, pages in state["large"].items()
        },
        "swap": swap,
        "handles": {
            name: {**handle, "frames": [names.to_shared(label) for label in handle["frames"]]}
            for name, handle in state["handles"].items()
        },
    }
    return {**step, "state": renamed}


def entry_in_shared(entry: Json, names: Names) -> Json:
    key = "frame" if entry["frame"] else "swap_offset_label"
    label = entry[key]
    return entry if not label else {**entry, key: names.to_shared(label)}


def of_side(layout: Layout, side: Side, own: dict[str, str]) -> Layout:
    """The common layout in one side's labels, with that side's processes and holds only.

    `own` leads from shared labels to the side's; what is not in it, the side never has.
    """
    columns = (
        replace(column, first=life[0], last=life[1])
        for column in layout.columns
        for life in (side.processes.get(column.name, (NEVER, NEVER)),)
    )
    named = {shared: own_name(item, own) for shared, item in layout.items.items()}
    items = {
        name: replace(layout.items[shared], label=name)
        for shared, name in named.items()
        if name is not None
    }
    tracks = {(at, name): y for (at, shared), y in layout.tracks.items() if (name := named[shared])}
    mine = replace(
        layout, columns=tuple(columns), items=items, tracks=tracks, spans=spans_of(items.values())
    )
    return replace(mine, grips=tuple(grips_of(layout.grips, side, own, mine)))


def own_name(item: Item, own: dict[str, str]) -> str | None:
    """A side's name for an item; of a strip of which it has some pages, that of the first."""
    letter = item.label[0]
    for page in range(item.pages):
        name = own.get(f"{letter}{item.start + page}")
        if name is not None:
            return f"{letter}{int(name[1:]) - page}"
    return None


def grips_of(
    grips: Iterable[Grip], side: Side, own: dict[str, str], layout: Layout
) -> Iterator[Grip]:
    for grip in grips:
        label = own.get(grip.label, "")
        life = side.held.get((grip.handle, grip.page, label))
        item = layout.place(label)
        if life is not None and item is not None:
            yield replace(grip, label=label, item=item.label, first=life[0], last=life[1])
