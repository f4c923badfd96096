"""What a link leaves out of a drawing: `?hide=C,f4`, processes, frames, swap slots and handles.

What stays keeps its row; columns move up. What leads to something hidden has no wire, and what a
step does to it is told as “changed, hidden”. A frame or slot that only hidden processes ever map
goes with them, unless a handle that is shown holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastapi import HTTPException
from msgspec import Struct
from msgspec.structs import replace

from app.service import LoadedRun
from app.trace.subject import BadSelection, Subject

from .blame import Blame
from .changes import changes_of
from .layout import Layout
from .scene import Frame, Scene, Slot
from .strips import Strip

Json = dict[str, Any]

MOST = 32
"""Names in one link."""
TOLD = "changed, hidden"
LABELLED = ("frame", "slot")


class Hiding(Struct, frozen=True):
    """`names` as links spell them; by what they are: `processes`, `items` of the layout, and
    `handles`. `along` are the items that go with the processes.
    """

    names: tuple[str, ...] = ()
    processes: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()
    along: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.names)

    @property
    def query(self) -> str:
        """For an attribute: the value of `hide`."""
        return ",".join(self.names)

    @property
    def back(self) -> tuple[tuple[str, str], ...]:
        """(name, the link that shows it again)."""
        return tuple((name, link_of(n for n in self.names if n != name)) for name in self.names)

    def link(self, *names: str) -> str:
        """The link that hides more."""
        return link_of(dict.fromkeys((*self.names, *names)))


NOTHING = Hiding()


def link_of(names: Iterable[str]) -> str:
    return f"?hide={','.join(names)}"


def hiding_of(blame: Blame, loaded: LoadedRun, layout: Layout, names: tuple[str, ...]) -> Hiding:
    """Raises HTTPException for what this run does not have, and for parts of things."""

    def find(name: str) -> tuple[str, Subject]:
        subject = blame.subject(loaded, name)
        item = layout.place(subject.thing) if subject.kind in LABELLED else None
        found = replace(subject, thing=item.label) if item else subject
        return found.thing, found

    return hiding_by(find, layout, names)


def hiding_by(
    find: Callable[[str], tuple[str, Subject]], layout: Layout, names: tuple[str, ...]
) -> Hiding:
    """`find` gives the right spelling of a name, and its subject by the layout's labels."""
    if len(names) > MOST:
        raise HTTPException(422, f"hide: {MOST} things at most, not {len(names)}.")
    known: dict[str, Subject] = {}
    for name in names:
        try:
            spelled, subject = find(name)
        except BadSelection as bad:
            near = f" Nearest: {', '.join(bad.near)}." if bad.near else ""
            raise HTTPException(422, f"hide: {bad}{near}") from bad
        if subject.field or subject.kind == "page":
            raise HTTPException(
                422,
                f"hide: {name} is part of something. Hide a process (A), a frame (f0), a swap slot "
                "(s0) or a handle.",
            )
        known[spelled] = subject
    found = known.values()
    return Hiding(
        tuple(known),
        processes := frozenset(s.thing for s in found if s.kind == "process"),
        items := frozenset(s.thing for s in found if s.kind in LABELLED),
        handles := frozenset(s.thing.removeprefix("handle:") for s in found if s.kind == "handle"),
        tuple(along(layout, processes, items, handles)),
    )


def along(
    layout: Layout, processes: frozenset[str], items: frozenset[str], handles: frozenset[str]
) -> Iterator[str]:
    held = {grip.item for grip in layout.grips if grip.handle not in handles}
    for item in layout.items.values():
        mine = item.users and processes.issuperset(item.users)
        if mine and item.label not in held and item.label not in items:
            yield item.label


def layout_without(layout: Layout, hiding: Hiding) -> Layout:
    """Rows, tracks and the places of things stay; columns close up."""
    if not hiding:
        return layout
    kept = [column for column in layout.columns if column.name not in hiding.processes]
    places = [column.x for column in layout.columns]
    closer = (len(places) - len(kept)) * layout.pitch
    return replace(
        layout,
        columns=tuple(replace(c, x=x) for c, x in zip(kept, places, strict=False)),
        grips=tuple(grip for grip in layout.grips if grip.handle not in hiding.handles),
        hidden=hiding.items | frozenset(hiding.along),
        frame_x=layout.frame_x - closer,
        handle_x=layout.handle_x - closer,
        width=layout.width - closer,
    )


def scene_without(scene: Scene, layout: Layout, hiding: Hiding, step: Json) -> Scene:
    """A scene as a layout without some things shows it, and what it does not show in words."""
    if not hiding:
        return scene
    shown = replace(
        scene,
        cells=tuple({c.name: cells[c.name] for c in layout.columns} for cells in scene.cells),
        frames={k: v for k, v in scene.frames.items() if k not in layout.hidden},
        slots={k: v for k, v in scene.slots.items() if k not in layout.hidden},
        strips={k: v for k, v in scene.strips.items() if k not in layout.hidden},
        handles={k: v for k, v in scene.handles.items() if k not in hiding.handles},
        copies=tuple(c for c in scene.copies if layout.hidden.isdisjoint(c[:2])),
    )
    told = tuple((name, TOLD) for name in changed(scene, hiding))
    return replace(shown, changes=changes_of(layout, shown, step) + told)


def changed(scene: Scene, hiding: Hiding) -> Iterator[str]:
    """The names of what is hidden and not as it was before the step."""
    things: dict[str, Frame | Slot | Strip] = {**scene.frames, **scene.slots, **scene.strips}
    gone = {*hiding.items, *hiding.along}
    for process in sorted(hiding.processes):
        if any(cells[process].changed for cells in scene.cells if process in cells):
            yield process
    for label, thing in things.items():
        if label in gone and (thing.state or thing.notes):
            yield getattr(thing, "name", label)
    for name, hold in scene.handles.items():
        if name in hiding.handles and hold.state:
            yield name
