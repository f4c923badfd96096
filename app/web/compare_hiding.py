"""What a link hides in a comparison: the same things on both sides, each by its side's name.

`?hide=f1` is the left's f1 and what corresponds to it; `?hide=right:f3` only the right has.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from app.trace.subject import Subject

from .blame import Blame
from .compare_align import ELSEWHERE, own_name
from .compare_diff import Difference
from .compare_names import RIGHT, of_right, subjects
from .compare_pair import Pair
from .hiding import LABELLED, NOTHING, Hiding, hiding_by


class Thing(Struct, frozen=True):
    """By the comparison's name, and by each side's own, "" where a side has none."""

    name: str
    left: str
    right: str

    @property
    def kept_right(self) -> str:
        """When the left is another one: what only the right is known to have."""
        return of_right(self.right)

    @property
    def swapped(self) -> str:
        return self.right or of_right(self.left)


class PairHiding(Struct, frozen=True):
    """`shared` has the labels that both sides share."""

    things: tuple[Thing, ...] = ()
    shared: Hiding = NOTHING

    def __bool__(self) -> bool:
        return bool(self.things)

    def names(self, way: str) -> tuple[str, ...]:
        """The names in a link that leads elsewhere: `way` is a field or property of Thing."""
        return tuple(name for thing in self.things if (name := getattr(thing, way)))

    def covers(self, found: Difference) -> bool:
        """Is what differs hidden? An entry goes with its process."""
        process, place = found.place
        hidden = (*self.shared.items, *self.shared.along, *self.shared.handles)
        return process in self.shared.processes or place in hidden

    def told(self, pair: Pair) -> Hiding:
        """For the line that names what is hidden."""
        own = pair.plan.names.own
        along = (
            f"{RIGHT}{own[label]}" if int(label[1:]) >= ELSEWHERE else label
            for label in self.shared.along
        )
        return replace(self.shared, along=tuple(along))

    def of_side(self, pair: Pair, *, right: bool) -> Hiding:
        """The same for one side's layout and scene."""
        if not right or not self:
            return self.shared
        items, own = pair.plan.joint.items, pair.plan.names.own

        def theirs(label: str) -> str:
            return own_name(items[label], own) or "" if label in items else ""

        return replace(
            self.shared,
            items=frozenset(filter(None, map(theirs, self.shared.items))),
            along=tuple(filter(None, map(theirs, self.shared.along))),
        )


def hiding_of_pair(blame: Blame, pair: Pair, names: tuple[str, ...]) -> PairHiding:
    """Raises HTTPException for what neither side has, and for parts of things."""
    things: dict[str, Thing] = {}

    def find(name: str) -> tuple[str, Subject]:
        left, right = subjects(blame, pair, name)
        known = left or right
        assert known is not None
        spelled = of_right(known.thing) if left is None else known.thing
        own = [one.thing if one else "" for one in (left, right)]
        things[spelled] = Thing(spelled, own[0], own[1])
        label = known.thing if left else pair.plan.names.to_shared(known.thing)
        item = pair.plan.joint.place(label) if known.kind in LABELLED else None
        return spelled, replace(known, thing=item.label) if item else known

    shared = hiding_by(find, pair.plan.joint, names)
    return PairHiding(tuple(things.values()), shared)
