"""The pages of rooms: `/w` to make and join one, for its members, its leader and its projector."""

from __future__ import annotations

import jinja2
from fastapi import APIRouter, FastAPI

from ..explorer import Explorer
from ..fragments import PageCache
from ..quiz import Questions
from . import follow, lead, new, stage, stream
from .polls import Polls
from .told import Teller

CACHE_MIB = 16

__all__ = ["router"]


def router(app: FastAPI, templates: jinja2.Environment, explorer: Explorer) -> APIRouter:
    """Every route under `/w`. `app.state` has `runs`, `rooms` and `hub` already."""
    runs, rooms, hub = app.state.runs, app.state.rooms, app.state.hub
    teller = Teller(runs, explorer)
    polls = Polls(rooms, Questions(runs))
    pages = PageCache(CACHE_MIB * 1024 * 1024)
    routes = APIRouter(include_in_schema=False)
    routes.include_router(new.router(runs, rooms, templates))
    routes.include_router(stream.router(rooms, hub))
    routes.include_router(stage.router(rooms, teller, polls, templates))
    routes.include_router(lead.router(rooms, hub, teller, polls, templates))
    routes.include_router(follow.router(rooms, hub, teller, polls, templates, pages))
    return routes
