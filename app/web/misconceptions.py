"""`/misconceptions`: what people say of copy-on-write, and the steps that refute it."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app.quiz import shipped_run
from app.quiz.mistakes import MISTAKES, Mistake, Refutation, find_mistake
from app.service import RunService
from app.urls import matrix_url

from .learn import Seen, seen
from .quiz import Asked, Questions, state_of
from .templating import look_of


class Shown(Struct, frozen=True):
    """A step that refutes: what the engine says there, its picture, and what holds after it.

    `matrix` leads to the same scenario under all policies.
    """

    seen: Seen
    step: int
    svg: Markup
    shows: tuple[str, ...]
    title: str
    matrix: str


class MistakeContext(Struct, frozen=True):
    """What `misconception.html` gets beside `look` and `here`."""

    mistake: Mistake
    number: int
    last: int
    asked: Asked
    shown: tuple[Shown, ...]
    before: Mistake | None
    after: Mistake | None


def shown(refuted: Refutation) -> Shown:
    sight = refuted.sight
    run = shipped_run(f"{sight.slug}~{sight.policy}" if sight.policy else sight.slug)
    return Shown(
        seen(sight),
        sight.step,
        state_of(run, sight.step, sight.step - 1, sight.step, marked=True).svg,
        refuted.shows,
        run.scenario.title,
        matrix_url(sight.slug),
    )


def router(runs: RunService, templates: jinja2.Environment) -> APIRouter:
    """`/misconceptions` and `/misconceptions/{slug}`."""
    routes = APIRouter(include_in_schema=False)
    questions = Questions(runs)
    headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}
    drawn: dict[str, tuple[Shown, ...]] = {}

    @routes.get("/misconceptions")
    async def index(request: Request) -> Response:
        body = templates.get_template("misconceptions.html").render(
            mistakes=MISTAKES, look=look_of(request), here="learn"
        )
        return HTMLResponse(body, headers=headers)

    async def context_of(mistake: Mistake) -> MistakeContext:
        if mistake.slug not in drawn:
            drawn[mistake.slug] = await asyncio.to_thread(
                lambda: tuple(shown(refuted) for refuted in mistake.refuted)
            )
        at = MISTAKES.index(mistake)
        return MistakeContext(
            mistake,
            at + 1,
            len(MISTAKES),
            await questions.asked(mistake.question),
            drawn[mistake.slug],
            MISTAKES[at - 1] if at else None,
            MISTAKES[at + 1] if at + 1 < len(MISTAKES) else None,
        )

    @routes.get("/misconceptions/{slug}")
    async def show(request: Request, slug: str) -> Response:
        mistake = find_mistake(slug)
        if mistake is None:
            near = get_close_matches(slug, [known.slug for known in MISTAKES], 1, 0.5)
            hint = f"Nearest: /misconceptions/{near[0]}." if near else "All are at /misconceptions."
            raise HTTPException(404, f"There is no misconception “{slug}” here. {hint}")
        body = templates.get_template("misconception.html").render(
            asdict(await context_of(mistake)), look=look_of(request), here="learn"
        )
        return HTMLResponse(body, headers=headers)

    return routes
