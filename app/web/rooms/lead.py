"""`/w/{room}/lead`: the leader's page, and the links that make one the leader."""

from __future__ import annotations

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from msgspec import Struct, json

from app.rooms import Action, BadAction, BadClaim, Hub, OtherTab, RoomService
from app.rooms.actions import ACTIONS
from app.store.answers import Counts, Person
from app.store.rooms import RoomView, hash_of
from app.urls import absolute, claim_url, lead_url, room_url, rooms_url, stage_url

from ..qr import qr_svg
from ..templating import look_of
from .browser import LEAD, code_in, cookie, give, leads, view_in
from .polls import Card, Polls
from .told import Teller, Told

NAMED = 40
"""Names listed; the page says how many more there are."""


class LeadContext(Struct, frozen=True):
    """What `room_lead.html` gets beside `look`.

    now, after   this step, and the next one or None
    offers       questions about the next step: name and text
    people       members with a name, those who are here first; `more` are not listed
    offer        a link that hands the room over, as URL and QR code; "" until it is asked for
    next_mark, previous_mark   steps of the next and previous event, or None
    """

    view: RoomView
    tab: str
    now: Told
    after: Told | None
    title: str
    policy: str
    card: Card | None
    offers: tuple[tuple[str, str], ...]
    counts: Counts
    people: tuple[Person, ...]
    more: int
    offer: str
    offer_qr: Markup
    join: str
    previous_mark: int | None
    next_mark: int | None
    state_json: str


def secret_of(request: Request) -> str:
    return cookie(request, LEAD)


def router(
    rooms: RoomService, hub: Hub, teller: Teller, polls: Polls, templates: jinja2.Environment
) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    template = templates.get_template("room_lead.html")
    door = templates.get_template("room_door.html")

    def at_the_door(request: Request, view: RoomView, kind: str, once: str = "") -> Response:
        """A page with one button: to take the lead from here."""
        body = door.render(view=view, kind=kind, once=once, look=look_of(request))
        return HTMLResponse(body, 200, {"Cache-Control": "no-store"})

    async def context_of(request: Request, view: RoomView, tab: str, offer: str) -> LeadContext:
        state = view.state
        loaded, told = await teller.current(view)
        line = teller.explorer.plan(loaded).timeline
        after = teller.told(loaded, state.step + 1) if state.step < loaded.last else None
        everybody = await rooms.people(view.id)
        named = tuple(person for person in everybody if person.name)[:NAMED]
        counts = await rooms.counts(view.id, state.poll.n if state.poll else 0)
        link = absolute(request, claim_url(view.id, offer)) if offer else ""
        return LeadContext(
            view=view,
            tab=tab,
            now=told,
            after=after,
            title=loaded.run.scenario.title or "Untitled scenario",
            policy=loaded.stored.policy,
            card=await polls.card(view),
            offers=await polls.offers(loaded, state.step + 1),
            counts=counts,
            people=named,
            more=max(0, counts.joined - len(named)),
            offer=link,
            offer_qr=qr_svg(link, "QR code of the link") if link else Markup(""),
            join=absolute(request, room_url(view.id)),
            previous_mark=line.previous_marked(state.step),
            next_mark=line.next_marked(state.step),
            state_json=json.encode(state).decode(),
        )

    @routes.get("/w/{room}/lead")
    async def lead(request: Request) -> Response:
        view = await view_in(request, rooms)
        if not leads(request, view):
            return at_the_door(request, view, "stranger")
        tab = request.query_params.get("tab", "")
        if tab != view.tab:
            return at_the_door(request, view, "tab")
        offer = request.query_params.get("offer", "")
        offered = offer if offer and view.claim == hash_of(offer) else ""
        context = await context_of(request, view, tab, offered)
        body = template.render(c=context, look=look_of(request))
        return HTMLResponse(body, headers={"Cache-Control": "no-store"})

    @routes.post("/w/{room}/lead")
    async def act(request: Request) -> Response:
        """One action of the leader: a form field named for it. `tab` tells from which tab.

        The projector's page has no tab of its own: its keys work while its browser leads.
        """
        code = code_in(request)
        form = await request.form()
        tab = None if form.get("from") == "stage" else str(form.get("tab", ""))
        name = next((name for name in ACTIONS if name in form), "")
        if not name:
            raise BadAction(f"A leader's form has one of {', '.join(ACTIONS)}.")
        action = Action(name, str(form[name])[:400])
        try:
            await rooms.act(code, secret_of(request), tab, action)
        except OtherTab:
            if "json" in request.headers.get("accept", ""):
                raise
            return RedirectResponse(lead_url(code), 303)
        hub.nudge()
        if "json" in request.headers.get("accept", ""):
            return Response("{}", media_type="application/json")
        return RedirectResponse(stage_url(code) if tab is None else lead_url(code, tab), 303)

    @routes.post("/w/{room}/lead/take")
    async def take(request: Request) -> Response:
        """Lead from this tab."""
        code = code_in(request)
        tab = await rooms.take(code, secret_of(request))
        hub.nudge()
        return RedirectResponse(lead_url(code, tab), 303)

    @routes.post("/w/{room}/lead/offer")
    async def offer(request: Request) -> Response:
        """Make the link that hands the room over."""
        code = code_in(request)
        tab = str((await request.form()).get("tab", ""))
        once = await rooms.offer(code, secret_of(request), tab)
        return RedirectResponse(f"{lead_url(code, tab)}&offer={once}#hand-over", 303)

    @routes.post("/w/{room}/lead/end")
    async def end(request: Request) -> Response:
        code = code_in(request)
        await rooms.end(code, secret_of(request), str((await request.form()).get("tab", "")))
        hub.nudge()
        return RedirectResponse(rooms_url(), 303)

    async def become(request: Request, code: str, once: str, name: str) -> Response:
        claimed = await rooms.claim(code, once, name)
        hub.nudge()
        response = RedirectResponse(lead_url(code, claimed.tab), 303)
        give(request, response, code, LEAD, claimed.secret)
        return response

    @routes.get("/w/{room}/lead/{once}")
    async def claim(request: Request, once: str) -> Response:
        """The first leader's link comes straight from `POST /w` and is used at once.

        Any other was sent to somebody, and what looks at links before people do shall not use it.
        """
        view = await view_in(request, rooms)
        if view.claim is None or view.claim != hash_of(once):
            raise BadClaim(view.id)
        if view.leader is None:
            return await become(request, view.id, once, "")
        return at_the_door(request, view, "claim", once)

    @routes.post("/w/{room}/lead/{once}")
    async def confirm(request: Request, once: str) -> Response:
        name = str((await request.form()).get("name", ""))[:400]
        return await become(request, code_in(request), once, name)

    return routes
