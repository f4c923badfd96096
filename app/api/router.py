"""The routes of the JSON interface and of the twins."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Request, Response
from fastapi.openapi.utils import get_openapi
from msgspec.structs import replace

from app.api import traces
from app.api.answers import (
    answer,
    etag_of,
    json_answer,
    minimised_out,
    policies_out,
    run_out,
    scenario_out,
    scenario_text_out,
    step_out,
)
from app.api.documented import BAD_REQUEST, UNAVAILABLE, problems
from app.api.models import (
    CreatedRun,
    MinimisedOut,
    NewMinimisation,
    NewRun,
    PolicyOut,
    ScenarioOut,
    ScenarioTextOut,
    StoredRunOut,
)
from app.api.text import step_text
from app.api.trace_models import StepOut
from app.errors import PROBLEM_JSON
from app.scenario import Shipped, library
from app.service import LoadedRun, RunService, TooMuchWork, WhatIfs, page_steps
from app.trace.itf import itf_trace
from app.urls import absolute, api_run_url, run_url, step_url


def service_of(request: Request) -> RunService:
    service: RunService = request.app.state.runs
    return service


Runs = Annotated[RunService, Depends(service_of)]


def whatifs_of(request: Request) -> WhatIfs:
    service: WhatIfs = request.app.state.whatifs
    return service


Asking = Annotated[WhatIfs, Depends(whatifs_of)]
RunId = Annotated[str, Path(description="A run's id", examples=["0123456789"], max_length=200)]
StepNumber = Annotated[int, Path(ge=0, description="0 is the state before the first step")]


NO_RUN = "No run has this id"
GONE = "The run was removed"
NOT_PLAYABLE = "Stored by another version, and this one refuses its text"

api = APIRouter(prefix="/api/v1")
twins = APIRouter(include_in_schema=False)


@api.post(
    "/runs",
    status_code=201,
    tags=["runs"],
    summary="Play a scenario and store the run",
    responses={
        201: {
            "headers": {
                "Location": {"description": "The run's JSON", "schema": {"type": "string"}}
            },
            "links": {
                "run": {"operationId": "get_run", "parameters": {"run_id": "$response.body#/id"}},
                "step": {"operationId": "get_step", "parameters": {"run_id": "$response.body#/id"}},
            },
        },
        **problems(
            _400="The body is no JSON, or no UTF-8",
            _404="`based_on` names a run that does not exist",
            _410="A run of this text was removed: it is not stored again",
            _413="The body is too large",
            _422="The scenario or the policy is wrong: `errors` says where and how",
            _503=UNAVAILABLE,
        ),
    },
)
async def create_run(new: NewRun, runs: Runs, response: Response) -> CreatedRun:
    """The same scenario under the same policy is the same run, however often it is sent."""
    based_on = (new.based_on.run, new.based_on.step) if new.based_on else None
    run = await runs.create(new.scenario, new.policy, based_on)
    response.headers["Location"] = api_run_url(run.id)
    return CreatedRun(
        id=run.id,
        url=run_url(run.id),
        steps=run.stored.steps,
        violations=run.stored.violations,
    )


@api.get(
    "/runs/{run_id}",
    tags=["runs"],
    summary="A run: its scenario and how it went",
    operation_id="get_run",
    responses=problems(
        _404=NO_RUN, _409=NOT_PLAYABLE, _410=GONE, _422=BAD_REQUEST, _503=UNAVAILABLE
    ),
)
async def get_run(run_id: RunId, runs: Runs) -> StoredRunOut:
    return run_out(await runs.load(run_id))


@api.get(
    "/runs/{run_id}/steps/{step}",
    tags=["runs"],
    summary="The state after a step, what was decided in it and why",
    operation_id="get_step",
    response_model=StepOut,
    responses=problems(
        _404="No run has this id, or it has fewer steps: `nearest` is its last one",
        _409=NOT_PLAYABLE,
        _422=BAD_REQUEST,
        _503=UNAVAILABLE,
    ),
)
@twins.get("/r/{run_id}/{step:int}.json")
async def get_step(request: Request, run_id: RunId, step: StepNumber, runs: Runs) -> Response:
    run = await runs.load(run_id)
    document = await asyncio.to_thread(step_out, run, step)
    return json_answer(request, document, etag_of(run.id, step))


@api.post(
    "/runs/{run_id}/minimise",
    status_code=201,
    tags=["runs"],
    summary="The shortest scenario found that still shows a violation",
    responses={
        201: {
            "headers": {
                "Location": {"description": "The new run's JSON", "schema": {"type": "string"}}
            }
        },
        **problems(
            _400="The body is no JSON, or no UTF-8",
            _404=NO_RUN,
            _409=NOT_PLAYABLE,
            _413="The body is too large",
            _422="The run does not violate that property, or is too much work to play so often",
            _503=UNAVAILABLE,
        ),
    },
)
async def minimise_run(
    run_id: RunId, new: NewMinimisation, runs: Runs, whatifs: Asking, response: Response
) -> MinimisedOut:
    """Delta debugging, checked by the engine. The same question has the same answer."""
    loaded = await runs.load(run_id)
    found = await whatifs.minimised(loaded.id, new.kind, new.budget)
    made = await whatifs.store(loaded.id, found.text, loaded.run.verdicts[new.kind] or 0)
    response.headers["Location"] = api_run_url(made.id)
    return minimised_out(found, made)


@api.get("/policies", tags=["library"], summary="The policies, their eras and rules")
async def get_policies() -> list[PolicyOut]:
    return policies_out()


@api.get("/scenarios", tags=["library"], summary="The shipped scenarios")
async def get_scenarios() -> list[ScenarioOut]:
    return [scenario_out(shipped) for shipped in library()]


@api.get(
    "/scenarios/{slug}",
    tags=["library"],
    summary="A shipped scenario with its text",
    responses=problems(_404="No scenario has this name", _422=BAD_REQUEST),
)
async def get_scenario(slug: str) -> ScenarioTextOut:
    return scenario_text_out(find_scenario(slug))


def find_scenario(slug: str) -> Shipped:
    """The shipped scenario of that name. Raises a 404 that names the nearest one."""
    by_slug = {shipped.slug: shipped for shipped in library()}
    if slug in by_slug:
        return by_slug[slug]
    near = get_close_matches(slug, by_slug, 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise HTTPException(404, f"There is no scenario “{slug}” in the library.{hint}")


@twins.get("/r/{run_id}/{step:int}.txt")
async def get_step_text(request: Request, run_id: RunId, step: StepNumber, runs: Runs) -> Response:
    run = await runs.load(run_id)
    run.check_step(step)
    link = absolute(request, step_url(run.id, step))
    text = await asyncio.to_thread(step_text, run, step, link)
    return answer(request, text, "text/plain", etag_of(run.id, step, "txt"))


@twins.get("/r/{run_id}/{step:int}.itf.json")
async def get_step_itf(request: Request, run_id: RunId, step: StepNumber, runs: Runs) -> Response:
    run = await runs.load(run_id)
    return await itf_answer(request, run, run.check_step(step))


# Before the one that takes everything up to “.json”.
@twins.get("/r/{run_id}.itf.json")
async def get_itf(request: Request, run_id: RunId, runs: Runs) -> Response:
    run = await runs.load(run_id)
    return await itf_answer(request, run, run.last)


async def itf_answer(request: Request, run: LoadedRun, last: int) -> Response:
    """The states up to a step. Raises TooMuchWork: every page is written out in every state."""
    scenario = run.run.scenario
    work = page_steps(replace(scenario, steps=scenario.steps[:last]))
    most = request.app.state.settings.heavy_page_steps
    if work > most:
        raise TooMuchWork(work, most)
    link = absolute(request, step_url(run.id, last))
    document = await asyncio.to_thread(itf_trace, run.run, last, link)
    return json_answer(request, document, etag_of(run.id, last, "itf"))


@twins.get("/r/{run_id}.json")
async def get_trace(request: Request, run_id: RunId, runs: Runs) -> Response:
    run = await runs.load(run_id)
    document = await asyncio.to_thread(run.run.document)
    return json_answer(request, document, etag_of(run.id))


@twins.get("/r/{run_id}.cow")
async def get_scenario_text(request: Request, run_id: RunId, runs: Runs) -> Response:
    """The text as it was played. A run that this version cannot play has its text all the same."""
    stored = await runs.stored(run_id)
    return answer(request, stored.text + "\n", "text/plain", etag_of(stored.id, "cow"))


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description; FastAPI would list every error as `application/json`."""
    if app.openapi_schema is None:
        description = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
        )
        for operations in description["paths"].values():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if status >= "400" and "application/json" in response.get("content", {}):
                        response["content"] = {
                            PROBLEM_JSON: response["content"]["application/json"]
                        }
        app.openapi_schema = description
    return app.openapi_schema


def install(app: FastAPI) -> None:
    app.include_router(api)
    app.include_router(traces.routes)
    app.include_router(twins)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
