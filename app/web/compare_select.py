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
from msgspec.structs import asdict, replace

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

KEEPS = re.compile(r'((?:href|action)="[^"?]+)(" data-keeps="(left|right)")')
"""Links to other policies: one side stays as it is, and with it the names of its things."""


class Side(Struct, frozen=True):
    """One side: `path` is its step in the explorer, `view` the selection in its own words.

    `places` has the place of each of its steps in the comparison, `writes` the places at which it
    changed.
    """

    side: str
    policy: str
    path: str
    view: View
    picked: Picked | None
    places: tuple[int, ...]
    writes: tuple[int, ...]


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
    sides = tuple(side_of(blame, pair, step, which, subject) for which, subject in enumerate(found))
    left, right = found
    known = left or right
    assert known is not None
    label = LABEL.fullmatch(str(known)) if left is None else None
    writes = tuple(sorted({n for side in sides for n in side.writes}))
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


def side_of(blame: Blame, pair: Pair, number: int, which: int, subject: Subject | None) -> Side:
    loaded, places = (pair.left, pair.right)[which], pair.ways.places[which]
    here = pair.ways.at[which][number]
    view = View(sel=str(subject or ""))
    it = None if subject is None else picked(blame, loaded, here, subject, view)
    writes = () if it is None else tuple(places[n] for n in it.writes)
    path = step_url(loaded.id, here)
    return Side(SIDES[which], loaded.stored.policy, path, view, it, places, writes)


def block_of(templates: jinja2.Environment, found: Selected) -> str:
    values = {**asdict(found), "keys": KEYS}
    return render_block(templates, "compare_selected.html", "selected", values)


def dressed(
    templates: jinja2.Environment, page: str, pair: Pair, step: int, view: View,
    found: Selected | None,
) -> str:  # fmt: skip
    """A comparison's page as a link with a view shows it, so that it needs no script.

    `found` is what the view selects, None for nothing.
    """
    base = compare_url(pair.left.id, pair.right.id)
    sel = found.sel if found else ""
    view = replace(view, sel=sel or view.sel)
    page = dress(page, base, view, block_of(templates, found) if found else "", "", sel, ())
    sides = found.sides if found else ()
    left, right = [side.view.sel for side in sides] or ["", ""]
    theirs, ours = (f"{RIGHT}{own}" if LABEL.fullmatch(own) else own for own in (right, left))
    ways = {f"{base}/{step}.{twin}": View(sel=view.sel) for twin in ("json", "txt")}
    swapped = compare_url(pair.right.id, pair.left.id, step)
    ways[swapped] = replace(view, sel=right or ours)
    for loaded, at, own in zip((pair.left, pair.right), pair.ways.at, (left, right), strict=True):
        ways[step_url(loaded.id, at[step])] = replace(view, sel=own)
    for path, said in ways.items():
        page = page.replace(f'href="{path}"', f'href="{path}{escape(said.query)}"')
    kept = {"left": replace(view, sel=left), "right": replace(view, sel=theirs)}
    page = KEEPS.sub(lambda way: f"{way[1]}{escape(kept[way[3]].query)}{way[2]}", page)
    for side in sides:
        page = mark_lane(page, base, side)
    return page


def mark_lane(page: str, base: str, side: Side) -> str:
    """A side's line of the timeline shows which of its steps wrote what is selected."""
    link = re.compile(rf'<a (href="{re.escape(base)}/(\d+)[^"]*" data-side="{side.side}")')

    def mark(found: re.Match[str]) -> str:
        return f'<a class="wrote" {found[1]}' if int(found[2]) in side.writes else found[0]

    return link.sub(mark, page)
