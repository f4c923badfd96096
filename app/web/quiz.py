"""`/q/{id}`: one question, answered alone. Nothing is stored: an answer is a form, no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from msgspec import Struct

from app.quiz import Address, BadQuestion, Option, Question, address_of, questions_for, shipped_run
from app.quiz import question as question_of
from app.quiz.course import lesson_of
from app.quiz.view import places
from app.scenario import library
from app.service import RunService
from app.service.cache import KeptByWeight
from app.trace import Run
from app.urls import question_url, scenario_url, step_url

from . import drawing
from .glimpse import glimpse, survey
from .placing import lay_out_numbered
from .scene import scene_of
from .templating import look_of

Json = dict[str, Any]

KEPT = 500
"""Questions with their pictures that stay in memory."""
MARKS = (
    ("present", "present"),
    ("writable", "writable"),
    ("dirty", "dirty"),
    ("exclusive", "exclusive"),
    ("swapcache", "swap cache"),
)


class PageRow(Struct, frozen=True):
    """One page of one process before the step, in words."""

    place: str
    target: str
    words: str
    value: str


class FrameRow(Struct, frozen=True):
    """One struct page before the step. `holders` of its references, with their counts."""

    label: str
    value: str
    refs: str
    maps: str
    words: str
    holders: str


class State(Struct, frozen=True):
    """A state as drawing and as tables."""

    title: str
    svg: Markup
    pages: tuple[PageRow, ...]
    frames: tuple[FrameRow, ...]
    handles: tuple[tuple[str, str], ...]


class BitRow(Struct, frozen=True):
    """A row of boxes to tick: what it is of, and for each mark the option or None."""

    subject: str
    cells: tuple[Option | None, ...]


class Asked(Struct, frozen=True):
    """A question ready to be shown: `question.html` gets it as `asked`.

    states     the state before, and of the reverse question the one after, too
    after      the state after the step, shown with the feedback
    grid       "frames", "bits" or "": how the options stand in the grid
    marks      of "bits": headings; `bits` its rows
    cards      of "frames": option id -> the struct page it stands for, if it is there already
    title      of the scenario; `href` the step in the explorer
    onward     where the next step's question is, or "" at the end
    beside     the other questions on the step: name and what it asks
    """

    question: Question
    title: str
    href: str
    states: tuple[State, ...]
    after: State
    grid: str
    marks: tuple[str, ...]
    bits: tuple[BitRow, ...]
    cards: dict[str, FrameRow]
    onward: str
    beside: tuple[tuple[str, str], ...]

    @property
    def action(self) -> str:
        return question_url(self.question.id)


class Answered(Struct, frozen=True):
    """What was answered. `chosen` option ids, in the order of the options."""

    chosen: tuple[str, ...]
    right: bool


def seen_steps(run: Run, first: int, last: int) -> Iterator[tuple[int, Json]]:
    """The steps that a picture shows, by number; of those before only what they were."""
    for number, step in enumerate(survey(run)):
        if number < first:
            yield number, {"text": step.get("text", ""), "state": {"processes": {}}}
        elif number <= last:
            yield number, step


def state_of(run: Run, number: int, first: int, last: int, marked: bool = False) -> State:
    """State `number`, in a layout of the states `first` to `last`: none gives away what comes."""
    layout = lay_out_numbered(seen_steps(run, first, last))
    step, before = glimpse(run, number, layout)
    scene = scene_of(layout, number, step, before if marked else {"state": step["state"]})
    title = f"Memory after step {number}" if number else "Memory before the first step"
    state = step["state"]
    return State(
        title,
        Markup(drawing.stage(layout, scene, title)),
        tuple(page_row(place, page) for place, page in places(state).items()),
        tuple(frame_row(label, frame) for label, frame in state["frames"].items()),
        tuple((name, handle_words(held)) for name, held in state["handles"].items()),
    )


def page_row(place: str, page: Json) -> PageRow:
    target = page["frame"] or page["swap_offset_label"] or "–"
    if page.get("migration"):
        words = f"migration entry, {page['migration'].replace('_', ' ')}"
    elif page["kind"] == "swap":
        words = "swap entry" + (", exclusive" if page.get("swap_exclusive") else "")
    elif page["kind"] == "present":
        words = "writable" if page.get("writable") else "read-only"
    else:
        words = "empty" if page["vma"] else "not mapped"
    value = page.get("value")
    return PageRow(place, target, words, "" if value is None else str(value))


def frame_row(label: str, frame: Json) -> FrameRow:
    if "refcount" not in frame:
        return FrameRow(label, "0", "", "", "the zero page: not counted", "")
    words = [flag for flag in ("exclusive", "swapcache", "ksm") if flag in frame["flags"]]
    held = [f"{i['holder']} ×{i['count']}" if i["count"] > 1 else i["holder"]
            for i in frame["ledger"]]  # fmt: skip
    return FrameRow(
        label,
        str(frame["value"]),
        str(frame["refcount"]),
        str(frame["mapcount"]),
        ", ".join(words) or "maybe shared",
        ", ".join(held),
    )


def handle_words(held: Json) -> str:
    write = "for writing" if held["write"] else "for reading"
    return f"{held['kind']} of {held['owner']} {write} on {', '.join(held['frames'])}"


def asked_of(question: Question, run: Run, title: str, href: str) -> Asked:
    at = question.step
    reverse = question.kind == "which"
    first = state_of(run, at - 1, at - 1, at if reverse else at - 1)
    after = state_of(run, at, at - 1, at, marked=True)
    cards = {frame.label: frame for frame in first.frames}
    marks = [m for m, _ in MARKS if any(o.mark == m for o in question.options)]
    return Asked(
        question=question,
        title=title,
        href=href,
        states=(first, after) if reverse else (first,),
        after=after,
        grid={"page": "frames", "bits": "bits"}.get(question.kind, ""),
        marks=tuple(dict(MARKS)[m] for m in marks),
        bits=bit_rows(question, marks) if question.kind == "bits" else (),
        cards={o.id: cards[o.subject] for o in question.options if o.subject in cards},
        onward=f"/q/{question.source}/{at + 1}" if at < len(run) else "",
        beside=tuple(
            (question_url(other.id), other.text)
            for other in questions_for(run, at, question.source)
            if other.id != question.id
        ),
    )


def bit_rows(question: Question, marks: list[str]) -> tuple[BitRow, ...]:
    subjects = dict.fromkeys(option.subject for option in question.options)
    found = {(o.subject, o.mark): o for o in question.options}
    return tuple(BitRow(s, tuple(found.get((s, mark)) for mark in marks)) for s in subjects)


class Questions:
    """Makes questions ready to be shown, and keeps some."""

    def __init__(self, runs: RunService) -> None:
        self.runs = runs
        self.kept: KeptByWeight[str, Asked] = KeptByWeight(KEPT, lambda _: 1)

    async def played(self, source: str) -> tuple[Run, str, str]:
        """A run, its title, and where its steps are. Raises BadQuestion, UnknownRun."""
        slug, _, policy = source.partition("~")
        if any(s.slug == slug for s in library()):
            run = await asyncio.to_thread(shipped_run, source)
            query = f"policy={run.policy.name}&step=" if policy else "step="
            return run, run.scenario.title, f"{scenario_url(slug)}?{query}"
        if policy:
            raise BadQuestion(f"There is no scenario “{slug}”.", "The gallery lists all of them.")
        loaded = await self.runs.load(source)
        title = loaded.run.scenario.title or "Untitled scenario"
        return loaded.run, title, step_url(source, 0).removesuffix("0")

    async def asked(self, question_id: str) -> Asked:
        """Raises BadQuestion, UnknownRun, RunNotPlayable."""
        kept = self.kept.get(question_id)
        if kept is None:
            address = address_of(question_id)
            run, title, base = await self.played(address.source)

            def make() -> Asked:
                found = question_of(question_id, run)
                return asked_of(found, run, title, f"{base}{address.step}")

            kept = await asyncio.to_thread(make)
            self.kept.put(question_id, kept)
        return kept

    async def first(self, source: str, step: int) -> str:
        """The most telling question on a step, or on the first step behind that has one.

        Raises BadQuestion when there is none up to the end.
        """
        run, _, _ = await self.played(source)
        if not 1 <= step <= len(run):
            raise BadQuestion(
                f"{source} has no step {step} to predict.", f"It has 1 to {len(run)}."
            )

        def find() -> str:
            for number in range(step, len(run) + 1):
                found = questions_for(run, number, source)
                if found:
                    return found[0].id
            raise BadQuestion(f"There is nothing to ask about {source} from step {step} on.")

        return await asyncio.to_thread(find)


def answer_of(question: Question, chosen: list[str]) -> Answered | None:
    """None where nothing was chosen, or something that is no option."""
    known = [option.id for option in question.options if option.id in chosen]
    if not known or (len(known) > 1 and not question.multiple):
        return None
    return Answered(tuple(known), question.is_right(frozenset(known)))


def router(runs: RunService, templates: jinja2.Environment) -> APIRouter:
    """`/q/{id}` to ask and to answer; `/q/{source}/{step}` leads to a step's best question."""
    routes = APIRouter(include_in_schema=False)
    questions = Questions(runs)
    template = templates.get_template("question.html")

    async def find(question_id: str) -> Asked:
        try:
            return await questions.asked(question_id)
        except BadQuestion as error:
            raise HTTPException(404, str(error)) from error

    def page(
        request: Request, asked: Asked, answered: Answered | None, problem: str, status: int = 200
    ) -> Response:
        body = template.render(
            asked=asked,
            answered=answered,
            problem=problem,
            lesson=lesson_of(request.query_params.get("lesson", "")),
            look=look_of(request),
            here="learn",
        )
        headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}
        return HTMLResponse(body, status, headers=headers)

    @routes.get("/q/{question_id}")
    async def ask(request: Request, question_id: str) -> Response:
        return page(request, await find(question_id), None, "")

    @routes.post("/q/{question_id}")
    async def answer(request: Request, question_id: str) -> Response:
        asked = await find(question_id)
        form = await request.form()
        chosen = [str(value) for value in form.getlist("answer")][:32]
        answered = answer_of(asked.question, chosen)
        if answered is None:
            return page(request, asked, None, "Choose an answer first.", 422)
        return page(request, asked, answered, "")

    @routes.get("/q/{source}/{step}")
    async def best(source: str, step: int) -> Response:
        try:
            address_of(Address(source, max(step, 1), "page").id)
            return RedirectResponse(question_url(await questions.first(source, step)), 303)
        except BadQuestion as error:
            raise HTTPException(404, str(error)) from error

    return routes
