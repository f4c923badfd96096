"""`/w`: join a room by its code, or make one from runs and shipped scenarios."""

from __future__ import annotations

import re

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from app.rooms import BadAction, RoomService
from app.rooms.service import MOST_ITEMS
from app.scenario import Shipped, library
from app.service import LoadedRun, RunService, UnknownRun
from app.store.ids import room_code_of
from app.urls import claim_url, room_url

from ..templating import look_of

SLUGS = re.compile(r"[A-Za-z0-9_~@.:/-]{1,200}")


def names_in(text: str) -> list[str]:
    """Runs and slugs as they were pasted: names or links, one or several a line."""
    names = []
    for word in text.replace(",", " ").split():
        path = re.sub(r"^https?://[^/]+", "", word).partition("?")[0].strip("/")
        parts = path.split("/")
        names.append(parts[1] if parts[0] in ("r", "s") and len(parts) > 1 else parts[0])
    return [name for name in names if name]


async def run_of(runs: RunService, name: str) -> LoadedRun:
    """A stored run, or a shipped scenario (with a policy: `slug~policy`). Raises BadAction."""
    slug, _, policy = name.partition("~")
    shipped = next((s for s in library() if s.slug == slug), None)
    if shipped is not None:
        return await runs.create(shipped.scenario.text, policy or None)
    try:
        return await runs.load(name)
    except UnknownRun as error:
        raise BadAction(
            f"“{name[:60]}” is neither a run nor a shipped scenario. Paste links to steps, or "
            "names like vmsplice-leak."
        ) from error


def grouped() -> dict[str, list[Shipped]]:
    groups: dict[str, list[Shipped]] = {}
    for shipped in library():
        groups.setdefault(shipped.scenario.group.capitalize(), []).append(shipped)
    return groups


def router(runs: RunService, rooms: RoomService, templates: jinja2.Environment) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    template = templates.get_template("rooms.html")

    def page(
        request: Request, *, chosen: list[str], pasted: str, title: str, problem: str, code: str,
        name: str = "", status: int = 200,
    ) -> Response:  # fmt: skip
        body = template.render(
            groups=grouped(), chosen=chosen, pasted=pasted, title=title, problem=problem,
            code=code, name=name, most=MOST_ITEMS, look=look_of(request), here="rooms",
        )  # fmt: skip
        return HTMLResponse(body, status, {"Cache-Control": "no-cache", "Vary": "Cookie"})

    @routes.get("/w")
    async def start(request: Request) -> Response:
        query = request.query_params
        typed = query.get("code", "").strip()
        code = room_code_of(typed)
        if code:
            return RedirectResponse(room_url(code), 303)
        asked = [name for text in query.getlist("run")[:MOST_ITEMS] for name in names_in(text)]
        problem = (
            f"“{typed[:40]}” is no room's code: it has five letters, like HKWPT." if typed else ""
        )
        return page(
            request,
            chosen=[],
            pasted="\n".join(asked),
            title="",
            problem=problem,
            code=typed[:40],
            status=422 if typed else 200,
        )

    @routes.post("/w")
    async def make(request: Request) -> Response:
        form = await request.form()
        title = str(form.get("title", ""))[:500]
        name = str(form.get("name", ""))[:400]
        pasted = str(form.get("runs", ""))[:10_000]
        chosen = [str(value)[:200] for value in form.getlist("scenario")]
        names = [*names_in(pasted), *chosen]
        try:
            if not names:
                raise BadAction("Choose a scenario below, or paste a link to a run.")
            if len(names) > MOST_ITEMS:
                raise BadAction(f"A room plays at most {MOST_ITEMS}; these are {len(names)}.")
            bad = next((known for known in names if not SLUGS.fullmatch(known)), None)
            if bad is not None:
                raise BadAction(f"“{bad[:60]}” is no run.")
            playlist = [await run_of(runs, known) for known in names]
            code, once = await rooms.create(title, playlist, name)
        except BadAction as error:
            return page(
                request, chosen=chosen, pasted=pasted, title=title, problem=str(error), code="",
                name=name, status=422,
            )  # fmt: skip
        return RedirectResponse(claim_url(code, once), 303)

    return routes
