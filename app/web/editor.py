"""Typing a scenario: errors at their place, a preview, and a run when all is well."""

from __future__ import annotations

import asyncio

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2_fragments import render_block
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app import policies
from app.scenario import (
    MAX_BYTES,
    MAX_FRAMES,
    MAX_PROCESSES,
    MAX_STEPS,
    Scenario,
    ScenarioError,
    ScenarioErrors,
    longest_valid,
    parse,
)
from app.service import RunService, TooMuchWork
from app.trace import Run, play
from app.urls import run_url

from . import drawing
from .editor_marks import LEAST, Marks, marks_of
from .glimpse import glimpse, survey
from .placing import lay_out
from .scene import scene_of
from .templating import look_of
from .why import why_of

EXAMPLE = "A mmap buf 1\nA write buf 1\nA fork B\nB write buf 2\nA read buf\nexpect value 1\n"
PREVIEW_STEPS = 200
"""Longer texts are checked, not previewed: a preview is played at every pause in typing."""


class Shown(Struct, frozen=True):
    """An error beside its line: the line's text before, at and behind the token."""

    error: ScenarioError
    before: str
    token: str
    behind: str


class Limit(Struct, frozen=True):
    name: str
    used: int
    most: int


class Preview(Struct, frozen=True):
    """The state after the last valid line."""

    line: int
    svg: Markup
    lead: str


class EditorContext(Struct, frozen=True):
    """What `editor.html` gets beside `look` and `here`.

    text, policy   as typed; `names` the policies to choose from
    based_on       the run whose text this was, or ""
    lines          how many numbers stand beside the text; `marks` those, and what is underlined
    errors         all errors; `problem` one that is about no line, or ""
    limits         of a scenario, and how much of each is used
    preview        the state after the last valid line, or None
    """

    text: str
    policy: str
    names: tuple[str, ...]
    based_on: str
    lines: int
    marks: Marks
    errors: tuple[Shown, ...]
    problem: str
    limits: tuple[Limit, ...]
    preview: Preview | None


def shown(error: ScenarioError, lines: list[str]) -> Shown:
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    at = min(error.column - 1, len(line))
    token = error.token.split("\n")[0]
    if not line[at:].startswith(token):
        token = ""
    return Shown(
        error, line[:at], token or line[at : at + 1] or " ", line[at + len(token or " ") :]
    )


def limits_of(text: str, scenario: Scenario | None) -> tuple[Limit, ...]:
    used_bytes = len(text.encode("utf-8", "surrogatepass"))
    steps = len(scenario.steps) if scenario else 0
    kinds = [type(step.op).__name__ for step in scenario.steps] if scenario else []
    processes = 1 + sum(kind in ("Fork", "Vfork") for kind in kinds) if scenario else 0
    frames = sum(getattr(step.op, "pages", 0) for step in scenario.steps) if scenario else 0
    return (
        Limit("Steps", steps, MAX_STEPS),
        Limit("Processes", processes, MAX_PROCESSES),
        Limit("Pages", frames, MAX_FRAMES),
        Limit("Text, bytes", used_bytes, MAX_BYTES),
    )


def preview_of(text: str, policy: str) -> Preview | None:
    """Played as far as it goes; None when there is nothing to show."""
    scenario = longest_valid(text)
    if scenario is None or len(scenario.steps) > PREVIEW_STEPS:
        return None
    try:
        run = play(scenario, policy)
    except (ScenarioErrors, policies.UnknownPolicy):
        return None
    return drawn(run)


def drawn(run: Run) -> Preview:
    plan = lay_out(list(survey(run)))
    last = len(run)
    step, previous = glimpse(run, last, plan)
    scene = scene_of(plan, last, step, previous)
    svg = Markup(drawing.stage(plan, scene, "memory after the last valid line"))
    return Preview(run.scenario.steps[-1].line, svg, why_of(step).lead)


def examine(text: str, policy: str, based_on: str) -> EditorContext:
    """Everything that can be said of a text without storing it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    problem = policies.check(policy) or ""
    scenario: Scenario | None = None
    errors: tuple[ScenarioError, ...] = ()
    try:
        scenario = parse(text, policies.check)
        if not problem and len(scenario.steps) <= PREVIEW_STEPS:
            play(scenario, policy, explain=False)
    except ScenarioErrors as found:
        errors = found.errors
    return EditorContext(
        text,
        policy,
        policies.names(),
        based_on,
        max(len(lines), LEAST),
        marks_of(lines, errors),
        tuple(shown(error, lines) for error in errors),
        problem,
        limits_of(text, scenario or longest_valid(text)),
        None if problem else preview_of(text, policy),
    )


def router(runs: RunService, templates: jinja2.Environment) -> APIRouter:
    """`/new`: GET shows the editor, POST makes a run; `/new/check` is the live check."""
    routes = APIRouter(include_in_schema=False)

    def page(request: Request, context: EditorContext, status: int = 200) -> Response:
        body = templates.get_template("editor.html").render(
            asdict(context), look=look_of(request), here="new", swapped=False
        )
        return HTMLResponse(body, status, {"Cache-Control": "no-store"})

    async def typed(request: Request) -> tuple[str, str, str]:
        form = await request.form()
        values = [form.get(name, "") for name in ("text", "policy", "other", "based_on")]
        if not all(isinstance(value, str) for value in values):
            raise HTTPException(422, "text and policy are text, not files.")
        text, policy, other, based_on = map(str, values)
        return text, other.strip() or policy or policies.DEFAULT, based_on

    @routes.get("/new")
    async def show(request: Request) -> Response:
        params = request.query_params
        based_on = params.get("run") or params.get("from") or ""
        text, policy = params.get("text", ""), params.get("policy", policies.DEFAULT)
        if based_on and not text:
            stored = await runs.stored(based_on)
            text, policy = stored.text + "\n", params.get("policy", stored.policy)
        context = await asyncio.to_thread(examine, text or EXAMPLE, policy, based_on)
        return page(request, context)

    @routes.post("/new")
    async def make(request: Request) -> Response:
        text, policy, based_on = await typed(request)
        form = await request.form()
        if form.get("check"):
            return page(request, await asyncio.to_thread(examine, text, policy, based_on))
        try:
            loaded = await runs.create(text, policy, (based_on, 0) if based_on else None)
        except (ScenarioErrors, policies.UnknownPolicy):
            return page(request, await asyncio.to_thread(examine, text, policy, based_on), 422)
        except TooMuchWork as error:
            context = await asyncio.to_thread(examine, text, policy, based_on)
            values = {**asdict(context), "problem": str(error)}
            return page(request, EditorContext(**values), 422)
        return RedirectResponse(run_url(loaded.id), 303)

    @routes.post("/new/check")
    async def check(request: Request) -> Response:
        context = await asyncio.to_thread(examine, *(await typed(request)))
        values = asdict(context)
        body = render_block(templates, "editor.html", "findings", values)
        body += render_block(templates, "editor.html", "marks", {**values, "swapped": True})
        return HTMLResponse(body, headers={"Cache-Control": "no-store"})

    return routes
