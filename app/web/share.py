"""`/r/{run}/{step}/share`: every way to hand a step on, in one place.

The explorer shows the same page's section in a dialog.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app.service.runs import LoadedRun, RunService
from app.urls import absolute, embed_url, run_twin_url, sheet_url, step_twin_url, step_url

from .offline import MAX_STEPS
from .qr import qr_svg
from .templating import IN_LINKS, look_of
from .view import SAFE, View, view_of

EMBED_HEIGHT = 450
CHOSEN = ("sel", "tab", "watch", "only", "hide", *IN_LINKS)
"""Parameters of a step's page that change what is shown of it, and nothing else."""
VIEW_LETTERS = 400
"""More would not fit a QR code that a phone can read."""


class ShareContext(Struct, frozen=True):
    """What `share.html` gets beside `look`; all URLs but `back` and those of files are absolute.

    link, embed      the step's address, and HTML that embeds it
    joint            what a parameter is added to the embed's address with: "?" or "&"
    files            (URL, name, what it is for, file name to save it as)
    qr               the link as SVG
    """

    run_id: str
    title: str
    step: int
    last: int
    policy: str
    back: str
    link: str
    embed: str
    joint: str
    text: str
    card: str
    files: tuple[tuple[str, str, str, str], ...]
    qr: Markup


def embed_code(address: str, loaded: LoadedRun, step: int, title: str) -> str:
    """An iframe with a title, without which screen readers read out its address."""
    url = escape(address)
    name = escape(f"{title}: step {step} of {loaded.last} under {loaded.stored.policy}")
    return (
        f'<iframe src="{url}" title="{name}" width="100%" height="{EMBED_HEIGHT}" '
        'loading="lazy" style="border:0"></iframe>'
    )


def chosen_of(request: Request) -> str:
    """What the reader has selected and how it is shown stays in the link."""
    given = {k: v for k, v in request.query_params.items() if k in CHOSEN}
    return fitting(f"?{urlencode(given, safe=SAFE)}" if given else "")


def fitting(query: str) -> str:
    return query if len(query) <= VIEW_LETTERS else ""


def files_of(loaded: LoadedRun, step: int, hidden: View) -> tuple[tuple[str, str, str, str], ...]:
    """The twins and exports that are worth saving; what is hidden is not in the drawing."""
    name = f"cowscope-{loaded.id}"
    at = f"{name}-{step}"
    drawing = step_twin_url(loaded.id, step, "svg") + hidden.query
    out = [
        (drawing, "SVG", "this step's drawing", f"{at}.svg"),
        (
            step_twin_url(loaded.id, step, "png") + hidden.query,
            "PNG",
            "this step's card",
            f"{at}.png",
        ),
        (step_twin_url(loaded.id, step, "json"), "JSON", "this step's state", f"{at}.json"),
        (
            step_twin_url(loaded.id, step, "itf.json"),
            "ITF",
            "for TLA⁺ tools, to here",
            f"{at}.itf.json",
        ),
        (run_twin_url(loaded.id, "cow"), "Scenario", "the run's text", f"{name}.cow"),
        (step_twin_url(loaded.id, step, "c"), "C", "for a real kernel, to here", f"{at}.c"),
        (run_twin_url(loaded.id, "json"), "Trace", "the whole run as JSON", f"{name}.json"),
    ]
    if loaded.last < MAX_STEPS:
        file = run_twin_url(loaded.id, "html") + hidden.query
        out.insert(2, (file, "HTML", "the run, without network", f"{name}.html"))
    return tuple(out)


def context_of(request: Request, loaded: LoadedRun, step: int) -> ShareContext:
    """Raises UnknownStep."""
    loaded.check_step(step)
    title = loaded.run.scenario.title or "Untitled scenario"
    view = chosen_of(request)
    link = absolute(request, step_url(loaded.id, step) + view)
    asked = view_of(request.query_params)
    marked = fitting(asked.shared.query)
    hidden = View(hide=asked.hide)
    return ShareContext(
        run_id=loaded.id,
        title=title,
        step=step,
        last=loaded.last,
        policy=loaded.stored.policy,
        back=step_url(loaded.id, step) + view,
        link=link,
        embed=embed_code(
            absolute(request, embed_url(loaded.id, step) + marked), loaded, step, title
        ),
        joint="&" if marked else "?",
        text=step_twin_url(loaded.id, step, "txt"),
        card=step_twin_url(loaded.id, step, "png") + hidden.query,
        files=(
            *files_of(loaded, step, hidden),
            (sheet_url(loaded.id) + hidden.query, "Sheet", "all steps to print", ""),
        ),
        qr=qr_svg(link, f"QR code of {link}"),
    )


def router(runs: RunService, templates: jinja2.Environment) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    async def show(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        context = context_of(request, loaded, request.path_params["step"])
        body = templates.get_template("share.html").render(asdict(context), look=look_of(request))
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    routes.add_route("/r/{run}/{step:int}/share", show)
    return routes
