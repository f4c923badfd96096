"""Every error as an answer: a problem (RFC 9457), plain text or a page, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from markupsafe import escape
from msgspec import Struct, field
from starlette.exceptions import HTTPException

from app.policies import UnknownPolicy
from app.rooms import BadAction, BadClaim, NotLeader, OtherTab, TooManyStreams
from app.scenario import ScenarioError, ScenarioErrors
from app.service import (
    Busy,
    RunNotPlayable,
    TooMuchWork,
    UnknownRun,
    UnknownStep,
    UnknownTrace,
)
from app.store import StoreUnavailable
from app.store.answers import PollClosed, RoomFull
from app.store.removed import RunGone
from app.store.rooms import RoomExpired, UnknownRoom
from app.trace.imported import TraceErrors
from app.urls import (
    api_run_url,
    api_step_url,
    compare_url,
    import_url,
    lead_url,
    next_url,
    room_url,
    rooms_url,
    run_twin_url,
    run_url,
    step_twin_url,
    step_url,
)
from app.whatif import NotBroken, WithinBlock

PROBLEM_JSON = "application/problem+json"

log = structlog.get_logger(__name__)


class Problem(Struct, frozen=True):
    """What went wrong, where, and what would work.

    `kind` is a word for programs, `detail` a sentence for people, `nearest` the nearest URL that
    works or "", `errors` those of a scenario, in the order of their lines.
    """

    status: int
    kind: str
    title: str
    detail: str
    nearest: str = ""
    errors: tuple[ScenarioError, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def document(self, instance: str) -> dict[str, Any]:
        """The members of `application/problem+json`."""
        out: dict[str, Any] = {
            "type": f"urn:cowscope:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.nearest:
            out["nearest"] = self.nearest
        if self.errors:
            out["errors"] = [
                {
                    "line": error.line,
                    "column": error.column,
                    "token": error.token,
                    "message": error.message,
                    "hint": error.hint,
                }
                for error in self.errors
            ]
        return out


ErrorPage = Callable[[Request, Problem], Response]


def of_scenario(error: ScenarioErrors, _: Request) -> Problem:
    many = len(error.errors)
    title = "The scenario has an error" if many == 1 else f"The scenario has {many} errors"
    return Problem(422, "scenario", title, summed(error.errors), errors=error.errors)


def summed(errors: tuple[ScenarioError, ...]) -> str:
    """The first errors of a text as one sentence."""
    told = "; ".join(f"line {e.line}, column {e.column}: {e.message}" for e in errors[:3])
    return told + (f"; and {len(errors) - 3} more" if len(errors) > 3 else "")


def of_policy(error: UnknownPolicy, _: Request) -> Problem:
    return Problem(422, "unknown-policy", "Unknown policy", str(error), "/api/v1/policies")


def of_work(error: TooMuchWork, _: Request) -> Problem:
    return Problem(422, "too-much-work", "Too much work", str(error))


def of_unknown_run(error: UnknownRun, request: Request) -> Problem:
    if error.nearest is None:
        nearest, hint = "/", "It may be mistyped, or stored on another server."
    else:
        api = request.url.path.startswith("/api/")
        nearest = api_run_url(error.nearest) if api else run_url(error.nearest)
        hint = f"Did you mean {error.nearest}?"
    return Problem(404, "unknown-run", "No such run", f"{error} {hint}", nearest)


def of_gone(error: RunGone, _: Request) -> Problem:
    what = error.what
    return Problem(410, f"{what}-removed", f"The {what} was removed", str(error), "/")


def of_trace(error: TraceErrors, _: Request) -> Problem:
    title = "The trace has an error" if len(error.errors) == 1 else "The trace has errors"
    status = 400 if error.syntax else 422
    return Problem(status, "trace", title, summed(error.errors), errors=error.errors)


def of_unknown_trace(error: UnknownTrace, _: Request) -> Problem:
    hint = "It may be mistyped, or stored on another server."
    return Problem(404, "unknown-trace", "No such trace", f"{error} {hint}", import_url())


def of_unknown_step(error: UnknownStep, request: Request) -> Problem:
    path = request.url.path
    if path.startswith("/api/"):
        nearest = api_step_url(error.run_id, error.last)
    elif path.startswith("/c/"):
        left, _, right = error.run_id.partition("..")
        nearest = compare_url(left, right, error.last)
    elif path.endswith((".json", ".txt", ".c")):
        nearest = step_twin_url(error.run_id, error.last, path.partition(".")[2])
    else:
        nearest = step_url(error.run_id, error.last)
    return Problem(404, "unknown-step", "No such step", f"{error} It is at {nearest}.", nearest)


def of_within_block(error: WithinBlock, request: Request) -> Problem:
    run = str(request.path_params.get("run", ""))
    nearest = next_url(run, error.end)
    return Problem(409, "within-block", "Within a par block", str(error), nearest)


def of_not_broken(error: NotBroken, _: Request) -> Problem:
    return Problem(422, "not-violated", "Nothing to minimise", str(error))


def of_unplayable(error: RunNotPlayable, _: Request) -> Problem:
    nearest = run_twin_url(error.stored.id, "cow")
    return Problem(409, "not-playable", "This version cannot play the run", str(error), nearest)


def of_busy(error: Busy, _: Request) -> Problem:
    headers = {"Retry-After": str(error.retry_after)}
    return Problem(503, "busy", "Too much is waiting", str(error), headers=headers)


def of_store(error: StoreUnavailable, _: Request) -> Problem:
    headers = {"Retry-After": str(error.retry_after or 60)}
    return Problem(503, "store", "The store is unavailable", error.reason, headers=headers)


def of_unknown_room(error: UnknownRoom, _: Request) -> Problem:
    detail = f"{error} A code has five letters; perhaps one is mistyped."
    return Problem(404, "unknown-room", "No such room", detail, rooms_url())


def of_expired_room(error: RoomExpired, _: Request) -> Problem:
    return Problem(410, "room-expired", "The room has expired", str(error), rooms_url())


def of_not_leader(error: NotLeader, _: Request) -> Problem:
    return Problem(403, "not-leader", "You do not lead", str(error), room_url(error.code))


def of_other_tab(error: OtherTab, _: Request) -> Problem:
    return Problem(409, "other-tab", "Another tab leads", str(error), lead_url(error.code))


def of_claim(error: BadClaim, _: Request) -> Problem:
    return Problem(410, "claim-used", "The link was used", str(error), room_url(error.code))


def of_action(error: BadAction, _: Request) -> Problem:
    return Problem(422, "bad-action", "The room cannot do that", str(error))


def of_closed_poll(error: PollClosed, _: Request) -> Problem:
    return Problem(409, "poll-closed", "The prediction is closed", str(error))


def of_full(error: RoomFull, _: Request) -> Problem:
    return Problem(409, "room-full", "The room is full", str(error))


def of_streams(error: TooManyStreams, _: Request) -> Problem:
    headers = {"Retry-After": "5"}
    return Problem(503, "streams", "Too many streams", str(error), headers=headers)


def of_http(error: HTTPException, request: Request) -> Problem:
    status = HTTPStatus(error.status_code)
    detail = str(error.detail)
    if isinstance(error.__cause__, UnicodeDecodeError):
        detail = not_utf8(error.__cause__)
    elif status == HTTPStatus.NOT_FOUND and detail == status.phrase:
        detail = f"There is no page {request.url.path}."
    elif status == HTTPStatus.METHOD_NOT_ALLOWED and detail == status.phrase:
        detail = f"{request.url.path} does not answer {request.method}."
    nearest = ""
    if status == HTTPStatus.NOT_FOUND:
        nearest = "/"
    elif status == HTTPStatus.UNPROCESSABLE_ENTITY and request.method == "GET":
        # What the query asks for is wrong; the page without it is there.
        nearest = request.url.path if request.url.query else ""
    kind = status.phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    return Problem(error.status_code, kind, status.phrase, detail, nearest, headers=headers)


def not_utf8(error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    return f"The body is not UTF-8: byte 0x{byte:02x} at offset {error.start}. Send UTF-8."


def of_validation(error: RequestValidationError, _: Request) -> Problem:
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        item = found[0]
        where = item["loc"][-1]
        reason = item.get("ctx", {}).get("error", "")
        detail = f"The body is not JSON: {reason} at character {where}."
        return Problem(400, "bad-json", "Not JSON", detail)
    detail = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found)
    return Problem(422, "bad-request", "The request does not fit", f"{detail}.")


def of_anything(error: Exception, request: Request) -> Problem:
    log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    detail = "The server made a mistake; it is logged. Other pages go on working."
    return Problem(500, "internal", "Internal error", detail, "/")


HANDLERS: dict[type[Exception], Callable[[Any, Request], Problem]] = {
    ScenarioErrors: of_scenario,
    UnknownPolicy: of_policy,
    TooMuchWork: of_work,
    Busy: of_busy,
    UnknownRun: of_unknown_run,
    RunGone: of_gone,
    TraceErrors: of_trace,
    UnknownTrace: of_unknown_trace,
    UnknownStep: of_unknown_step,
    WithinBlock: of_within_block,
    NotBroken: of_not_broken,
    RunNotPlayable: of_unplayable,
    StoreUnavailable: of_store,
    UnknownRoom: of_unknown_room,
    RoomExpired: of_expired_room,
    NotLeader: of_not_leader,
    OtherTab: of_other_tab,
    BadClaim: of_claim,
    BadAction: of_action,
    PollClosed: of_closed_poll,
    RoomFull: of_full,
    TooManyStreams: of_streams,
    HTTPException: of_http,
    RequestValidationError: of_validation,
}


def problem_of(error: Exception, request: Request) -> Problem:
    """The problem that an exception is; one that nobody foresaw is logged and becomes a 500."""
    for kind in type(error).__mro__:
        if kind in HANDLERS:
            return HANDLERS[kind](error, request)
    return of_anything(error, request)


def respond(request: Request, problem: Problem) -> Response:
    """The problem in the form that the asker reads: by path first, then by Accept."""
    path = request.url.path
    accept = request.headers.get("accept", "")
    json = path.startswith("/api/") or path.endswith(".json")
    if json or ("json" in accept and "html" not in accept):
        body = orjson.dumps(problem.document(path), option=orjson.OPT_NON_STR_KEYS)
        response = Response(body, problem.status, media_type=PROBLEM_JSON)
    elif path.endswith((".txt", ".cow", ".c")):
        response = Response(plain(problem), problem.status, media_type="text/plain")
    else:
        page: ErrorPage = getattr(request.app.state, "error_page", bare_page)
        response = page(request, problem)
        response.status_code = problem.status
    response.headers.update(problem.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def plain(problem: Problem) -> str:
    errors = "".join(f"{e.line}:{e.column}: {e.message} {e.hint}\n" for e in problem.errors)
    nearest = f"Try {problem.nearest}\n" if problem.nearest else ""
    return f"{problem.title}\n{problem.detail}\n{errors}{nearest}"


def bare_page(request: Request, problem: Problem) -> Response:
    """A page without templates: what is shown when nothing better is registered."""
    nearest = escape(problem.nearest)
    link = f'<p>Try <a href="{nearest}">{nearest}</a>.</p>' if nearest else ""
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(problem.title)}'
        f"</title><h1>{escape(problem.title)}</h1><p>{escape(problem.detail)}</p>{link}</html>"
    )
    return Response(html, problem.status, media_type="text/html")


def install(app: FastAPI) -> None:
    """Answer every known exception. `app.state.error_page` may show them as pages."""

    async def answer(request: Request, error: Exception) -> Response:
        return respond(request, problem_of(error, request))

    for kind in HANDLERS:
        app.add_exception_handler(kind, answer)
