"""The gallery, with a scenario already playing; and the short links of shipped scenarios."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache, partial

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app import policies
from app.scenario import Shipped, library
from app.service import LoadedRun, RunService
from app.trace import play
from app.urls import step_url

from . import drawing
from .glimpse import glimpse, survey
from .layout import Layout
from .placing import lay_out
from .scene import scene_of
from .spark import spark
from .templating import look_of
from .ticks import timeline_of
from .why import why_of

PLAYING = "hello-fork"
"""The scenario that the first page plays, and the step that it opens at."""
PLAYING_STEP = 4
FACTS = {
    "pins": ("Pins and references", ("pin", "get", "splice", "dio", "vm_read")),
    "swap": ("Swap", ("swap", "reclaim")),
    "spurious": ("Spurious copies", ("spurious",)),
}
"""Filter chips: words of which one must be among a scenario's tags."""


class Card(Struct, frozen=True):
    """One scenario of the gallery. `bad`: policies under which something is violated."""

    slug: str
    title: str
    summary: str
    steps: int
    picture: Markup
    bad: tuple[str, ...]


class Group(Struct, frozen=True):
    name: str
    cards: tuple[Card, ...]


class Filter(Struct, frozen=True):
    key: str
    words: str
    count: int


class Hero(Struct, frozen=True):
    """The step that is shown at the top. `last` is the last step's number."""

    href: str
    step: int
    last: int
    command: str
    lead: str
    policy: str
    title: str
    svg: Markup


class HomeContext(Struct, frozen=True):
    """What `home.html` gets beside `look` and `here`.

    query, chosen   what was searched for, and the filter chip that is on ("" for all)
    total, found    scenarios in all, and shown
    """

    hero: Hero
    query: str
    chosen: str
    total: int
    found: int
    filters: tuple[Filter, ...]
    groups: tuple[Group, ...]


def violating(shipped: Shipped) -> tuple[str, ...]:
    """The policies under which something is violated; an era only where not all of them do."""
    bad = [name for name, kinds in shipped.verdicts.items() if kinds]
    whole = {
        entry.name
        for entry in policies.CATALOGUE
        if all(
            kinds
            for name, kinds in shipped.verdicts.items()
            if name.partition("@")[0] == entry.name
        )
    }
    return tuple(
        dict.fromkeys(n.partition("@")[0] if n.partition("@")[0] in whole else n for n in bad)
    )


def chips() -> dict[str, Callable[[Shipped], bool]]:
    """Filter by key."""
    tests: dict[str, Callable[[Shipped], bool]] = {"v": lambda s: bool(violating(s))}
    for key, (_, words) in FACTS.items():
        tests[key] = partial(tagged, words)
    return tests


def tagged(words: tuple[str, ...], shipped: Shipped) -> bool:
    return any(word in tag for tag in shipped.scenario.tags for word in words)


@lru_cache(maxsize=256)
def card(slug: str) -> Card:
    """A scenario's card; its picture is the scenario's own timeline."""
    shipped = next(s for s in library() if s.slug == slug)
    run = play(shipped.scenario, shipped.scenario.policy or policies.DEFAULT)
    line = timeline_of(survey(run))
    return Card(
        slug,
        shipped.scenario.title,
        shipped.scenario.summary,
        len(shipped.scenario.steps),
        Markup(spark(line)),
        violating(shipped),
    )


def search(query: str, chosen: str) -> list[Shipped]:
    """Shipped scenarios that have every word of `query` and pass the chip."""
    test = chips().get(chosen)
    words = query.lower().split()
    out = []
    for shipped in library():
        scenario = shipped.scenario
        text = f"{scenario.text} {shipped.slug}".lower()
        if (test is None or test(shipped)) and all(word in text for word in words):
            out.append(shipped)
    return out


def grouped(found: list[Shipped]) -> tuple[Group, ...]:
    names = dict.fromkeys(shipped.scenario.group for shipped in found)
    return tuple(
        Group(name.capitalize(), tuple(card(s.slug) for s in found if s.scenario.group == name))
        for name in names
    )


def hero_of(loaded: LoadedRun, number: int, plan: Layout) -> Hero:
    step, previous = glimpse(loaded.run, number, plan)
    scene = scene_of(plan, number, step, previous)
    return Hero(
        step_url(loaded.id, number),
        number,
        loaded.last,
        str(step.get("text", "before the first step")),
        why_of(step).lead,
        loaded.stored.policy,
        loaded.run.scenario.title,
        Markup(drawing.stage(plan, scene, f"memory after step {number}")),
    )


def router(runs: RunService, templates: jinja2.Environment) -> APIRouter:
    """`/` and `/s/{slug}`."""
    routes = APIRouter(include_in_schema=False)
    plans: dict[str, Layout] = {}

    async def playing(number: int) -> Hero:
        shipped = next(s for s in library() if s.slug == PLAYING)
        loaded = await runs.create(shipped.scenario.text)
        if loaded.id not in plans:
            plans[loaded.id] = lay_out(list(survey(loaded.run)))
        return hero_of(loaded, min(max(number, 0), loaded.last), plans[loaded.id])

    @routes.get("/")
    async def home(request: Request) -> Response:
        params = request.query_params
        query, chosen = params.get("q", "").strip()[:200], params.get("has", "")
        wanted = params.get("step", "")
        found = search(query, chosen)
        tests = chips()
        titles = {"v": "✗ Violates somewhere", **{k: words for k, (words, _) in FACTS.items()}}
        context = HomeContext(
            await playing(int(wanted) if wanted.isdecimal() and len(wanted) < 6 else PLAYING_STEP),
            query,
            chosen if chosen in tests else "",
            len(library()),
            len(found),
            tuple(Filter(k, titles[k], sum(map(t, library()))) for k, t in tests.items()),
            await asyncio.to_thread(grouped, found),
        )
        body = templates.get_template("home.html").render(
            asdict(context), look=look_of(request), here="home"
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    @routes.get("/s/{slug}")
    async def scenario(request: Request, slug: str) -> Response:
        shipped = next((s for s in library() if s.slug == slug), None)
        if shipped is None:
            near = get_close_matches(slug, [s.slug for s in library()], 3, 0.5)
            hint = f" Nearest: {', '.join(near)}." if near else ""
            raise HTTPException(404, f"There is no shipped scenario “{slug}”.{hint}")
        params = request.query_params
        loaded = await runs.create(shipped.scenario.text, params.get("policy"))
        wanted = params.get("step", "0")
        number = int(wanted) if wanted.isdecimal() and len(wanted) < 7 else -1
        return RedirectResponse(step_url(loaded.id, loaded.check_step(number)), 303)

    return routes
