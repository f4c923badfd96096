"""`/w/{room}`: the explorer at the step that the leader is at, or where the reader wandered."""

from __future__ import annotations

import re
from collections.abc import Hashable

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup, escape
from msgspec import Struct, json

from app.rooms import Hub, RoomService
from app.rooms.service import now
from app.store.answers import PollClosed
from app.store.rooms import RoomView
from app.urls import room_url, run_url

from ..asked import Asked
from ..fragments import Kept, PageCache, answer
from ..marks import DEFS
from ..quiz import answer_of
from ..templating import Look, look_of
from .browser import MEMBER, code_in, cookie, give, leads, member_of, view_in
from .once import Once
from .polls import Card, Polls
from .stream import leader_is_here
from .told import Teller

REFRESH = 5
"""Seconds after which a page without script asks again; longer where there is a form."""
REFRESH_AWAY = 30
WARNED_HOURS = 1.0
PAGE_CACHE = "no-cache"
VARY = "Cookie, Accept-Encoding"
MOST_ANSWERS = 32


class Place(Struct, frozen=True):
    """Where a reader is: with the leader, or at a step of his own."""

    item: int
    run: str
    step: int
    last: int
    following: bool

    def behind(self, view: RoomView) -> str:
        """How far from the leader, in words."""
        state = view.state
        if self.item != state.item:
            return "In another part"
        steps = state.step - self.step
        if steps == 0:
            return "At the leader's step"
        plural = "" if abs(steps) == 1 else "s"
        return f"{abs(steps)} step{plural} {'behind' if steps > 0 else 'ahead'}"


def place_of(request: Request, view: RoomView) -> Place:
    """A bad or missing place is the leader's; while the room is locked, everybody's is."""
    state = view.state
    with_leader = Place(state.item, state.run, state.step, state.last, True)
    step, item = request.query_params.get("step", ""), request.query_params.get("item", "")
    if state.locked or not (step.isdecimal() and len(step) < 7):
        return with_leader
    at = int(item) if item.isdecimal() and len(item) < 4 else state.item
    if at >= len(view.items):
        return with_leader
    run, _, last = view.items[at]
    return Place(at, run, min(int(step), last), last, False)


def in_room(fragment: str, code: str, place: Place) -> Markup:
    """The explorer's fragment with its links to steps inside the room: for readers without script.

    What copies a link keeps the step's own.
    """
    base = re.escape(run_url(place.run).removesuffix("/0"))
    target = f"{escape(room_url(code))}?item={place.item}&amp;step="
    pattern = rf'(<a(?![^>]*id="copy")[^>]* href="){base}/(\d+)(?=")'
    return Markup(re.sub(pattern, rf"\g<1>{target}\2", fragment))


def router(
    rooms: RoomService, hub: Hub, teller: Teller, polls: Polls, templates: jinja2.Environment,
    pages: PageCache,
) -> APIRouter:  # fmt: skip
    routes = APIRouter(include_in_schema=False)
    making: Once[Kept] = Once()
    template = templates.get_template("room.html")
    poll_template = templates.get_template("room_poll.html")

    async def render(
        view: RoomView,
        place: Place,
        card: Card | None,
        *,
        look: Look,
        leading: bool,
        problem: str = "",
    ) -> str:
        loaded = await teller.load(place.run)
        asked = Asked(loaded.id, place.step, fragment=True)
        explorer = teller.explorer
        kept = explorer.pages.get(asked.key) or explorer.render(asked, loaded)
        hours = (view.expires - now()).total_seconds() / 3600
        return template.render(
            view=view,
            place=place,
            behind=place.behind(view),
            fragment=in_room(kept.body.decode(), view.id, place),
            title=loaded.run.scenario.title or "Untitled scenario",
            card=card,
            problem=problem,
            state_json=json.encode(view.state).decode(),
            leader=view.leader_name or "the leader",
            leader_here=leader_is_here(view),
            leading=leading,
            refresh=REFRESH_AWAY if card or not place.following else REFRESH,
            warned=hours if hours < WARNED_HOURS else 0,
            look=look,
            # First in the page: a pattern inside a picture that is hidden paints nothing.
            defs=Markup(DEFS),
        )

    async def make(key: Hashable, view: RoomView, place: Place, look: Look) -> Kept:
        card = await polls.card(view)
        return pages.put(key, await render(view, place, card, look=look, leading=False))

    @routes.get("/w/{room}")
    async def follow(request: Request) -> Response:
        view = await view_in(request, rooms)
        secret, new = member_of(request)
        place, look = place_of(request, view), look_of(request)
        if not new:
            if "refresh" in request.query_params:
                await rooms.join(view.id, secret)  # No stream says that this reader is there.
            card = await polls.card(view, secret)
            body = await render(view, place, card, look=look, leading=leads(request, view))
            return HTMLResponse(body, headers={"Cache-Control": "no-store"})
        # All who have just come see the same page: it is made once.
        key = ("room", view.id, view.state, view.leader_name, leader_is_here(view), place, look)
        kept = pages.get(key) or await making.get(key, lambda: make(key, view, place, look))
        response = answer(request, kept, PAGE_CACHE, VARY)
        give(request, response, view.id, MEMBER, secret)
        return response

    @routes.get("/w/{room}/poll")
    async def poll(request: Request) -> Response:
        """The prediction alone, for a page that has a script."""
        view = await view_in(request, rooms)
        card = await polls.card(view, cookie(request, MEMBER))
        key = ("poll", view.id, card.key if card else ())
        kept = pages.get(key)
        if kept is None:
            kept = pages.put(key, poll_template.render(card=card, view=view, problem=""))
        return answer(request, kept, "no-store", VARY)

    @routes.post("/w/{room}/answer")
    async def reply(request: Request) -> Response:
        code = code_in(request)
        form = await request.form()
        secret, new = member_of(request)
        plain = "json" in request.headers.get("accept", "")
        number = str(form.get("poll", ""))
        chosen = [str(value)[:8] for value in form.getlist("answer")[:MOST_ANSWERS]]
        known = hub.known(code)  # Hundreds answer at once; the store looks again itself.
        state = known.poll if known else None
        if state is None or number != str(state.n):
            state = (await rooms.view(code)).state.poll
        if state is None or number != str(state.n):
            raise PollClosed("This prediction is not on the screens any more.")
        asked = await polls.asked(state.question)
        answered = answer_of(asked.question, chosen)
        if answered is None:
            words = "Choose an answer first."
            if plain:
                return Response(json.encode({"detail": words}), 422, media_type="application/json")
            view = await rooms.view(code)
            card = await polls.card(view, secret)
            body = await render(
                view, place_of(request, view), card, look=look_of(request), leading=False,
                problem=words,
            )  # fmt: skip
            return HTMLResponse(body, 422)
        await rooms.answer(code, state.n, secret, answered.chosen)
        if plain:
            stored = {"poll": state.n, "chosen": answered.chosen}
            response = Response(json.encode(stored), media_type="application/json")
        else:
            response = RedirectResponse(f"{room_url(code)}#poll", 303)
        if new:
            give(request, response, code, MEMBER, secret)
        return response

    @routes.post("/w/{room}/name")
    async def name(request: Request) -> Response:
        code = code_in(request)
        form = await request.form()
        secret, new = member_of(request)
        await rooms.join(code, secret, str(form.get("name", ""))[:400])
        response = RedirectResponse(room_url(code), 303)
        if new:
            give(request, response, code, MEMBER, secret)
        return response

    return routes
