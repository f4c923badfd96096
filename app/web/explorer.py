"""The explorer: `/r/{run}/{step}`, a page and, for htmx, the same page's block as a fragment."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jinja2
import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from jinja2_fragments import render_block
from markupsafe import Markup
from msgspec import Struct
from starlette.routing import BaseRoute
from starlette.types import Scope

from app import policies
from app.service import page_steps
from app.service.cache import KeptByWeight, MadeOnce
from app.service.runs import LoadedRun, RunService, UnknownStep
from app.settings import Settings
from app.trace import KINDS
from app.urls import matrix_url, run_url, step_url

from . import drawing, inspector_routes, marks, others, timeline
from .asked import FRAGMENT_CACHE, PAGE_CACHE, VARY_FRAGMENT, VARY_PAGE, Asked, plainly_asked
from .blame import Blame
from .cells import Cell
from .evidence import Evidence, evidence_of
from .fragments import Kept, PageCache, answer
from .glimpse import glimpse
from .hiding import NOTHING, Hiding, hiding_of, layout_without, scene_without
from .inspector_routes import Inspector
from .keys import KEYS, KeyAction
from .layout import Layout
from .listing import Line, lines_of
from .origin import Origin, leave_of, origin_of
from .panel import Panel, panel_of
from .pick import selectable
from .plan import Plan, plan_of
from .preview import preview_of
from .scene import Frame, Hold, Scene, Slot, scene_of
from .strips import Strip
from .switcher import PolicyLink, policy_links
from .templating import asked_for, remember
from .view import View, view_of

Json = dict[str, Any]

PLAN_STEPS = 60_000
"""Steps of runs whose layout and timeline are kept in memory, over all runs."""
TABLE_ROWS = 64
SURVEYORS = 2
SHORT_RUN = 100
"""Steps that are surveyed on the loop, where it takes a few milliseconds."""


class Chip(Struct, frozen=True):
    """A property. `broken` is the first step that breaks it, if it is not after this one."""

    name: str
    broken: int | None


class TableRow(Struct, frozen=True):
    label: str
    cells: tuple[Cell, ...]


class ExplorerContext(Struct, frozen=True):
    """What `explorer.html` gets, and nothing else, beside `look` and `preview`.

    run_id, policy, engine   of the run; `title` of its scenario, never empty
    step, last               this step and the last one; `base` is "/r/ID"
    command                  the step's text, or what step 0 is
    lines                    the scenario's text, windowed; `hidden_before`, `hidden_after` lines
                             are left out
    changes                  (subject, words) for each mark in the drawing
    hiding                   what is left out of drawing and tables
    svg, lanes, overview     the drawing, the timeline, and all marked steps of a long run ("" else)
    glyphs                   (SVG, words) of the timeline's key
    octagon                  the sign of a violation
    panel                    the explanation; `alarms` what is wrong at this step
    chips                    properties; `policies` the switcher, `keys` the table of keys
    names, rows, frames, strips, slots, handles   the tables that say what the drawing shows
    previous_mark, next_mark, next_violation   step numbers or None
    notes, findings          notes at this step; expectations as (text, met, found)
    differs                  the first step that today's engine plays otherwise, or None
    origin                   the run that this one is based on, or None
    """

    run_id: str
    base: str
    title: str
    policy: str
    engine: str
    step: int
    last: int
    command: str
    lines: tuple[Line, ...]
    hidden_before: int
    hidden_after: int
    changes: tuple[tuple[str, str], ...]
    hiding: Hiding
    svg: Markup
    lanes: Markup
    overview: Markup
    glyphs: tuple[tuple[Markup, str], ...]
    octagon: Markup
    panel: Panel
    alarms: tuple[Evidence, ...]
    chips: tuple[Chip, ...]
    policies: tuple[PolicyLink, ...]
    keys: dict[str, KeyAction]
    names: tuple[str, ...]
    rows: tuple[TableRow, ...]
    frames: tuple[Frame, ...]
    strips: tuple[Strip, ...]
    slots: tuple[Slot, ...]
    handles: tuple[Hold, ...]
    previous_mark: int | None
    next_mark: int | None
    next_violation: int | None
    notes: tuple[str, ...]
    findings: tuple[tuple[str, bool, str], ...]
    differs: int | None
    origin: Origin | None


GLYPHS = tuple((Markup(timeline.sample(kind)), words) for kind, words in timeline.GLYPH_NAMES)
OCTAGON = Markup(f'<svg viewBox="0 0 30 30" aria-hidden="true">{marks.octagon(15, 15, 14)}</svg>')


class Explorer:
    """Renders steps, and keeps what it has rendered."""

    def __init__(self, templates: jinja2.Environment, settings: Settings) -> None:
        self.templates = templates
        self.pages = PageCache(settings.page_cache_mib * 1024 * 1024)
        self.plans: KeptByWeight[str, Plan] = KeptByWeight(PLAN_STEPS, lambda plan: plan.steps)
        self.long_plans: KeptByWeight[str, tuple[others.Other, ...]] = KeptByWeight(
            PLAN_STEPS, lambda found: sum(len(other.deeds) for other in found)
        )
        self.surveys: MadeOnce[str, Plan] = MadeOnce(
            ThreadPoolExecutor(SURVEYORS, thread_name_prefix="survey"), settings.queue, "runs", 2
        )
        self.blame = Blame()
        self.route: BaseRoute | None = None

    def plan(self, loaded: LoadedRun) -> Plan:
        plan = self.plans.get(loaded.id)
        if plan is None:
            plan = plan_of(loaded)
            self.plans.put(loaded.id, plan)
        return plan

    async def planned(self, loaded: LoadedRun) -> None:
        """See to it that the plan of a run is there. Surveying a long one takes seconds, in which
        other readers shall not wait, and those of the same run shall wait together.
        """
        if self.plans.get(loaded.id) is not None:
            return
        if loaded.last <= SHORT_RUN and page_steps(loaded.run.scenario) <= SHORT_RUN:
            self.plan(loaded)
            return
        flight = self.surveys.submit(loaded.id, lambda: self.plan(loaded))
        await asyncio.shield(asyncio.wrap_future(flight))

    def groups(self, loaded: LoadedRun, step: int) -> tuple[others.Group, ...]:
        """What other policies do at a step of a run that is too long to know it beforehand."""
        found = self.long_plans.get(loaded.id)
        if found is None:
            found = others.others_of(loaded.run.scenario, loaded.stored.policy)
            self.long_plans.put(loaded.id, found)
        own = others.other_of(loaded.stored.policy, loaded.run)
        return others.groups_of(found, own, step, loaded.id)

    def remembered(self, scope: Scope) -> Response | None:
        """The answer to a request for a step that is in memory, else None: a look-up, no routing.

        `scope` gets the route, as if it had been found by routing.
        """
        plainly = plainly_asked(scope)
        if plainly is None:
            return None
        request = Request(scope)
        asked = Asked.of(request, *plainly)
        kept = self.pages.get(asked.key)
        if kept is None:
            return None
        scope["route"] = self.route
        return asked.answered(request, kept)

    def render(self, asked: Asked, loaded: LoadedRun) -> Kept:
        context = self.context(loaded, asked.step, asked.hide)
        values = msgspec.structs.asdict(context)
        if asked.fragment:
            body = render_block(self.templates, "explorer.html", "explorer", values)
        else:
            wrong = [f"{a.name.capitalize()} violated. {a.text}" for a in context.alarms]
            preview = preview_of(
                asked.origin, loaded.id, asked.step, View(hide=asked.hide).query,
                last=loaded.last, title=context.title,
                command=context.command, lead=" ".join([*wrong, context.panel.why.lead]),
            )  # fmt: skip
            template = self.templates.get_template("explorer.html")
            body = template.render(values, look=asked.look, preview=preview)
        return self.pages.put(asked.key, body)

    def context(
        self, loaded: LoadedRun, number: int, hide: tuple[str, ...] = ()
    ) -> ExplorerContext:
        """Raises UnknownStep, and HTTPException for something to hide that is not there."""
        loaded.check_step(number)
        plan = self.plan(loaded)
        run = loaded.run
        step, previous = glimpse(run, number, plan.layout)
        scene = scene_of(plan.layout, number, step, previous)
        hiding = hiding_of(self.blame, loaded, plan.layout, hide) if hide else NOTHING
        layout = layout_without(plan.layout, hiding)
        shown = scene_without(scene, layout, hiding, step)
        alarms = evidence_of(run, number)
        base = step_url(loaded.id, 0).removesuffix("/0")
        title = run.scenario.title or "Untitled scenario"
        picture = drawing.stage(layout, shown, f"memory after step {number}")
        origin = origin_of(loaded)
        first, last = timeline.window(loaded.last, number)
        lines, before, after = lines_of(loaded, plan, base, number, first, last)
        return ExplorerContext(
            run_id=loaded.id,
            base=base,
            title=title,
            policy=loaded.stored.policy,
            engine=loaded.engine,
            step=number,
            last=loaded.last,
            command=str(step.get("text", "before the first step")),
            lines=lines,
            hidden_before=before,
            hidden_after=after,
            changes=shown.changes,
            hiding=hiding,
            svg=Markup(selectable(picture, layout, shown, run.policy.bit, hiding)),
            lanes=Markup(timeline.draw(plan.timeline, number, base, leave_of(origin))),
            overview=Markup(timeline.overview(plan.timeline, number, base)),
            glyphs=GLYPHS,
            octagon=OCTAGON,
            panel=panel_of(loaded, number, step, scene, plan.others, plan.own, alarms),
            alarms=alarms,
            chips=chips_of(loaded, number),
            policies=policy_links(base, number, loaded.stored.policy, plan),
            keys=KEYS,
            names=tuple(c.name for c in layout.columns),
            rows=table_rows(layout, shown),
            frames=tuple(shown.frames.values()),
            strips=tuple(shown.strips.values()),
            slots=tuple(shown.slots.values()),
            handles=tuple(shown.handles.values()),
            previous_mark=plan.timeline.previous_marked(number),
            next_mark=plan.timeline.next_marked(number),
            next_violation=plan.timeline.next_violation(number),
            notes=tuple(step.get("notes", ())),
            findings=tuple(finding_of(f) for f in step.get("expectations", ())),
            differs=loaded.differs_from,
            origin=origin,
        )


def chips_of(loaded: LoadedRun, number: int) -> tuple[Chip, ...]:
    broken = loaded.run.verdicts
    return tuple(
        Chip(kind, at if at is not None and at <= number else None)
        for kind in KINDS
        for at in (broken.get(kind),)
    )


def table_rows(layout: Layout, scene: Scene) -> tuple[TableRow, ...]:
    pairs = zip(layout.rows, scene.cells, strict=True)
    return tuple(
        TableRow(row.label, tuple(cells[c.name] for c in layout.columns))
        for row, cells in pairs
        if row.area
    )[:TABLE_ROWS]


def finding_of(found: Json) -> tuple[str, bool, str]:
    return str(found["text"]), bool(found["met"]), str(found.get("found") or "")


def router(runs: RunService, explorer: Explorer, settings: Settings) -> APIRouter:
    """`/r/{run}` and `/r/{run}/{step}`. A step in memory is answered without any I/O."""
    playing = asyncio.Lock()
    inspector = Inspector(explorer.templates, explorer.blame)
    routes = inspector_routes.router(runs, inspector)

    async def show(request: Request) -> Response:
        run_id, number = request.path_params["run"], request.path_params["step"]
        if policy := request.query_params.get("policy"):
            return await sibling(run_id, number, policy, view_of(request.query_params))
        request.scope["route"] = explorer.route
        view = view_of(request.query_params)
        asked = Asked.of(request, run_id, number, view.hide)
        kept = explorer.pages.get(asked.key)
        if kept is None:
            loaded = await runs.load(run_id)
            await explorer.planned(loaded)
            kept = explorer.render(asked, loaded)
        if view and not asked.fragment:
            dressed, status = await inspector.page(await runs.load(run_id), number, view, kept)
            answered = answer(request, dressed, PAGE_CACHE, VARY_PAGE, status=status)
        else:
            answered = asked.answered(request, kept)
        if not asked.fragment:
            remember(answered, asked_for(request))
        return answered

    async def sibling(run_id: str, number: int, policy: str, view: View) -> Response:
        """The same step of the same scenario under another policy."""
        loaded = await runs.load(run_id)
        loaded.check_step(number)
        other = loaded
        if policy != loaded.stored.policy:
            other = await runs.create(loaded.stored.text, policy, based_on=(run_id, number))
        return RedirectResponse(f"{step_url(other.id, number)}{view.query}", 303)

    async def elsewhere(request: Request) -> Response:
        """What other policies do at a step, for the panel of a long run."""
        loaded = await runs.load(request.path_params["run"])
        number = loaded.check_step(request.path_params["step"])
        work = page_steps(loaded.run.scenario) * len(policies.CATALOGUE)
        if number == 0 or work > settings.heavy_page_steps:
            return RedirectResponse(matrix_url(loaded.id), 303)
        async with playing:
            groups = await asyncio.to_thread(explorer.groups, loaded, number)
        body = explorer.templates.get_template("explorer_others.html").render(groups=groups)
        return answer(request, Kept(body.encode()), FRAGMENT_CACHE, VARY_FRAGMENT)

    async def go(request: Request) -> Response:
        """The step field's form."""
        run_id = request.path_params["run"]
        wanted = request.query_params.get("step", "").strip()
        loaded = await runs.load(run_id)
        if not wanted.isdecimal():
            raise UnknownStep(run_id, -1, loaded.last)
        step = step_url(run_id, loaded.check_step(int(wanted[:9])))
        return RedirectResponse(f"{step}{view_of(request.query_params).query}", 303)

    async def start(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        if policy := request.query_params.get("policy"):
            return await sibling(loaded.id, 0, policy, View())
        return RedirectResponse(run_url(loaded.id))

    # Plain routes: the path and two headers are all there is to read.
    routes.add_route("/r/{run}/{step:int}", show)
    explorer.route = routes.routes[-1]
    routes.add_route("/r/{run}/{step:int}/others", elsewhere)
    routes.add_route("/r/{run}/step", go)
    routes.add_route("/r/{run:str}", start)
    return routes
