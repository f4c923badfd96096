"""`/privacy`: what this server keeps of its readers and for how long, from its settings."""

from __future__ import annotations

from urllib.parse import urlsplit

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from msgspec import Struct
from msgspec.structs import asdict

from app.service.housekeeping import SECONDS
from app.settings import Settings
from app.store.room_tables import NAME_CHARACTERS
from app.store.rooms import TOMBSTONE

from .rooms.browser import KEPT_DAYS, LEAD, MEMBER
from .templating import CHOICES, HTMX_URL, YEAR, look_of

DAY = 24 * 3600
BY_SCRIPT = ("speed",)
"""Choices that only a script sets: how fast a run plays by itself."""


class PrivacyContext(Struct, frozen=True):
    """What `privacy.html` gets beside `look` and `here`.

    room_hours   how long a room lives after its leader's last click
    code_days    how long its code is remembered after that
    cookie_days, choice_days   age of a room's cookies, and of those of the look
    soon         seconds until every process has noticed that something was removed
    cdn          the host that pages load a script from, or ""
    """

    room_hours: str
    code_days: int
    name_characters: int
    cookie_days: int
    choice_days: int
    choices: tuple[str, ...]
    room_cookies: tuple[str, ...]
    soon: int
    access_log: bool
    cdn: str


def context_of(settings: Settings) -> PrivacyContext:
    return PrivacyContext(
        room_hours=f"{settings.room_hours:g}",
        code_days=TOMBSTONE.days,
        name_characters=NAME_CHARACTERS,
        cookie_days=KEPT_DAYS,
        choice_days=YEAR // DAY,
        choices=(*CHOICES, *BY_SCRIPT),
        room_cookies=(MEMBER, LEAD),
        soon=SECONDS,
        access_log=settings.access_log,
        cdn=urlsplit(HTMX_URL).netloc if settings.cdn else "",
    )


def router(templates: jinja2.Environment, settings: Settings) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    context = asdict(context_of(settings))

    @routes.get("/privacy")
    async def show_privacy(request: Request) -> Response:
        body = templates.get_template("privacy.html").render(
            context, look=look_of(request), here="privacy"
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    return routes
