"""`/w/{room}/stage`: the projector. Nothing on it is smaller than a back row can read."""

from __future__ import annotations

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from msgspec import Struct, json

from app.rooms import RoomService
from app.service import LoadedRun
from app.service.cache import KeptByWeight
from app.store.answers import Counts
from app.store.rooms import RoomView
from app.urls import absolute, room_url

from .. import drawing, timeline
from ..marks import text
from ..qr import qr_svg
from ..templating import look_of
from ..ticks import Timeline
from .browser import leads, view_in
from .focus import focus_of
from .polls import Card, Polls
from .stream import leader_is_here
from .told import Teller, Told

KEPT = 300
LINE_WIDTH, LINE_HEIGHT, EDGE = 1460, 84, 40
LONG, LONGER = 110, 190
"""Letters of the sentence from which it is set smaller."""
ALARM = 25
"""Letters before a sentence that tells a violation."""


class Picture(Struct, frozen=True):
    """A step's drawing and timeline; `beyond` and `resting` name what is not drawn."""

    svg: Markup
    line: Markup
    letters: int
    beyond: tuple[str, ...]
    resting: tuple[str, ...]


class StageContext(Struct, frozen=True):
    """What `room_stage.html` gets beside `look`. `size` is "", "long" or "longer"."""

    view: RoomView
    title: str
    policy: str
    told: Told
    picture: Picture
    card: Card | None
    counts: Counts
    drives: bool
    leader_here: bool
    join: str
    join_words: str
    qr: Markup
    size: str
    state_json: str


def line_of(line: Timeline, current: int) -> str:
    """The run as one line with the events that are marked, and where it is now."""
    last = len(line.ticks)
    dx = (LINE_WIDTH - 2 * EDGE) / max(1, last)

    def at(step: int) -> float:
        return EDGE + dx * step

    out = [
        f'<path class="sl-past" d="M{at(0):.1f} 30H{at(current):.1f}"/>',
        f'<path class="sl-rest" d="M{at(current):.1f} 30H{at(last):.1f}"/>',
    ]
    free = -1e9
    numbers = []
    for number, tick in enumerate(line.ticks, 1):
        if not tick.marked:
            continue
        css = "sl-step" + (" fut" if number > current else "")
        shape = timeline.glyph(at(number), 30, "bad" if tick.bad else tick.glyph, 1.8)
        out.append(f'<g class="{css}">{shape}</g>')
        if at(number) - free > 46 and abs(at(number) - at(current)) > 46:
            numbers.append(text(round(at(number), 1), 76, number, "sl-n mid"))
            free = at(number)
    x = at(current)
    out.append(f'<path class="sl-now" d="M{x - 12:.1f} 4h24l-12 14z"/>')
    out.append(text(round(x, 1), 76, current, "sl-n sl-at mid"))
    return (
        f'<svg class="tl sl" viewBox="0 0 {LINE_WIDTH} {LINE_HEIGHT}" role="img" '
        f'aria-label="step {current} of {last}">{"".join(out + numbers)}</svg>'
    )


def router(
    rooms: RoomService, teller: Teller, polls: Polls, templates: jinja2.Environment
) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    template = templates.get_template("room_stage.html")
    pictures: KeptByWeight[tuple[str, int], Picture] = KeptByWeight(KEPT, lambda _: 1)

    def picture(loaded: LoadedRun, step: int) -> Picture:
        kept = pictures.get((loaded.id, step))
        if kept is None:
            plan = teller.explorer.plan(loaded)
            shown = focus_of(loaded.run, step, plan.layout)
            kept = Picture(
                Markup(drawing.stage(shown.layout, shown.scene, f"memory after step {step}")),
                Markup(line_of(plan.timeline, step)),
                shown.letters,
                shown.beyond,
                shown.resting,
            )
            pictures.put((loaded.id, step), kept)
        return kept

    @routes.get("/w/{room}/stage")
    async def stage(request: Request) -> Response:
        view = await view_in(request, rooms)
        state = view.state
        loaded, told = await teller.current(view)
        join = absolute(request, room_url(view.id))
        length = len(told.alarms[0][1]) + ALARM if told.alarms else len(told.lead)
        context = StageContext(
            view=view,
            title=loaded.run.scenario.title or "Untitled scenario",
            policy=loaded.stored.policy,
            told=told,
            picture=picture(loaded, state.step),
            card=await polls.card(view),
            counts=await rooms.counts(view.id, state.poll.n if state.poll else 0),
            drives=leads(request, view),
            leader_here=leader_is_here(view),
            join=join,
            join_words=join.partition("://")[2].removesuffix(f"/{view.id}"),
            qr=qr_svg(join, f"QR code of {join}"),
            size="longer" if length > LONGER else "long" if length > LONG else "",
            state_json=json.encode(state).decode(),
        )
        body = template.render(c=context, look=look_of(request))
        return HTMLResponse(body, headers={"Cache-Control": "no-store"})

    return routes
