"""A step in a frame of another site: `/e/{run}/{step}`, whose parameters `PARAMETERS` lists."""

from __future__ import annotations

import asyncio
import re
from html import escape
from urllib.parse import quote, urlencode

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app.service.runs import LoadedRun, RunService
from app.settings import Settings
from app.trace.subject import BadSelection
from app.urls import absolute, embed_url, step_url

from . import drawing, timeline
from .blame import value_at
from .dress import light
from .files import span_of
from .fragments import PageCache, answer
from .pick import selectable
from .picture import Picture, Pictures
from .templating import THEMES, look_of
from .view import CHANGED, ONLY, SAFE, View, listed

CHOICES = {
    "theme": ("auto", *THEMES),
    "ui": ("full", "min"),
    "keys": ("focus", "off"),
    "only": ONLY,
}
"""Values of the parameters that are words; the first one is the default."""
PARAMETERS = (
    ("theme", "auto, light, dark", "auto follows the reader's system"),
    ("ui", "full, min", "min leaves the timeline out"),
    (
        "keys",
        "focus, off",
        "focus: after a click inside, ← → Home and End step, and Esc gives them back to the page; "
        "off: never, for slides that step with the same keys",
    ),
    ("from, to", "steps", "the first and the last step that the frame shows; all by default"),
    (
        "sel",
        "f0, f0.ref, A.buf[0].w …",
        "marked, with its value; the link to the page keeps it",
    ),
    ("hide", "C, f4, p …", "several with commas: left out of the drawing, as on the page"),
    ("only", "all, changed", "changed leaves what the step did not change as an outline"),
)
MESSAGES = (
    ("{step: 7}", "show that step; beyond from and to is an error"),
    ('{step: "next"}', "next, previous, first or last"),
    ('{theme: "dark"}', "auto, light or dark, at once"),
    ('{query: "step"}', "post the present step again"),
)
PICK = re.compile(r'<a (class="pick[^"]*")[^>]*>(.*?)</a>')
STEP_LINK = re.compile(r'<a href="/e/[^"/]+/(\d+)"([^>]*)>')


class Frame(Struct, frozen=True):
    """What whoever embeds has chosen; `first` and `last` are the steps that can be reached, `sel`
    is what is marked."""

    theme: str
    ui: str
    keys: str
    only: str
    first: int
    last: int
    sel: str = ""
    hide: tuple[str, ...] = ()


class EmbedContext(Struct, frozen=True):
    """What `embed.html` gets: the step in words, the drawing, the frame, and its neighbours.

    `value` is that of what is marked, "" for a whole thing or nothing, and `was` the one before.
    `previous` and `next` are URLs with the frame's parameters, or None at an end of the range;
    `pattern` is such a URL with `{step}` in place of the number.
    """

    run_id: str
    title: str
    policy: str
    step: int
    end: int
    command: str
    lead: str
    alarm: str
    caution: str
    svg: Markup
    strip: Markup
    frame: Frame
    value: str
    was: str
    previous: str | None
    next: str | None
    pattern: str
    full: str


def choice(request: Request, name: str) -> str:
    """The value of a parameter. Raises a 422 that lists what it may be."""
    known = CHOICES[name]
    given = request.query_params.get(name) or known[0]
    if given not in known:
        raise HTTPException(422, f"{name} is {' or '.join(known)}, not “{given}”.")
    return given


def frame_of(request: Request, loaded: LoadedRun, step: int, pictures: Pictures) -> Frame:
    """Raises UnknownStep, and a 422 for parameters that do not fit the run or each other."""
    first, last = span_of(request, loaded.last)
    loaded.check_step(last)
    if not first <= step <= last:
        loaded.check_step(step)
        raise HTTPException(422, f"Step {step} is not between from ({first}) and to ({last}).")
    sel = request.query_params.get("sel", "").strip()
    try:
        sel = str(pictures.blame.subject(loaded, sel)) if sel else ""
    except BadSelection as bad:
        raise HTTPException(422, f"sel: {bad} Nearest: {', '.join(bad.near)}.") from None
    theme, ui, keys, only = (choice(request, name) for name in CHOICES)
    hide = pictures.hiding(loaded, listed(request.query_params.get("hide", ""))).names
    return Frame(theme, ui, keys, only, first, last, sel, hide)


