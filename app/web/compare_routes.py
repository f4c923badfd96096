"""`/c/{a}..{b}/{step}`: two runs side by side, and the form that makes such a pair."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from urllib.parse import urlencode

import jinja2
import msgspec
import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from jinja2_fragments import render_block

from app import policies
from app.scenario import library
from app.service import RunService, UnknownRun, UnknownStep
from app.service.cache import KeptByWeight, MadeOnce
from app.settings import Settings
from app.urls import compare_url, matrix_url

from . import compare_select
from .asked import FRAGMENT_CACHE, PAGE_CACHE, VARY_FRAGMENT, VARY_PAGE
from .blame import Blame
from .compare import context_of
from .compare_hiding import PairHiding, hiding_of_pair
from .compare_pair import Pair, pair_of
from .compare_select import Selected
from .compare_twins import document, plain
from .explorer import PLAN_STEPS, SHORT_RUN
from .fragments import Kept, PageCache, answer
from .templating import Look, look_of
from .view import View, view_of

VARY_INSPECTED = "Accept-Encoding"
MANY = 3
"""Policies from which on a matrix shows more than pictures."""


class Compared:
    """Pairs, and what has been rendered of them."""

    def __init__(self, runs: RunService, templates: jinja2.Environment, settings: Settings) -> None:
        self.runs = runs
        self.templates = templates
        self.blame = Blame()
        self.pages = PageCache(settings.page_cache_mib * 1024 * 1024)
        walker = ThreadPoolExecutor(1, thread_name_prefix="compare")
        self.made: MadeOnce[str, Pair] = MadeOnce(walker, settings.heavy_queue, "comparisons", 5)
        self.pairs: KeptByWeight[str, Pair] = KeptByWeight(PLAN_STEPS, lambda pair: pair.last + 1)

    async def pair(self, name: str) -> Pair:
        """Raises HTTPException for a name that is no pair, UnknownRun, RunNotPlayable,
        and Busy."""
        kept = self.pairs.get(name)
        if kept is not None:
            return kept
        left, dots, right = name.partition("..")
        if not (left and dots and right):
            raise HTTPException(
                404, f"“{name}” is no comparison: two runs make one, /c/RUN..RUN/STEP."
            )
        runs = await self.runs.load(left), await self.runs.load(right)
        if max(run.last for run in runs) > SHORT_RUN:
            # Walking two long runs takes seconds; other readers shall not wait for it.
            flight = self.made.submit(name, lambda: pair_of(*runs))
            pair = await asyncio.shield(asyncio.wrap_future(flight))
        else:
            pair = pair_of(*runs)
        self.pairs.put(name, pair)
        return pair

    async def at(self, name: str, step: int) -> Pair:
        """Raises UnknownStep beyond the end of the longer run."""
        pair = await self.pair(name)
        if step > pair.last:
            raise UnknownStep(pair.name, step, pair.last)
        return pair

    async def selected(self, name: str, step: int, sel: str) -> Selected:
        """What a link selects. Histories of long runs take tens of milliseconds."""
        pair = await self.at(name, step)
        base = compare_url(pair.left.id, pair.right.id)
        return await asyncio.to_thread(compare_select.selected, self.blame, pair, base, step, sel)

    def hiding(self, pair: Pair, names: tuple[str, ...]) -> PairHiding:
        """Raises HTTPException for what neither side has."""
        return hiding_of_pair(self.blame, pair, names) if names else PairHiding()

    def fragment(self, pair: Pair, step: int, hide: tuple[str, ...]) -> str:
        values = msgspec.structs.asdict(context_of(pair, step, self.hiding(pair, hide)))
        return render_block(self.templates, "compare.html", "explorer", values)

    def page(self, pair: Pair, step: int, hide: tuple[str, ...], look: Look) -> str:
        values = msgspec.structs.asdict(context_of(pair, step, self.hiding(pair, hide)))
        return self.templates.get_template("compare.html").render(values, look=look)


def router(runs: RunService, templates: jinja2.Environment, settings: Settings) -> APIRouter:
    """`/c/A..B`, its steps and their twins; `POST /c` plays a scenario under other policies."""
    compared = Compared(runs, templates, settings)
    routes = APIRouter(include_in_schema=False)

    async def show(request: Request) -> Response:
        name, step = request.path_params["pair"], request.path_params["step"]
        wants_fragment = "hx-request" in request.headers
        look = Look() if wants_fragment else look_of(request)
        view = view_in(request)
        key = (name, step, view.hide, None if wants_fragment else look)
        kept = compared.pages.get(key)
        if kept is None:
            pair = await compared.at(name, step)
            made = (
                compared.fragment(pair, step, view.hide)
                if wants_fragment
                else compared.page(pair, step, view.hide, look)
            )
            kept = compared.pages.put(key, made)
        if wants_fragment:
            return answer(request, kept, FRAGMENT_CACHE, VARY_FRAGMENT)
        if view:
            found = await compared.selected(name, step, view.sel) if view.sel else None
            pair = await compared.at(name, step)
            page = kept.body.decode()
            hiding = compared.hiding(pair, view.hide)
            body = compare_select.dressed(templates, page, pair, step, view, found, hiding)
            status = 422 if found and found.notices else 200
            return answer(request, Kept(body.encode()), PAGE_CACHE, VARY_PAGE, status=status)
        return answer(request, kept, PAGE_CACHE, VARY_PAGE)

    async def inspect(request: Request) -> Response:
        """What the page shows of a selection: for a script, which puts it there."""
        name, step = request.path_params["pair"], request.path_params["step"]
        if not (sel := view_in(request).sel):
            raise HTTPException(422, "sel: say what is selected, for instance ?sel=f0.ref")
        found = await compared.selected(name, step, sel)
        block = compare_select.block_of(templates, found)
        return answer(request, Kept(block.encode()), FRAGMENT_CACHE, VARY_INSPECTED)

    async def start(request: Request) -> Response:
        """At the first divergence; a single run leads to all policies."""
        name = request.path_params["pair"]
        if ".." not in name:
            return RedirectResponse(matrix_url((await runs.stored(name)).id), 303)
        pair = await compared.pair(name)
        step = pair.divergences[0] if pair.divergences else 0
        way = compare_url(pair.left.id, pair.right.id, step)
        return RedirectResponse(way + view_in(request).query, 303)

    async def go(request: Request) -> Response:
        """The step field's form."""
        pair = await compared.pair(request.path_params["pair"])
        wanted = request.query_params.get("step", "").strip()
        step = int(wanted[:9]) if wanted.isdecimal() else -1
        if not 0 <= step <= pair.last:
            raise UnknownStep(pair.name, step, pair.last)
        way = compare_url(pair.left.id, pair.right.id, step)
        return RedirectResponse(way + view_in(request).query, 303)

    async def as_json(request: Request) -> Response:
        step = request.path_params["step"]
        pair = await compared.at(request.path_params["pair"], step)
        sel = view_in(request).sel
        found = await compared.selected(pair.name, step, sel) if sel else None
        body = orjson.dumps(document(pair, step, found))
        status = 422 if found and found.notices else 200
        return Response(body, status, media_type="application/json")

    async def as_text(request: Request) -> Response:
        step = request.path_params["step"]
        pair = await compared.at(request.path_params["pair"], step)
        sel = view_in(request).sel
        found = await compared.selected(pair.name, step, sel) if sel else None
        return PlainTextResponse(plain(pair, step, found), 422 if found and found.notices else 200)

    @routes.post("/c")
    async def choose(request: Request) -> Response:
        """`scenario`: a run or a shipped scenario; `policy`, as often as wanted; `step`, or the
        first divergence.
        """
        form = await request.form()
        scenario = str(form.get("scenario", "")).strip()
        chosen = list(dict.fromkeys(str(name).strip() for name in form.getlist("policy")))
        if not scenario or not chosen:
            raise HTTPException(422, "A comparison needs a scenario and at least one policy.")
        for name in chosen:
            policies.get(name)
        wanted = str(form.get("step", "")).strip()
        if wanted and not (wanted.isascii() and wanted.isdecimal()):
            raise HTTPException(422, f"step is a number, not “{wanted[:40]}”.")
        step = int(wanted[:9]) if wanted else None
        way = await chosen_url(runs, scenario, chosen, step, view_in(request))
        return RedirectResponse(way, 303)

    routes.add_route("/c/{pair}/{step:int}.json", as_json)
    routes.add_route("/c/{pair}/{step:int}.txt", as_text)
    routes.add_route("/c/{pair}/{step:int}", show)
    routes.add_route("/c/{pair}/{step:int}/inspect", inspect)
    routes.add_route("/c/{pair}/step", go)
    routes.add_route("/c/{pair}", start)
    return routes


