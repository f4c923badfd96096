"""`/conformance`: what the model and recorded kernels agree on, step by step."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import Any

import jinja2
import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec.structs import asdict, replace

from app import policies
from app.engine import ENGINE_VERSION
from app.engine.policy import Policy
from app.service import RunService
from app.settings import Settings
from app.trace.recorded import CHAPTERS, RACES, Recording, Replayed, load, recordings, replay_all
from app.urls import conformance_url, step_url

from .conformance_view import (
    ConformanceContext,
    choices,
    context_of,
    mismatch_words,
    query_of,
    releases_of,
    trace_context,
    trace_url,
)
from .kept import KeptAnswers
from .templating import look_of

Json = dict[str, Any]

KEPT = 32
"""Policies whose results stay in memory; each is a few hundred kilobytes."""
PATIENCE = 1.5
"""Seconds for which a page waits for its traces before it shows how far they are."""
LOOK_AGAIN = "2"
"""Seconds after which a browser asks again."""


class Replays:
    """Results by policy, each distinct set of rules replayed once."""

    def __init__(self, settings: Settings) -> None:
        self.answers: KeptAnswers[Policy, tuple[Replayed, ...]] = KeptAnswers(
            "conformance", KEPT, settings.heavy_queue
        )
        self.done: dict[Policy, int] = {}

    async def of(self, policy: str) -> tuple[Replayed, ...]:
        """Raises UnknownPolicy and Busy."""
        rules = replace(policies.get(policy), name="")

        def make() -> tuple[Replayed, ...]:
            try:
                return replay_all(policy, lambda done: self.done.__setitem__(rules, done))
            finally:
                self.done.pop(rules, None)

        return await self.answers.get(rules, make)

    def progress(self, policy: str) -> int:
        return self.done.get(replace(policies.get(policy), name=""), 0)


def document(policy: str, replayed: tuple[Replayed, ...]) -> Json:
    return {
        "schema": "conformance/1",
        "policy": policy,
        "engine": ENGINE_VERSION,
        "releases": list(releases_of(r.recording for r in replayed)),
        "steps": sum(r.found.steps for r in replayed),
        "agreeing": sum(r.found.agreeing for r in replayed),
        "facts": [
            {
                "number": int(fact.number) if fact.number else None,
                "chapter": chapter.name,
                "fact": fact.sentence,
                "shown": [{"trace": key, "step": step} for key, step in fact.sights],
            }
            for chapter in CHAPTERS
            for fact in chapter.facts
        ],
        "traces": [trace_json(r, policy) for r in replayed],
    }


def trace_json(replayed: Replayed, policy: str) -> Json:
    recording, found = replayed.recording, replayed.found
    return {
        "trace": recording.key,
        "group": recording.group,
        "release": recording.release,
        "swap": recording.swap,
        "steps": found.steps,
        "agreeing": found.agreeing,
        "differing": list(found.differing),
        "mismatch": mismatch_words(replayed) or None,
        "not_compared": list(recording.unstable),
        "race": RACES.get(recording.key),
        "href": trace_url(recording.key, policy),
    }


def asked(swap: str, name: str) -> Recording:
    """Raises a 404 with the nearest name."""
    key = f"{swap}/{name}"
    found = next((r for r in recordings() if r.key == key), None)
    if found is None:
        near = get_close_matches(key, [r.key for r in recordings()], 1, 0.4)
        hint = f" Nearest: /conformance/{near[0]}." if near else ""
        raise HTTPException(404, f"There is no recorded trace “{key}”.{hint}")
    return found


def text_to_play(recording: Recording) -> str:
    """The scenario with the swap that it was recorded with; zram is the language's default."""
    swap = "" if recording.swap == "zram" else f"swap: {recording.swap}\n"
    return swap + recording.text


def policy_in(request: Request) -> str:
    policy = request.query_params.get("policy") or policies.DEFAULT
    policies.get(policy)
    return policy


def router(runs: RunService, templates: jinja2.Environment, settings: Settings) -> APIRouter:
    """`/conformance?policy=`, its `.json`, a page and the document of each trace, and its run."""
    replays = Replays(settings)
    routes = APIRouter(include_in_schema=False)
    headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}

    def waiting(policy: str) -> ConformanceContext:
        whole = recordings()
        return ConformanceContext(
            policy,
            query_of(policy),
            f"Replaying {len(whole)} recorded traces under {policy} …",
            releases_of(whole),
            choices(policy, conformance_url()),
            (),
            (),
            (replays.progress(policy), len(whole)),
        )

    @routes.get("/conformance.json")
    async def as_json(request: Request) -> Response:
        policy = policy_in(request)
        found = document(policy, await replays.of(policy))
        return Response(orjson.dumps(found), media_type="application/json")

    @routes.get("/conformance")
    async def show(request: Request) -> Response:
        policy = policy_in(request)
        try:
            # The replay goes on when this page does not wait for its end.
            replayed = await asyncio.wait_for(replays.of(policy), PATIENCE)
            context, more = context_of(policy, replayed), {}
        except TimeoutError:
            context, more = waiting(policy), {"Refresh": LOOK_AGAIN, "Cache-Control": "no-store"}
        body = templates.get_template("conformance.html").render(
            asdict(context), look=look_of(request), here="conformance"
        )
        return HTMLResponse(body, headers={**headers, **more})

    @routes.get("/conformance/{swap}/{name}.json")
    async def recorded(swap: str, name: str) -> Response:
        recording = asked(swap, name)
        found = await asyncio.to_thread(load, recording.key)
        return Response(orjson.dumps(found), media_type="application/json")

    @routes.get("/conformance/{swap}/{name}")
    async def trace(request: Request, swap: str, name: str) -> Response:
        recording, policy = asked(swap, name), policy_in(request)
        replayed = await replays.of(policy)
        mine = next(r for r in replayed if r.recording.key == recording.key)
        document = await asyncio.to_thread(load, recording.key)
        base = f"{conformance_url()}/{recording.key}"
        context = trace_context(mine, document, policy, base)
        body = templates.get_template("conformance_trace.html").render(
            asdict(context), look=look_of(request), here="conformance"
        )
        return HTMLResponse(body, headers=headers)

    @routes.get("/conformance/{swap}/{name}/{step:int}")
    async def at_step(request: Request, swap: str, name: str, step: int) -> Response:
        recording = asked(swap, name)
        loaded = await runs.create(text_to_play(recording), policy_in(request))
        return RedirectResponse(step_url(loaded.id, loaded.check_step(step)), 303)

    return routes
