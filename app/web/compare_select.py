"""What is selected in a comparison: one thing, by the name that each side has for it.

`?sel=f1.ref` is f1 of the left and whatever corresponds to it on the right; `?sel=right:f1` is
a frame or slot that only the right side has.
"""

from __future__ import annotations

import re
from html import escape

import jinja2
from jinja2_fragments import render_block
from msgspec import Struct
from msgspec.structs import asdict

from app.service import LoadedRun
from app.trace.history import neighbours
from app.trace.subject import BadSelection, Subject
from app.urls import compare_url, step_url

from .blame import Blame
from .compare_align import ELSEWHERE, Names
from .compare_marks import SIDES
from .compare_pair import Pair
from .dress import dress
from .inspector import Notice, Picked, notice_of, picked
from .keys import KEYS
from .view import View

RIGHT = "right:"
LABEL = re.compile(r"([fs]\d+)(?!\w)(.*)", re.DOTALL)


class Side(Struct, frozen=True):
    """One side: `path` is its step in the explorer, `view` the selection in its own words."""

    side: str
    policy: str
    path: str
    view: View
    picked: Picked | None


class Selected(Struct, frozen=True):
    """What `compare_selected.html` gets. `sel` is the right spelling, "" when there is no such
    thing; `writes` the steps that changed it on either side.
    """

    base: str
    step: int
    sel: str
    words: str
    sides: tuple[Side, ...]
    writes: tuple[int, ...]
    previous: int | None
    next: int | None
    notices: tuple[Notice, ...]


def name_of(names: Names, label: str) -> str:
    """How a link calls a frame or slot of the right side."""
    shared = names.to_shared(label)
    return f"{RIGHT}{label}" if int(shared[1:]) >= ELSEWHERE else shared


def subjects(blame: Blame, pair: Pair, name: str) -> tuple[Subject | None, Subject | None]:
    """The thing as the left and as the right has it. Raises BadSelection when neither does."""
    if name.startswith(RIGHT):
        theirs = blame.subject(pair.right, name.removeprefix(RIGHT))
        label = LABEL.fullmatch(str(theirs))
        known = name_of(pair.plan.names, label[1]) if label else str(theirs)
        if label is None or not known.startswith(RIGHT):
            return subjects(blame, pair, known + (label[2] if label else ""))
        return None, theirs
    label = LABEL.fullmatch(name)
    right = name
    if label is not None:
        own_label = pair.plan.names.own.get(label[1])
        right = own_label + label[2] if own_label else ""
    bad: BadSelection | None = None
    found: list[Subject | None] = []
    for loaded, own in ((pair.left, name), (pair.right, right)):
        try:
            found.append(blame.subject(loaded, own) if own else None)
        except BadSelection as error:
            found.append(None)
            bad = bad or error
    if found == [None, None] and bad is not None:
        raise bad
    return found[0], found[1]


def selected(blame: Blame, pair: Pair, base: str, step: int, name: str) -> Selected:
    try:
        found = subjects(blame, pair, name)
    except BadSelection as bad:
        return Selected(base, step, "", "", (), (), None, None, (notice_of(bad, "sel"),))
    sides = tuple(
        side_of(blame, loaded, step, which, subject)
        for loaded, which, subject in zip((pair.left, pair.right), SIDES, found, strict=True)
    )
    left, right = found
    known = left or right
    assert known is not None
    label = LABEL.fullmatch(str(known)) if left is None else None
    writes = tuple(sorted({n for side in sides if side.picked for n in side.picked.writes}))
    previous, following = neighbours(writes, step)
    return Selected(
        base=base,
        step=step,
        sel=f"{RIGHT}{known}" if label else str(known),
        words=known.words,
        sides=sides,
        writes=writes,
        previous=previous,
        next=following,
        notices=(),
    )


def side_of(
    blame: Blame, loaded: LoadedRun, step: int, which: str, subject: Subject | None
) -> Side:
    here = min(step, loaded.last)
    view = View(sel=str(subject or ""))
    it = None if subject is None else picked(blame, loaded, here, subject, view)
    return Side(which, loaded.stored.policy, step_url(loaded.id, here), view, it)


def block_of(templates: jinja2.Environment, found: Selected) -> str:
    values = {**asdict(found), "keys": KEYS}
    return render_block(templates, "compare_selected.html", "selected", values)


def swapped_name(found: Selected) -> str:
    """What the selection is called when the sides are swapped."""
    left, right = (side.picked and side.picked.subject for side in found.sides)
    return right or (f"{RIGHT}{left}" if LABEL.fullmatch(left or "") else left or "")


def dressed(
    templates: jinja2.Environment, page: str, pair: Pair, found: Selected, name: str
) -> str:
    """A comparison's page as a link with a selection shows it, so that it needs no script."""
    view = View(sel=found.sel or name)
    page = dress(page, found.base, view, block_of(templates, found), "", found.sel, ())
    at = f"{found.base}/{found.step}"
    ways = {f"{at}.{twin}": view for twin in ("json", "txt")}
    if found.sides:
        ways[compare_url(pair.right.id, pair.left.id, found.step)] = View(swapped_name(found))
        ways |= {side.path: side.view for side in found.sides}
    for path, said in ways.items():
        page = page.replace(f'href="{path}"', f'href="{path}{escape(said.query)}"')
    for side in found.sides:
        page = mark_lane(page, found.base, side)
    return page


def mark_lane(page: str, base: str, side: Side) -> str:
    """A side's line of the timeline shows which of its steps wrote what is selected."""
    writes = set(side.picked.writes) if side.picked else set()
    link = re.compile(rf'<a (href="{re.escape(base)}/(\d+)[^"]*" data-side="{side.side}")')

    def mark(found: re.Match[str]) -> str:
        return f'<a class="wrote" {found[1]}' if int(found[2]) in writes else found[0]

    return link.sub(mark, page)