def view_in(request: Request) -> View:
    return view_of(request.query_params).shared


async def chosen_url(
    runs: RunService, scenario: str, chosen: list[str], step: int | None, view: View
) -> str:
    """One policy is compared with the run, two with each other, more make a matrix."""
    if len(chosen) >= MANY:
        return f"{matrix_url(scenario)}?{urlencode([('policy', name) for name in chosen])}"
    text, own = await text_of(runs, scenario)
    pair = chosen if len(chosen) > 1 else [own, chosen[0]]
    made = [await runs.create(text, policy) for policy in pair]
    if step is not None:
        made[0].check_step(step)
    return compare_url(made[0].id, made[1].id, step) + view.query


async def text_of(runs: RunService, name: str) -> tuple[str, str]:
    """Text and policy of what `/m/{name}` names: a shipped scenario or a run.

    Raises HTTPException for a name that is neither and like a scenario's, UnknownRun for others.
    """
    scenarios = {shipped.slug: shipped.scenario for shipped in library()}
    if name in scenarios:
        return scenarios[name].text, scenarios[name].policy or policies.DEFAULT
    try:
        stored = await runs.stored(name)
    except UnknownRun:
        near = get_close_matches(name, scenarios, 3, 0.6)
        if not near:
            raise
        hint = ", ".join(near)
        raise HTTPException(404, f"There is no scenario “{name}”. Nearest: {hint}.") from None
    return stored.text, stored.policy
