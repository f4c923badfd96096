"""What a browser shows of itself: the cookies that make it a member or the leader of a room."""

from __future__ import annotations

import re
import secrets
from http.cookies import CookieError, SimpleCookie

from fastapi import HTTPException, Request, Response

from app.rooms import RoomService
from app.store.ids import room_code_of
from app.store.rooms import RoomView, UnknownRoom, hash_of
from app.urls import room_url

MEMBER = "member"
LEAD = "lead"
KEPT_DAYS = 30
SECRET = re.compile(r"[A-Za-z0-9_-]{20,64}")


class Elsewhere(HTTPException):
    """The code was typed in another form than the one that links have."""

    def __init__(self, request: Request, typed: str, code: str) -> None:
        path = request.url.path.replace(f"/w/{typed}", room_url(code), 1)
        query = f"?{request.url.query}" if request.url.query else ""
        super().__init__(307, f"The room is at {path}.", {"Location": path + query})


def cookie(request: Request, name: str) -> str:
    """The value of a cookie that we may have set, or ""."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None and SECRET.fullmatch(found.value) else ""


def code_in(request: Request) -> str:
    """The room's code in the path. Raises UnknownRoom, and Elsewhere."""
    typed = str(request.path_params["room"])
    code = room_code_of(typed)
    if not code:
        raise UnknownRoom(typed)
    if code != typed:
        raise Elsewhere(request, typed, code)
    return code


async def view_in(request: Request, rooms: RoomService) -> RoomView:
    """Raises UnknownRoom, RoomExpired, StoreUnavailable."""
    return await rooms.view(code_in(request))


def leads(request: Request, view: RoomView) -> bool:
    """Whether this browser leads the room."""
    secret = cookie(request, LEAD)
    return bool(secret) and view.leader == hash_of(secret)


def give(request: Request, response: Response, code: str, name: str, secret: str) -> None:
    """Set a cookie that no script can read, for this room's pages alone."""
    response.set_cookie(
        name, secret, max_age=KEPT_DAYS * 24 * 3600, path=room_url(code), httponly=True,
        samesite="lax", secure=request.url.scheme == "https",
    )  # fmt: skip


def member_of(request: Request) -> tuple[str, bool]:
    """The secret of this browser's membership, and whether it is a new one."""
    known = cookie(request, MEMBER)
    return (known, False) if known else (secrets.token_urlsafe(16), True)
