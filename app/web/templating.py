"""The Jinja2 environment that all pages share, and the look that a reader chose."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from msgspec import Struct

from app.resources import resource
from app.settings import Settings

from .glossary import Linker, linked
from .operands import operands
from .plain import plain
from .statics import static

HTMX_FILE = "htmx-2.0.11.min.js"
HTMX_URL = "https://cdn.jsdelivr.net/npm/htmx.org@2.0.11/dist/htmx.min.js"
HTMX_INTEGRITY = "sha384-2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg"

CHOICES: dict[str, tuple[str, ...]] = {
    "theme": ("auto", "light", "dark"),
    "size": ("normal", "large", "larger"),
    "level": ("kernel", "student"),
    "view": ("drawing", "table"),
    "tab": ("grid", "why", "events"),
    "keys": ("all", "few"),
}
"""What a reader may choose, the default first: cookies, and `data-` attributes of <html>. A
fragment is the same whatever was chosen."""
IN_LINKS = ("level", "view")
"""Choices that a link may make (`?view=table`): they are for the reader of the link, too."""
THEMES = CHOICES["theme"][1:]
YEAR = 365 * 24 * 3600


class Htmx(Struct, frozen=True):
    """Where pages load htmx from. `url` is empty when the CDN is switched off."""

    file: str
    url: str
    integrity: str


class Look(Struct, frozen=True):
    """What a reader chose, by the names of CHOICES; "" is the default."""

    theme: str = ""
    size: str = ""
    level: str = ""
    view: str = ""
    tab: str = ""
    keys: str = ""

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of what is not the default."""
        return tuple((name, value) for name in CHOICES if (value := getattr(self, name)))


def look_of(request: Request) -> Look:
    """The look in a request's cookies and query; a cookie that is not ours counts as none.

    Raises HTTPException for a link that asks for what there is not.
    """
    return look(kept_in(request) | asked_for(request))


def kept_look(request: Request) -> Look:
    """The look in a request's cookies alone, for a page that says what is wrong with its link."""
    return look(kept_in(request))


def look(found: Mapping[str, str]) -> Look:
    return Look(**{name: found[name] for name in CHOICES if found.get(name) in CHOICES[name][1:]})


def kept_in(request: Request) -> dict[str, str]:
    header = request.headers.get("cookie")
    return cookies_of(header) if header else {}


def asked_for(request: Request) -> dict[str, str]:
    """The choices that the link makes. Raises HTTPException."""
    if not request.url.query:
        return {}
    found = {}
    for name in IN_LINKS:
        value = request.query_params.get(name)
        if value is not None and value not in CHOICES[name]:
            known = " or ".join(CHOICES[name])
            raise HTTPException(422, f"There is no {name} “{value}”. It may be {known}.")
        if value is not None:
            found[name] = value
    return found


def remember(response: Response, choices: Mapping[str, str], age: int | None = None) -> None:
    """Keep choices in cookies for `age` seconds; without it, until the browser is closed."""
    for name, value in choices.items():
        if value == CHOICES[name][0]:
            response.delete_cookie(name)
        else:
            response.set_cookie(name, value, max_age=age, samesite="lax")


def cookies_of(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


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
    env.globals["once"] = once_of(env)
    env.globals["glossary"] = Linker
    env.filters["operands"] = operands
    env.filters["plain"] = plain
    env.filters["linked"] = linked
    return env


def once_of(env: jinja2.Environment) -> Callable[..., Markup]:
    """`once(name, ...)` in a template: a part that is the same on all pages, rendered only once.

    The values may not differ from call to call: the part is kept by its name.
    """
    kept: dict[str, Markup] = {}

    def once(name: str, **values: object) -> Markup:
        if name not in kept:
            kept[name] = Markup(env.get_template(name).render(values))
        return kept[name]

    return once


def router() -> APIRouter:
    """`POST /theme`: keep choices in cookies and go back; pages work the same without a script."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/theme")
    async def choose_look(request: Request) -> Response:
        form = await request.form()
        answer = RedirectResponse(return_path(request), status_code=303)
        chosen = {name: str(form[name]) for name in CHOICES if form.get(name) in CHOICES[name]}
        remember(answer, chosen, YEAR)
        return answer

    return routes


def return_path(request: Request) -> str:
    """The page that the form stood on; never another site."""
    referer = urlsplit(request.headers.get("referer", ""))
    path = referer.path + (f"?{referer.query}" if referer.query else "")
    same_site = referer.netloc == request.headers.get("host")
    return path if same_site and re.match(r"/(?![/\\])", path) else "/"
