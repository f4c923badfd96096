"""A run in one file that steps without a network: `/r/{run}.html`.

Drawings of neighbouring steps differ in a few marks only. The file keeps every distinct mark once
and each step as a list of numbers, which takes a tenth of the room.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import Any

import jinja2
import msgspec
from fastapi import HTTPException
from markupsafe import Markup

from app.resources import resource
from app.service.runs import LoadedRun
from app.urls import run_twin_url

from .picture import Picture, Pictures
from .view import View

MAX_STEPS = 400
MAX_BYTES = 8 * 1024 * 1024
BETWEEN_TAGS = re.compile(r"(?<=>)(?=<)")
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that could end a script element, and how JSON may write them."""


@cache
def source(name: str) -> str:
    return (resource("static") / name).read_text("utf-8")


@cache
def styles() -> str:
    return source("cowscope.css") + source("strips.css") + source("offline.css")


def digest(text: str) -> str:
    """How a Content-Security-Policy names an inline element by its content."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def policy() -> str:
    """Nothing is loaded from anywhere; only the file's own script and style count."""
    return (
        f"default-src 'none'; script-src {digest(source('offline.js'))}; "
        f"style-src {digest(styles())}; base-uri 'none'; form-action 'none'"
    )


def check_span(loaded: LoadedRun, first: int, last: int) -> None:
    """Raises a 422 for steps that the run does not have, or more than fit in a file."""
    loaded.check_step(last)
    if first > last:
        raise HTTPException(422, f"from ({first}) is after to ({last}).")
    if last - first >= MAX_STEPS:
        raise too_large(loaded, first, f"{last - first + 1:,} steps; a file holds {MAX_STEPS}")


def too_large(loaded: LoadedRun, first: int, what: str) -> HTTPException:
    part = f"{run_twin_url(loaded.id, 'html')}?from={first}&to={first + MAX_STEPS // 2}"
    return HTTPException(
        422,
        f"The file would be too large: {what}. Take a part of the run ({part}), or the whole "
        f"trace as JSON ({run_twin_url(loaded.id, 'json')}).",
    )


def offline_page(
    templates: jinja2.Environment,
    pictures: Pictures,
    loaded: LoadedRun,
    first: int,
    last: int,
    origin: str,
    hide: tuple[str, ...],
) -> str:
    """The file with steps `first` to `last`. Raises UnknownStep, and a 422 when it is too large or
    hides what is not there."""
    check_span(loaded, first, last)
    _, timeline = pictures.plan(loaded)
    hiding = pictures.hiding(loaded, hide)
    pool: dict[str, int] = {}
    steps: list[dict[str, Any]] = []
    size = 0
    for number in range(first, last + 1):
        picture = pictures.draw(loaded, number, hiding)
        known = len(pool)
        steps.append(step_of(picture, pool))
        steps[-1]["marked"] = bool(number) and timeline.ticks[number - 1].marked
        size += sum(map(len, list(pool)[known:]))
        if size > MAX_BYTES:
            raise too_large(loaded, first, f"over {MAX_BYTES // 2**20} MiB of drawings")
        if number == first:
            shown = picture
    query = View(hide=hiding.names).query
    url = f"{origin}/r/{loaded.id}"
    data = {"first": first, "steps": steps, "pool": list(pool), "url": url, "query": query}
    return templates.get_template("offline.html").render(
        picture=shown,
        first=first,
        last=last,
        commands=[
            (first + i, step["command"], bool(step["alarm"])) for i, step in enumerate(steps)
        ],
        engine=loaded.engine,
        url=url,
        query=query,
        hidden=hiding.names,
        svg=Markup(shown.svg),
        csp=policy(),
        styles=Markup(styles()),
        script=Markup(source("offline.js")),
        data=Markup(json_in_html(data)),
    )


def step_of(picture: Picture, pool: dict[str, int]) -> dict[str, Any]:
    """One step; marks that no step before it had come into the pool."""
    marks = BETWEEN_TAGS.split(picture.svg)
    return {
        "command": picture.command,
        "lead": picture.lead,
        "alarm": picture.alarm,
        "changes": picture.changes,
        "why": [(event.title, event.text, event.because) for event in picture.why.events],
        "marks": [pool.setdefault(mark, len(pool)) for mark in marks],
    }


def json_in_html(data: object) -> str:
    """JSON that can stand in a script element, whatever its strings say."""
    text = msgspec.json.encode(data).decode()
    return re.sub("[<>&\u2028\u2029]", lambda found: UNSAFE[found[0]], text)
