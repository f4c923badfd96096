"""The contact sheet: every step of a run as a small picture, eight to a sheet of paper."""

from __future__ import annotations

from urllib.parse import urlencode

import jinja2
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app.service.runs import LoadedRun
from app.urls import sheet_url, step_url

from . import marks
from .picture import Picture, Pictures, bands, caution_of, inside, rows_that_matter
from .templating import Look
from .view import SAFE, View

PART = 48
"""Steps on one page; a longer run has several."""
RATIO = 0.55
"""Height of a small picture to its width, at most."""


class Small(Struct, frozen=True):
    """A step on the sheet."""

    number: int
    url: str
    command: str
    lead: str
    alarm: str
    svg: Markup


class SheetContext(Struct, frozen=True):
    """What `sheet.html` gets beside `look`. `parts` are (first, last, URL, is this one)."""

    title: str
    policy: str
    engine: str
    link: str
    back: str
    caution: str
    hidden: tuple[str, ...]
    steps: tuple[Small, ...]
    parts: tuple[tuple[int, int, str, bool], ...]


def small(picture: Picture, run_id: str, query: str, first: bool) -> Small:
    return Small(
        picture.step,
        step_url(run_id, picture.step) + query,
        picture.command,
        picture.lead,
        picture.alarm,
        Markup(cut(picture, first)),
    )


def cut(picture: Picture, first: bool) -> str:
    """The drawing's heading and the rows that matter, as many as fit under each other.

    The pattern of the hatching is defined in the first picture of the page for all of them.
    """
    wide = picture.layout.width + 8
    rows = rows_that_matter(picture)
    while len(rows) > 1 and sum(high for _, high in bands(picture, rows)) > wide * RATIO:
        rows.pop()
    body = inside(picture.svg)
    body = body if first else body.replace(marks.DEFS, "", 1)
    name = f"p{picture.step}"
    out = [f'<defs><g class="mem" id="{name}">{body}</g></defs>']
    y = 0
    for top, high in bands(picture, rows):
        out.append(
            f'<svg x="0" y="{y}" width="{wide}" height="{high}" viewBox="-6 {top} {wide} {high}">'
            f'<use href="#{name}"/></svg>'
        )
        y += high
    return (
        f'<svg class="small-step" viewBox="0 0 {wide} {y}" role="img" '
        f'aria-label="Memory after step {picture.step}">{"".join(out)}</svg>'
    )


def sheet_page(
    templates: jinja2.Environment,
    pictures: Pictures,
    loaded: LoadedRun,
    first: int,
    origin: str,
    look: Look,
    hide: tuple[str, ...],
) -> str:
    """The part of the sheet that begins at step `first`. Raises UnknownStep, and HTTPException for
    something to hide that is not there."""
    loaded.check_step(first)
    last = min(loaded.last, first + PART - 1)
    starts = range(0, loaded.last + 1, PART)
    hiding = pictures.hiding(loaded, hide)
    query = View(hide=hiding.names).query
    context = SheetContext(
        title=loaded.run.scenario.title or "Untitled scenario",
        policy=loaded.stored.policy,
        engine=loaded.engine,
        link=origin + step_url(loaded.id, 0) + query,
        back=step_url(loaded.id, first) + query,
        caution=caution_of(loaded),
        hidden=hiding.names,
        steps=tuple(
            small(pictures.draw(loaded, n, hiding), loaded.id, query, n == first)
            for n in range(first, last + 1)
        ),
        parts=tuple(
            (
                start,
                min(loaded.last, start + PART - 1),
                part_url(loaded.id, start, hiding.query),
                start == first,
            )
            for start in starts
        ),
    )
    return templates.get_template("sheet.html").render(asdict(context), look=look)


def part_url(run_id: str, first: int, hide: str) -> str:
    said = {"from": first, "hide": hide}
    query = urlencode({name: value for name, value in said.items() if value}, safe=SAFE)
    return sheet_url(run_id) + (f"?{query}" if query else "")
