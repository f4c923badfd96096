"""The pages: every route that answers with HTML, and the files they use."""

from __future__ import annotations

from fastapi import FastAPI

from app.resources import resource
from app.settings import Settings

from . import (
    api_docs,
    compare_routes,
    conformance,
    editor,
    elsewhere,
    explorer,
    home,
    imports,
    learn,
    matrix_routes,
    misconceptions,
    privacy,
    problems,
    quiz,
    reference,
    rooms,
    selftest,
    statics,
    templating,
    whatif_routes,
)

__all__ = ["install"]


def install(app: FastAPI, settings: Settings) -> None:
    """Add all pages to an application whose `state.runs` is there already."""
    runs = app.state.runs
    templates = templating.environment(settings)
    app.state.error_page = problems.error_page(templates)
    app.include_router(templating.router())
    app.include_router(home.router(runs, templates))
    app.include_router(editor.router(runs, templates))
    app.include_router(reference.router(templates))
    app.include_router(api_docs.router(app, templates))
    app.include_router(privacy.router(templates, settings))
    app.include_router(elsewhere.router(runs, templates, settings))
    app.include_router(whatif_routes.router(runs, app.state.whatifs, templates))
    app.include_router(compare_routes.router(runs, templates, settings))
    app.include_router(matrix_routes.router(runs, templates, settings))
    app.include_router(selftest.router(runs, templates, settings))
    app.include_router(conformance.router(runs, templates, settings))
    app.include_router(imports.router(runs, app.state.traces, templates))
    app.include_router(quiz.router(runs, templates))
    app.include_router(learn.router(runs, templates))
    app.include_router(misconceptions.router(runs, templates))
    steps = explorer.Explorer(templates, settings)
    app.include_router(rooms.router(app, templates, steps))
    explored = explorer.router(runs, steps, settings)
    app.include_router(explored)
    # Steps are asked for most: what is in memory needs no routing, and for the rest no other route
    # is tried before theirs.
    app.state.remembered = steps.remembered
    app.router.routes.insert(0, explored.routes[0])
    app.mount("/static", statics.Files(directory=resource("static")), name="static")
