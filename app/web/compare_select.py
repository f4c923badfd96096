"""What is selected in a comparison: one thing, by the name that each side has for it.

How a link names a thing of two runs is told in `compare_names`.
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
from .compare_hiding import PairHiding
from .compare_marks import SIDES
from .compare_names import LABEL, RIGHT, of_right, subjects
from .compare_pair import Pair
from .dress import dress
from .inspector import Notice, Picked, notice_of, picked
from .keys import KEYS
from .view import View

KEEPS = re.compile(r'((?:href|action)="[^"?]+)(" data-keeps="(left|right)")')
"""Links to other policies: one side stays as it is, and with it the names of its things."""


class Side(Struct, frozen=True):
    """One side, called `name`.

    `path` is its step in the explorer, `view` the selection in its own words.

    `places` has the place of each of its steps in the comparison, `writes` the places at which it
    changed.
    """

    side: str
    name: str
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
    return Side(SIDES[which], pair.called[which], path, view, it, places, writes)


def block_of(templates: jinja2.Environment, found: Selected) -> str:
    values = {**asdict(found), "keys": KEYS}
    return render_block(templates, "compare_selected.html", "selected", values)


def dressed(
    templates: jinja2.Environment, page: str, pair: Pair, step: int, view: View,
    found: Selected | None, hiding: PairHiding,
) -> str:  # fmt: skip
    """A comparison's page as a link with a view shows it, so that it needs no script.

    `found` is what the view selects, None for nothing.
    """

    def elsewhere(sel: str, way: str) -> View:
        return replace(view, sel=sel, hide=hiding.names(way))

    base = compare_url(pair.left.id, pair.right.id)
    sel = found.sel if found else ""
    view = replace(view, sel=sel or view.sel)
    page = dress(page, base, view, block_of(templates, found) if found else "", "", sel, ())
    sides = found.sides if found else ()
    left, right = [side.view.sel for side in sides] or ["", ""]
    ways = {f"{base}/{step}.{twin}": View(sel=view.sel) for twin in ("json", "txt")}
    swapped = compare_url(pair.right.id, pair.left.id, step)
    ways[swapped] = elsewhere(right or of_right(left), "swapped")
    for loaded, at, own, way in zip(
        (pair.left, pair.right), pair.ways.at, (left, right), SIDES, strict=True
    ):
        ways[step_url(loaded.id, at[step])] = elsewhere(own, way)
    for path, said in ways.items():
        page = page.replace(f'href="{path}"', f'href="{path}{escape(said.query)}"')
    kept = {
        "left": elsewhere(left, "left"),
        "right": elsewhere(of_right(right), "kept_right"),
    }
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
