"""`/import` takes a recorded trace in; `/t/{trace}` shows it beside what the model plays."""

from __future__ import annotations

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec.structs import asdict
from starlette.datastructures import UploadFile

from app import policies
from app.scenario import ScenarioError
from app.service import RunService, TraceService
from app.trace.imported import MAX_TRACE_BYTES, TraceErrors
from app.urls import step_url, trace_url

from .conformance_view import trace_context
from .templating import look_of

SHOWN_AGAIN = 64 * 1024
"""Letters of a text with errors that are sent back to be corrected; of a longer one, none."""


def policy_in(request: Request) -> str:
    return request.query_params.get("policy") or policies.DEFAULT


async def given(request: Request) -> tuple[bytes, str]:
    """The document as bytes, and what of it was typed. A file counts more than the text."""
    async with request.form(max_part_size=MAX_TRACE_BYTES) as form:
        file, text = form.get("file"), form.get("text", "")
        if isinstance(file, UploadFile) and file.filename:
            return await file.read(), ""
    if not isinstance(text, str):
        raise HTTPException(422, "text is text; a file is sent as file.")
    # Forms send CR LF, whatever stood in the text.
    text = text.replace("\r\n", "\n")
    return text.encode(), text


def router(runs: RunService, traces: TraceService, templates: jinja2.Environment) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}

    def form(
        request: Request, text: str, errors: tuple[ScenarioError, ...], status: int = 200
    ) -> Response:
        body = templates.get_template("import.html").render(
            text=text if len(text) <= SHOWN_AGAIN else "",
            errors=errors,
            most=MAX_TRACE_BYTES // 1024,
            look=look_of(request),
            here="conformance",
        )
        return HTMLResponse(body, status, {"Cache-Control": "no-store"})

    @routes.get("/import")
    async def show_form(request: Request) -> Response:
        return form(request, "", ())

    @routes.post("/import")
    async def take(request: Request) -> Response:
        data, text = await given(request)
        try:
            trace = await traces.create(data)
        except TraceErrors as error:
            return form(request, text, error.errors, 422)
        return RedirectResponse(trace_url(trace.id), 303)

    @routes.get("/t/{trace}.json")
    async def document(trace: str) -> Response:
        """Byte for byte as it came."""
        found = await traces.load(trace)
        name = f'inline; filename="trace-{found.id}.json"'
        return Response(
            found.data, media_type="application/json", headers={"Content-Disposition": name}
        )

    @routes.get("/t/{trace}")
    async def show(request: Request, trace: str) -> Response:
        found, policy = await traces.load(trace), policy_in(request)
        replayed = await traces.replayed(found, policy)
        context = trace_context(replayed, found.document, policy, trace_url(found.id), found.id)
        body = templates.get_template("conformance_trace.html").render(
            asdict(context), look=look_of(request), here="conformance"
        )
        return HTMLResponse(body, headers=headers)

    @routes.get("/t/{trace}/{step:int}")
    async def at_step(request: Request, trace: str, step: int) -> Response:
        found = await traces.load(trace)
        loaded = await runs.create(found.text, policy_in(request))
        return RedirectResponse(step_url(loaded.id, loaded.check_step(step)), 303)

    return routes
