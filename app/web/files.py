"""The files of a run: `/r/{run}.html`, and the contact sheet `/r/{run}/sheet`."""

from __future__ import annotations

import asyncio

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response

from app.service.runs import RunService
from app.settings import Settings
from app.urls import absolute

from .fragments import HTML, PageCache, answer
from .offline import offline_page, policy
from .picture import Pictures
from .sheet import sheet_page
from .templating import look_of
from .view import listed

CACHE = "no-cache"
VARY = "Accept-Encoding"


def span_of(request: Request, last: int) -> tuple[int, int]:
    """`?from=&to=`, or the whole run. Raises a 422 for what is no number."""
    found = []
    for name, usual in (("from", 0), ("to", last)):
        given = request.query_params.get(name, "")
        if given and not (given.isdecimal() and given.isascii() and len(given) < 7):
            raise HTTPException(422, f"{name} is the number of a step, not “{given}”.")
        found.append(int(given) if given else usual)
    return found[0], found[1]


def hidden_by(request: Request) -> tuple[str, ...]:
    return listed(request.query_params.get("hide", ""))


def router(
    runs: RunService, templates: jinja2.Environment, pictures: Pictures, settings: Settings
) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    kept = PageCache(settings.page_cache_mib * 1024 * 1024 // 4)

    async def run_html(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        first, last = span_of(request, loaded.last)
        origin, hide = absolute(request, ""), hidden_by(request)
        key = ("html", loaded.id, first, last, origin, hide)
        file = kept.get(key) or kept.put(
            key,
            await asyncio.to_thread(
                offline_page, templates, pictures, loaded, first, last, origin, hide
            ),
        )
        response = answer(request, file, CACHE, VARY, HTML, policy())
        response.raw_headers.append(
            (b"content-disposition", f'inline; filename="cowscope-{loaded.id}.html"'.encode())
        )
        return response

    async def run_sheet(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        first, _ = span_of(request, loaded.last)
        origin, look, hide = absolute(request, ""), look_of(request), hidden_by(request)
        key = ("sheet", loaded.id, first, origin, look, hide)
        page = kept.get(key) or kept.put(
            key,
            await asyncio.to_thread(
                sheet_page, templates, pictures, loaded, first, origin, look, hide
            ),
        )
        return answer(request, page, CACHE, f"{VARY}, Cookie")

    routes.add_route("/r/{run}.html", run_html)
    routes.add_route("/r/{run}/sheet", run_sheet)
    return routes
