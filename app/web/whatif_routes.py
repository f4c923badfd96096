"""What-if pages: `/r/{run}/{step}/next`, `/r/{run}/without/{step}`, `/r/{run}/rules` and
`/r/{run}/minimise`. GET computes and shows, POST makes a run of it.
"""

from __future__ import annotations

from typing import Any

import jinja2
import msgspec
import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec.structs import asdict

from app.scenario import ScenarioErrors
from app.service import LoadedRun, RunService, WhatIfs
from app.trace import KINDS
from app.urls import compare_url, run_url, step_url
from app.whatif import WithinBlock

from . import whatif_view as view
from .origin import branches_of
from .templating import look_of

Json = dict[str, Any]

FRESH = {"Cache-Control": "no-cache", "Vary": "Cookie"}
KEEP = "keep"


class Pages:
    """Asks, and renders the answers."""

    def __init__(self, runs: RunService, whatifs: WhatIfs, templates: jinja2.Environment) -> None:
        self.runs = runs
        self.whatifs = whatifs
        self.templates = templates

    def page(self, request: Request, name: str, context: Any, status: int = 200) -> Response:
        body = self.templates.get_template(name).render(asdict(context), look=look_of(request))
        return HTMLResponse(body, status, FRESH)

    async def next(self, run: str, step: int, typed: str = "", wrong: str = "") -> view.NextContext:
        loaded = await self.runs.load(run)
        loaded.check_step(step)
        branches = await branches_of(self.runs, loaded.stored)
        try:
            found = await self.whatifs.actions(run, step)
        except WithinBlock as within:
            return view.NextContext(
                **view.common(loaded, step), branches=branches, within=str(within), end=within.end
            )
        return view.next_context(loaded, found, branches, typed=typed, wrong=wrong)

    async def minimised(self, request: Request) -> view.MinimiseContext:
        """Asks for what `kind` and `budget` of the query say."""
        loaded = await self.runs.load(request.path_params["run"])
        params = request.query_params
        kind = kind_of(loaded, params.get("kind", ""))
        if not kind:
            return view.minimise_context(loaded, "", None, self.whatifs.most)
        budget = budget_of(params.get("budget", ""), self.whatifs.most)
        found = await self.whatifs.minimised(loaded.id, kind, budget)
        return view.minimise_context(loaded, kind, found, self.whatifs.most)


def kind_of(loaded: LoadedRun, asked: str) -> str:
    """The property asked for; the only one that is violated; or ""."""
    if asked and asked not in KINDS:
        known = ", ".join(KINDS)
        raise HTTPException(422, f"There is no property “{asked}”; there are {known}.")
    broken = [kind for kind, at in loaded.run.verdicts.items() if at is not None]
    return asked or (broken[0] if len(broken) == 1 else "")


def budget_of(asked: str, most: int) -> int | None:
    if not asked:
        return None
    if not asked.isdecimal() or not 1 <= int(asked[:12]) <= most:
        raise HTTPException(422, f"budget is a number of page-steps from 1 to {most}.")
    return int(asked)


def as_json(document: Any) -> Response:
    body = orjson.dumps(msgspec.to_builtins(document))
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})


