"""`/static`: the files of that folder, and bundles of them: one request, compressed once."""

from __future__ import annotations

import mimetypes
from functools import cache
from hashlib import blake2b

from fastapi import Request, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.resources import resource

from .fragments import Kept, answer

FOREVER = "public, max-age=31536000, immutable"
TEXT = (".css", ".js", ".svg")

SITE = ("cowscope.css", "strips.css")
STEPS = ("cowscope.js", "idiomorph-0.8.0.min.js", "swap.js")
BUNDLES = {
    "site.css": SITE,
    "home.css": (*SITE, "pages.css"),
    "explorer.css": (
        *SITE,
        "share.css",
        "reading.css",
        "view.css",
        "pick.css",
        "select.css",
        "whatif.css",
    ),
    "explorer.js": (*STEPS, "share.js", "whatif.js", "reading.js", "select.js"),
    "comparison.css": (*SITE, "compare.css", "pick.css", "reading.css", "view.css"),
    "comparison.js": (*STEPS, "compare.js", "reading.js", "select.js"),
    "edit.css": (*SITE, "editor.css"),
    "edit.js": ("cowscope.js", "editor.js"),
}
"""A page's first paint waits for its style sheets: each file more is a way to the server more."""


@cache
def content(name: str) -> bytes:
    """The bytes of a file or bundle. Raises FileNotFoundError."""
    parts = BUNDLES.get(name, (name,))
    return b"\n".join((resource("static") / part).read_bytes() for part in parts)


@cache
def static(name: str) -> str:
    """URL of a file or bundle, with its content's hash, so that it may be cached for ever."""
    return f"/static/{name}?v={blake2b(content(name), digest_size=6).hexdigest()}"


@cache
def texts() -> dict[str, Kept]:
    """Everything that is sent from memory, by name."""
    files = (path.name for path in resource("static").iterdir() if path.suffix in TEXT)
    return {name: Kept(content(name)) for name in (*files, *BUNDLES)}


class Files(StaticFiles):
    """Static files; one that is asked for by its content's hash never changes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        lasting = scope["query_string"].startswith(b"v=")
        kept = texts().get(path) if scope["method"] in ("GET", "HEAD") else None
        if kept is not None:
            kind = f"{mimetypes.guess_type(path)[0]}; charset=utf-8"
            caching = FOREVER if lasting else "no-cache"
            return answer(Request(scope), kept, caching, "Accept-Encoding", kind)
        response = await super().get_response(path, scope)
        if lasting and response.status_code == 200:
            response.headers["Cache-Control"] = FOREVER
        return response
