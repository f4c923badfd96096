"""`/r/{run}.c` and `/r/{run}/{step}.c`: the run as a C program for a real kernel."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response
from msgspec.structs import replace

from app.repro import Origin, TooManyPages, c_program, in_real_sizes
from app.service import TooMuchWork, page_steps
from app.service.runs import LoadedRun, RunService
from app.settings import Settings
from app.urls import absolute, step_url

from .fragments import Kept, answer
from .kept import KeptAnswers

KEPT = 32
"""Programs that stay in memory; each is some tens of kilobytes."""
CACHE = "no-cache"
VARY = "Accept-Encoding"
TEXT = "text/plain; charset=utf-8"


def router(runs: RunService, settings: Settings) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    programs: KeptAnswers[tuple[str, int, str], Kept] = KeptAnswers(
        "C programs", KEPT, settings.heavy_queue
    )

    def program(loaded: LoadedRun, last: int, link: str) -> Kept:
        """Raises TooMuchWork, TooManyPages."""
        scenario = replace(loaded.run.scenario, steps=loaded.run.scenario.steps[:last])
        real = in_real_sizes(scenario)
        work = page_steps(real)
        if work > settings.max_page_steps:
            raise TooMuchWork(work, settings.max_page_steps)
        return Kept(c_program(scenario, real, Origin(link, loaded.stored.policy)).encode())

    async def show(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        last = loaded.check_step(request.path_params.get("step", loaded.last))
        link = absolute(request, step_url(loaded.id, last))
        try:
            made = await programs.get((loaded.id, last, link), lambda: program(loaded, last, link))
        except TooManyPages as error:
            raise HTTPException(422, str(error)) from error
        return answer(request, made, CACHE, VARY, TEXT)

    routes.add_route("/r/{run}.c", show)
    routes.add_route("/r/{run}/{step:int}.c", show)
    return routes
