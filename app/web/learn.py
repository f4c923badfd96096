"""`/learn`: the course, and its lessons. Progress is the browser's own affair."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from msgspec import Struct

from app.quiz import shipped_run
from app.quiz.course import LESSONS, Lesson, Sight, lesson_of
from app.service import RunService
from app.urls import scenario_url

from .quiz import Asked, Questions
from .templating import look_of
from .why import why_of


class Seen(Struct, frozen=True):
    """A sight with what the engine says there."""

    point: str
    command: str
    policy: str
    lead: str
    href: str


class LessonContext(Struct, frozen=True):
    """What `lesson.html` gets beside `look` and `here`. `last` is the last lesson's number."""

    lesson: Lesson
    last: int
    sights: tuple[Seen, ...]
    predict: tuple[Asked, ...]
    check: tuple[Asked, ...]
    before: Lesson | None
    after: Lesson | None


def seen(sight: Sight) -> Seen:
    source = f"{sight.slug}~{sight.policy}" if sight.policy else sight.slug
    run = shipped_run(source)
    step = run.step(sight.step)
    query = f"?policy={sight.policy}&step=" if sight.policy else "?step="
    return Seen(
        sight.point,
        step["text"],
        run.policy.name,
        why_of(step).lead,
        f"{scenario_url(sight.slug)}{query}{sight.step}",
    )


def router(runs: RunService, templates: jinja2.Environment) -> APIRouter:
    """`/learn` and `/learn/{slug}`."""
    routes = APIRouter(include_in_schema=False)
    questions = Questions(runs)
    headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}

    @routes.get("/learn")
    async def course(request: Request) -> Response:
        body = templates.get_template("learn.html").render(
            lessons=LESSONS, look=look_of(request), here="learn"
        )
        return HTMLResponse(body, headers=headers)

    async def context_of(lesson: Lesson) -> LessonContext:
        at = lesson.number - 1
        return LessonContext(
            lesson,
            len(LESSONS),
            await asyncio.to_thread(lambda: tuple(seen(sight) for sight in lesson.sights)),
            tuple([await questions.asked(name) for name in lesson.predict]),
            tuple([await questions.asked(name) for name in lesson.check]),
            LESSONS[at - 1] if at else None,
            LESSONS[at + 1] if at + 1 < len(LESSONS) else None,
        )

    @routes.get("/learn/{slug}")
    async def show(request: Request, slug: str) -> Response:
        lesson = lesson_of(slug)
        if lesson is None:
            near = get_close_matches(slug, [known.slug for known in LESSONS], 1, 0.5)
            hint = f" Nearest: /learn/{near[0]}." if near else " All lessons are at /learn."
            raise HTTPException(404, f"There is no lesson “{slug}”.{hint}")
        context = await context_of(lesson)
        body = templates.get_template("lesson.html").render(
            {name: getattr(context, name) for name in context.__struct_fields__},
            look=look_of(request),
            here="learn",
        )
        return HTMLResponse(body, headers=headers)

    return routes
