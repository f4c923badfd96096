"""The twins of a step that are pictures: `.svg` for papers and slides, `.png` for link previews."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Request, Response

from app.service.runs import LoadedRun, RunService
from app.settings import Settings

from .card import png
from .fragments import PNG, Kept, PageCache, answer
from .picture import Picture, Pictures, standalone
from .templating import THEMES
from .view import listed

SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Opened at its address a picture keeps its style element, and can do nothing else."""
PICTURE_CACHE = "public, max-age=3600"
SVG = "image/svg+xml"
VARY = "Accept-Encoding"
ARTISTS = 2
"""Cards drawn at the same time in one process; each takes a processor for a fifth of a second."""


def theme_of(request: Request, known: tuple[str, ...] = THEMES) -> str:
    """`?theme=`, or the first of `known`. Raises a 422 for a theme that there is not."""
    theme = request.query_params.get("theme") or known[0]
    if theme not in known:
        raise HTTPException(422, f"There is no theme “{theme}”; there are {', '.join(known)}.")
    return theme


def router(runs: RunService, pictures: Pictures, settings: Settings) -> APIRouter:
    """`/r/{run}/{step}.svg?theme=&caption=&hide=` and `/r/{run}/{step}.png?hide=`."""
    routes = APIRouter(include_in_schema=False)
    kept = PageCache(settings.page_cache_mib * 1024 * 1024 // 4)
    artists = asyncio.Semaphore(ARTISTS)

    def draw(loaded: LoadedRun, number: int, hide: tuple[str, ...]) -> Picture:
        return pictures.draw(loaded, number, pictures.hiding(loaded, hide))

    def draw_svg(
        loaded: LoadedRun, number: int, theme: str, caption: bool, hide: tuple[str, ...]
    ) -> str:
        return standalone(draw(loaded, number, hide), theme, caption)

    async def step_svg(request: Request) -> Response:
        run_id, number = request.path_params["run"], request.path_params["step"]
        theme = theme_of(request)
        caption = request.query_params.get("caption") != "off"
        hide = listed(request.query_params.get("hide", ""))
        loaded = await runs.load(run_id)
        body = await asyncio.to_thread(draw_svg, loaded, number, theme, caption, hide)
        return answer(request, Kept(body.encode()), PICTURE_CACHE, VARY, SVG, SVG_POLICY)

    async def step_png(request: Request) -> Response:
        run_id, number = request.path_params["run"], request.path_params["step"]
        hide = listed(request.query_params.get("hide", ""))
        key = (run_id, number, hide)
        known = kept.get(key)
        if known is None:
            loaded = await runs.load(run_id)
            loaded.check_step(number)
            async with artists:
                # Whoever waited for the same card finds it drawn.
                known = kept.get(key) or kept.put(
                    key, await asyncio.to_thread(lambda: png(draw(loaded, number, hide)))
                )
        return answer(request, known, PICTURE_CACHE, VARY, PNG)

    # Before the explorer's own routes: theirs take everything below /r.
    routes.add_route("/r/{run}/{step:int}.svg", step_svg)
    routes.add_route("/r/{run}/{step:int}.png", step_png)
    return routes
