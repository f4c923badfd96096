"""The Jinja2 environment that all pages share, and the look that a reader chose."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from msgspec import Struct

from app.resources import resource
from app.settings import Settings

HTMX_FILE = "htmx-2.0.11.min.js"
HTMX_URL = "https://cdn.jsdelivr.net/npm/htmx.org@2.0.11/dist/htmx.min.js"
HTMX_INTEGRITY = "sha384-2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg"

THEMES = ("light", "dark")
SIZES = ("large", "larger")
YEAR = 365 * 24 * 3600


class Htmx(Struct, frozen=True):
    """Where pages load htmx from. `url` is empty when the CDN is switched off."""

    file: str
    url: str
    integrity: str


class Look(Struct, frozen=True):
    """What a reader chose: theme "light" or "dark", size "large" or "larger"; "" is the default."""

    theme: str = ""
    size: str = ""


def look_of(request: Request) -> Look:
    """The look in a request's cookies; a value that is not ours counts as none."""
    header = request.headers.get("cookie")
    if not header:
        return Look()
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return Look()
    theme = cookies["theme"].value if "theme" in cookies else ""
    size = cookies["size"].value if "size" in cookies else ""
    return Look(theme if theme in THEMES else "", size if size in SIZES else "")


@cache
def static(name: str) -> str:
    """URL of a file in `static/`, with its content's hash, so that it may be cached for ever."""
    digest = blake2b((resource("static") / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


def environment(settings: Settings) -> jinja2.Environment:
    """Templates that escape everything and fail on a name that the context lacks."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals["static"] = static
    env.globals["htmx"] = Htmx(HTMX_FILE, HTMX_URL if settings.cdn else "", HTMX_INTEGRITY)
    env.globals["here"] = ""
    return env


def router() -> APIRouter:
    """`POST /theme`: keep a look in cookies and go back; pages work the same without a script."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/theme")
    async def choose_look(request: Request) -> Response:
        form = await request.form()
        answer = RedirectResponse(return_path(request), status_code=303)
        for name, known in (("theme", THEMES), ("size", SIZES)):
            chosen = form.get(name)
            if chosen in known:
                answer.set_cookie(name, str(chosen), max_age=YEAR, samesite="lax")
            elif chosen is not None:
                answer.delete_cookie(name)
        return answer

    return routes


def return_path(request: Request) -> str:
    """The page that the form stood on; never another site."""
    referer = urlsplit(request.headers.get("referer", ""))
    path = referer.path + (f"?{referer.query}" if referer.query else "")
    same_site = referer.netloc == request.headers.get("host")
    return path if same_site and re.match(r"/(?![/\\])", path) else "/"
