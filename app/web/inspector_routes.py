"""Routes of the inspector: the block for a script, the history as JSON, the dressed page."""

from __future__ import annotations

import asyncio
from typing import Any

import jinja2
import msgspec
import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from jinja2_fragments import render_block
from markupsafe import Markup

from app.service.runs import LoadedRun, RunService
from app.trace.history import cause_of, neighbours
from app.trace.ledger import ledger_of
from app.trace.reading import raw
from app.trace.subject import BadSelection
from app.urls import step_url

from .blame import Blame
from .dress import dress, say_selected
from .fragments import Kept, answer
from .inspector import InspectorContext, Picked, command_of, inspect
from .keys import KEYS
from .view import View, view_of
from .watch import draw, listed

Json = dict[str, Any]

CACHE = "private, max-age=3600, immutable"
VARY = "Accept-Encoding"
LONG_RUN = 300
"""Steps that are read on the loop; more take tens of milliseconds, and others shall not wait."""


class Inspector:
    """Renders what depends on a selection; histories are kept, pages of readers are not."""

    def __init__(self, templates: jinja2.Environment, blame: Blame) -> None:
        self.templates = templates
        self.blame = blame

    async def context(self, loaded: LoadedRun, step: int, view: View) -> InspectorContext:
        if loaded.last <= LONG_RUN:
            return inspect(self.blame, loaded, step, view)
        return await asyncio.to_thread(inspect, self.blame, loaded, step, view)

    def blocks(self, context: InspectorContext) -> tuple[str, str]:
        """The inspector and the watched fields, as HTML."""
        values = msgspec.structs.asdict(context)
        rows = draw(context.watched, context.step, context.last, context.base)
        now = listed(context.watched, context.step)
        values |= {"watch_rows": Markup(rows), "watch_now": now, "keys": KEYS}
        inspector, watch = (
            render_block(self.templates, "inspector.html", block, values)
            for block in ("inspector", "watch")
        )
        return inspector, watch

    async def page(self, loaded: LoadedRun, step: int, view: View, plain: Kept) -> tuple[Kept, int]:
        """The page `plain` dressed for a view, and its status: 422 when the link names nothing."""
        context = await self.context(loaded, step, view)
        inspector, watch = self.blocks(context)
        picked = context.picked
        body = dress(
            plain.body.decode(), context.base, view, inspector, watch,
            picked.subject if picked else "", picked.writes if picked else (),
        )  # fmt: skip
        if picked is not None:
            body = say_selected(body, view.query, said_of(picked))
        return Kept(body.encode()), 422 if context.notices else 200


def said_of(picked: Picked) -> str:
    """What is selected, in a sentence for those who see no page yet."""
    if not picked.value:
        return f"Selected: {picked.subject}, {picked.words}."
    was = f"{picked.old}→" if picked.old else ""
    by = f", written by step {picked.writer}" if picked.writer is not None else ""
    return f"{picked.subject} ({picked.words}) {was}{picked.value}{by}."


def history_json(blame: Blame, loaded: LoadedRun, step: int, name: str) -> Json:
    """Who wrote it, in the words of the page. Raises app.trace.subject.BadSelection."""
    subject = blame.subject(loaded, name)
    history = blame.history(loaded, subject)
    writes = history.writes_of(subject.field)
    now = history.at(step)
    thing = raw(loaded.run.steps[step].after, subject)
    previous, following = neighbours(writes, step)
    out: Json = {
        "run": loaded.id,
        "step": step,
        "selection": str(subject),
        "kind": subject.kind,
        "is": subject.words,
        "exists": now is not None,
        "values": None if now is None else {
            field: value for field, value in now.items() if subject.field in ("", field)
        },
        "last_writer": history.last_writer(step, subject.field),
        "previous": previous,
        "next": following,
        "history": [entry(loaded, blame, name, write, step) for write in reversed(writes)],
    }  # fmt: skip
    if thing is not None and "refcount" in thing:
        out["ledger"] = str(ledger_of(thing))
    return out


def entry(loaded: LoadedRun, blame: Blame, name: str, write: int, step: int) -> Json:
    subject = blame.subject(loaded, name)
    history = blame.history(loaded, subject)
    cause = cause_of(loaded.run, write, history)
    return {
        "step": write,
        "url": step_url(loaded.id, write),
        "text": command_of(loaded, write),
        "future": write > step,
        "changes": msgspec.to_builtins(history.changes(write, subject.field)),
        "decided": cause.decided,
        "done": cause.done,
    }


def router(runs: RunService, inspector: Inspector) -> APIRouter:
    """`/r/{run}/{step}/inspect` and `/r/{run}/{step}/history.json`."""
    routes = APIRouter(include_in_schema=False)

    async def block(request: Request) -> Response:
        """What a step's page shows of a selection: for a script, which puts it there."""
        loaded = await runs.load(request.path_params["run"])
        step = loaded.check_step(request.path_params["step"])
        context = await inspector.context(loaded, step, view_of(request.query_params))
        body = "".join(inspector.blocks(context))
        return answer(request, Kept(body.encode()), CACHE, VARY)

    async def history(request: Request) -> Response:
        loaded = await runs.load(request.path_params["run"])
        step = loaded.check_step(request.path_params["step"])
        name = request.query_params.get("sel", "")
        try:
            found = await asyncio.to_thread(history_json, inspector.blame, loaded, step, name)
        except BadSelection as bad:
            near = f" Try {', '.join(bad.near)}." if bad.near else ""
            raise HTTPException(422, f"sel: {bad}{near}") from bad
        body = orjson.dumps(found, option=orjson.OPT_INDENT_2)
        return answer(request, Kept(body), CACHE, VARY, "application/json")

    routes.add_route("/r/{run}/{step:int}/inspect", block)
    routes.add_route("/r/{run}/{step:int}/history.json", history)
    return routes
