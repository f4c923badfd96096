"""Errors as pages: the reason and the nearest link that works."""

from __future__ import annotations

import jinja2
from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from app.errors import ErrorPage, Problem

from .templating import kept_look


def error_page(templates: jinja2.Environment) -> ErrorPage:
    """What `app.errors` calls to show a problem to a person."""
    template = templates.get_template("error.html")

    def show(request: Request, problem: Problem) -> Response:
        body = template.render(problem=problem, look=kept_look(request), path=request.url.path)
        return HTMLResponse(body, problem.status)

    return show