def marked(picture: Picture, bit: str, sel: str) -> str:
    """The drawing with what is selected in a frame and all about the same page lit."""
    layout, scene = picture.layout, picture.scene
    svg = drawing.stage(layout, scene, f"memory after step {picture.step}")
    lit = light(selectable(svg, layout, scene, bit), sel)
    return PICK.sub(lambda a: f"<g {a[1]}>{a[2]}</g>" if " is-" in a[1] else "", lit)


def query_of(frame: Frame, loaded: LoadedRun) -> str:
    """The parameters that are not the default, as they stand behind an embed's address."""
    chosen = {name: getattr(frame, name) for name in CHOICES}
    words = {name: value for name, value in chosen.items() if value != CHOICES[name][0]}
    if frame.first > 0:
        words["from"] = str(frame.first)
    if frame.last < loaded.last:
        words["to"] = str(frame.last)
    if frame.sel:
        words["sel"] = frame.sel
    if frame.hide:
        words["hide"] = ",".join(frame.hide)
    return f"?{urlencode(words, safe=SAFE, quote_via=quote)}" if words else ""


def context_of(pictures: Pictures, loaded: LoadedRun, step: int, frame: Frame) -> EmbedContext:
    blame = pictures.blame
    picture = pictures.draw(loaded, step, pictures.hiding(loaded, frame.hide))
    svg, value, was = picture.svg, "", ""
    if frame.sel:
        subject = blame.subject(loaded, frame.sel)
        svg = marked(picture, loaded.run.policy.bit, frame.sel)
        if subject.field:
            history = blame.history(loaded, subject)
            value = value_at(history, step, subject.field)
            was = value_at(history, max(0, step - 1), subject.field)
    query = query_of(frame, loaded)

    def at(number: int) -> str | None:
        inside = frame.first <= number <= frame.last
        return embed_url(loaded.id, number) + query if inside else None

    def reachable(link: re.Match[str]) -> str:
        url = at(int(link[1]))
        return f'<a href="{escape(url)}"{link[2]}>' if url else '<a class="out">'

    strip = ""
    if frame.ui == "full":
        base = embed_url(loaded.id, 0).removesuffix("/0")
        strip = STEP_LINK.sub(reachable, timeline.draw(pictures.plan(loaded)[1], step, base))
    return EmbedContext(
        run_id=loaded.id,
        title=picture.title,
        policy=picture.policy,
        step=step,
        end=loaded.last,
        command=picture.command,
        lead=picture.lead,
        alarm=picture.alarm,
        caution=picture.caution,
        svg=Markup(svg),
        strip=Markup(strip),
        frame=frame,
        value=value,
        was=was if was != value else "",
        previous=at(step - 1),
        next=at(step + 1),
        pattern=embed_url(loaded.id, 0).removesuffix("0") + "{step}" + query,
        full=step_url(loaded.id, step)
        + View(
            sel=frame.sel, only=frame.only if frame.only == CHANGED else "", hide=frame.hide
        ).query,
    )


def router(
    runs: RunService, templates: jinja2.Environment, pictures: Pictures, settings: Settings
) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    kept = PageCache(settings.page_cache_mib * 1024 * 1024 // 4)

    def render(loaded: LoadedRun, step: int, frame: Frame) -> str:
        values = asdict(context_of(pictures, loaded, step, frame))
        return templates.get_template("embed.html").render(values)

    async def show(request: Request) -> Response:
        step = request.path_params["step"]
        loaded = await runs.load(request.path_params["run"])
        frame = frame_of(request, loaded, step, pictures)
        page = kept.get((loaded.id, step, frame))
        if page is None:
            body = await asyncio.to_thread(render, loaded, step, frame)
            page = kept.put((loaded.id, step, frame), body)
        return answer(request, page, "no-cache", "Accept-Encoding")

    async def explain(request: Request) -> Response:
        origin = absolute(request, "")
        body = templates.get_template("embed_docs.html").render(
            look=look_of(request),
            origin=origin,
            example=f'<iframe src="{origin}/e/RUN/7?theme=dark" title="What step 7 shows" '
            'width="100%" height="450" loading="lazy"></iframe>',
            parameters=PARAMETERS,
            messages=MESSAGES,
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    routes.add_route("/e/{run}/{step:int}", show)
    routes.add_route("/docs/embed", explain)
    return routes
