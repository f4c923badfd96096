"""What of a run leaves the site: pictures, files, embeds, sheets, and the page that offers them."""

from __future__ import annotations

import jinja2
from fastapi import APIRouter

from app.service.runs import RunService
from app.settings import Settings

from . import embed, files, reproducer, share, twins
from .picture import Pictures


def router(runs: RunService, templates: jinja2.Environment, settings: Settings) -> APIRouter:
    """Comes before the explorer's routes: those take everything below `/r/{run}`."""
    pictures = Pictures()
    routes = APIRouter(include_in_schema=False)
    routes.include_router(twins.router(runs, pictures, settings))
    routes.include_router(files.router(runs, templates, pictures, settings))
    routes.include_router(reproducer.router(runs, settings))
    routes.include_router(embed.router(runs, templates, pictures, settings))
    routes.include_router(share.router(runs, templates))
    return routes
