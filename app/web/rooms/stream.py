"""`/w/{room}/events`: server-sent events; `/w/{room}/state.json`: the same, asked for."""

from __future__ import annotations

import asyncio
import random

from fastapi import APIRouter, Request, Response
from msgspec import Struct, json
from starlette.types import Receive, Scope, Send

from app.rooms import Hub, RoomService, Subscription
from app.rooms.hub import Here
from app.rooms.service import HERE, now
from app.store.rooms import RoomState, RoomView, hash_of

from .browser import LEAD, MEMBER, code_in, cookie, give, leads, member_of

BEAT = 15.0
"""Seconds of silence after which a stream says that it is still there."""
SEND_SECONDS = 20.0
"""How long a client may take to read what was sent to it."""
ALIVE = b"event: beat\ndata: {}\n\n"
ROLES = ("member", "lead", "stage")


class StateDocument(Struct, frozen=True):
    """What the screens show, and who is there."""

    state: RoomState
    here: Here


def leader_is_here(view: RoomView) -> bool:
    return view.leader is not None and view.leader_seen >= now() - HERE


class EventStream(Response):
    """Sends what a subscription gets, until either side ends it."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, code: str, stream: Subscription) -> None:
        super().__init__(
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        del self.headers["content-length"]
        self._hub = hub
        self._code = code
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            # Readers that lose their server together do not come back together.
            first: bytes | None = f"retry: {random.randint(1000, 3000)}\n\n".encode()
            while first is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await send(
                        {"type": "http.response.body", "body": first or ALIVE, "more_body": True}
                    )
                first = await self._stream.next(BEAT)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            self._hub.leave(self._code, self._stream)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.close()


def seen_by(request: Request) -> int:
    """The last change that the reader has seen; 0 for none, or for what is no number."""
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def router(rooms: RoomService, hub: Hub) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/w/{room}/events")
    async def events(request: Request) -> Response:
        code = code_in(request)
        role = request.query_params.get("as", "member")
        role = role if role in ROLES else "member"
        if role == "lead" and not (
            cookie(request, LEAD) and leads(request, await rooms.view(code))
        ):
            role = "stage"  # It may look; that it is there says nothing about the leader.
        secret, new = member_of(request)
        stream = await hub.open(code, role, hash_of(secret), seen_by(request))
        answer = EventStream(hub, code, stream)
        if new and role == "member":
            give(request, answer, code, MEMBER, secret)
        return answer

    @routes.get("/w/{room}/state.json")
    async def state(request: Request) -> Response:
        """What the stream says, for who cannot have one. Asking is a sign of life."""
        code = code_in(request)
        secret = cookie(request, MEMBER)
        if secret and request.query_params.get("as", "member") == "member":
            await rooms.join(code, secret)
        view = await rooms.view(code)
        poll = view.state.poll
        counts = await rooms.counts(code, poll.n if poll else 0)
        body = StateDocument(
            state=view.state, here=Here(counts.here, counts.answered, leader_is_here(view))
        )
        return Response(
            json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"}
        )

    return routes