def router(runs: RunService, whatifs: WhatIfs, templates: jinja2.Environment) -> APIRouter:
    """Comes before the explorer's routes: those take everything below `/r/{run}`."""
    pages = Pages(runs, whatifs, templates)
    routes = APIRouter(include_in_schema=False)

    def at(request: Request) -> tuple[str, int]:
        return request.path_params["run"], request.path_params["step"]

    async def show_next(request: Request) -> Response:
        return pages.page(request, "next.html", await pages.next(*at(request)))

    async def next_panel(request: Request) -> Response:
        context = await pages.next(*at(request))
        body = templates.get_template("next_panel.html").render(asdict(context))
        return HTMLResponse(body, headers={"Cache-Control": "no-cache"})

    async def next_json(request: Request) -> Response:
        run, step = at(request)
        found = await whatifs.actions(run, step)
        stored = await runs.stored(run)
        branches = await branches_of(runs, stored)
        return as_json(
            {
                "schema": "next/1",
                "run": stored.id,
                "policy": stored.policy,
                "step": step,
                "actions": found.all,
                "left_out": found.left_out,
                "branches": branches,
            }
        )

    async def branch(request: Request) -> Response:
        run, step = at(request)
        form = await request.form()
        typed, chosen = str(form.get("typed", "")), str(form.get("line", ""))
        line = chosen or typed
        keep = form.get("then") == KEEP
        try:
            made = await whatifs.branch(run, step, line, keep=keep)
        except ScenarioErrors as found:
            error = found.errors[0]
            wrong = f"{error.message} {error.hint}".strip()
            context = await pages.next(run, step, line, wrong)
            return pages.page(request, "next.html", context, 422)
        return RedirectResponse(step_url(made.id, step + 1), 303)

    async def show_without(request: Request) -> Response:
        run, step = at(request)
        found = await whatifs.without(run, step)
        context = view.without_context(await runs.load(run), step, found)
        return pages.page(request, "without.html", context)

    async def without_json(request: Request) -> Response:
        run, step = at(request)
        found = await whatifs.without(run, step)
        stored = await runs.stored(run)
        head = {"schema": "without/1", "run": stored.id, "policy": stored.policy, "step": step}
        return as_json({**head, **asdict(found)})

    async def open_without(request: Request) -> Response:
        """As a run of its own, or beside the run."""
        run, step = at(request)
        found = await whatifs.without(run, step)
        if not any(row.now for row in found.rows):
            raise HTTPException(422, "Without it no step is left that could be played.")
        begin = found.off[0]
        made = await whatifs.store(run, found.text, begin - 1)
        form = await request.form()
        if form.get("then") == "compare":
            return RedirectResponse(compare_url(run, made.id), 303)
        first = found.first
        now = first.now if first is not None and first.now else begin - 1
        return RedirectResponse(step_url(made.id, now), 303)

    async def show_rules(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        context = view.rules_context(loaded, await whatifs.rules(loaded.id))
        return pages.page(request, "rules.html", context)

    async def rules_json(request: Request) -> Response:
        stored = await runs.stored(request.path_params["run"])
        found = await whatifs.rules(stored.id)
        head = {"schema": "rules/1", "run": stored.id, "policy": stored.policy}
        return as_json({**head, **asdict(found)})

    async def show_minimised(request: Request) -> Response:
        return pages.page(request, "minimise.html", await pages.minimised(request))

    async def minimised_json(request: Request) -> Response:
        context = await pages.minimised(request)
        run = request.path_params["run"]
        head = {"schema": "minimised/1", "run": run, "policy": context.policy}
        broken = dict(context.broken)
        if context.found is None:
            return as_json({**head, "violations": broken})
        return as_json({**head, "violations": broken, **asdict(context.found)})

    async def open_minimised(request: Request) -> Response:
        run = request.path_params["run"]
        context = await pages.minimised(request)
        if context.found is None:
            raise HTTPException(422, "Which property? Ask with ?kind=isolation, for example.")
        violated = dict(context.broken)[context.kind]
        made = await whatifs.store(run, context.found.text, violated)
        return RedirectResponse(
            step_url(made.id, made.last) if made.last else run_url(made.id), 303
        )

    for path, get, post in (
        ("/r/{run}/{step:int}/next.json", next_json, None),
        ("/r/{run}/{step:int}/next/panel", next_panel, None),
        ("/r/{run}/{step:int}/next", show_next, None),
        ("/r/{run}/{step:int}/branch", show_next, branch),
        ("/r/{run}/without/{step:int}.json", without_json, None),
        ("/r/{run}/without/{step:int}", show_without, open_without),
        ("/r/{run}/rules.json", rules_json, None),
        ("/r/{run}/rules", show_rules, None),
        ("/r/{run}/minimise.json", minimised_json, None),
        ("/r/{run}/minimise", show_minimised, open_minimised),
    ):
        routes.add_route(path, get)
        if post is not None:
            routes.add_route(path, post, methods=["POST"])
    return routes
