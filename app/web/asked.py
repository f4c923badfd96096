"""A request for a step: all that its answer depends on, and so the key it is kept under."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Self

from fastapi import Request, Response
from msgspec import Struct
from starlette.types import Scope

from app.urls import absolute

from .fragments import Kept, answer
from .templating import Look, look_of

FRAGMENT_CACHE = "private, max-age=3600, immutable"
PAGE_CACHE = "no-cache"
VARY_FRAGMENT = "HX-Request, Accept-Encoding"
VARY_PAGE = "HX-Request, Accept-Encoding, Cookie"
MAX_DIGITS = 6


class Asked(Struct, frozen=True):
    """A step of a run, as a page or as htmx's fragment, which depends on run and step, and on
    what is hidden.
    """

    run: str
    step: int
    fragment: bool
    look: Look = Look()
    origin: str = ""
    hide: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: Request, run: str, step: int, hide: tuple[str, ...] = ()) -> Self:
        if "hx-request" in request.headers:
            return cls(run, step, True, hide=hide)
        return cls(run, step, False, look_of(request), absolute(request, ""), hide)

    @property
    def key(self) -> Hashable:
        if self.fragment:
            return (self.run, self.step, self.hide)
        return (self.run, self.step, self.hide, self.look, self.origin)

    def answered(self, request: Request, kept: Kept) -> Response:
        if self.fragment:
            return answer(request, kept, FRAGMENT_CACHE, VARY_FRAGMENT)
        return answer(request, kept, PAGE_CACHE, VARY_PAGE)


def plainly_asked(scope: Scope) -> tuple[str, int] | None:
    """Run and step of a GET of `/r/{run}/{step}` without a query; None for all else."""
    if scope["method"] != "GET" or scope["query_string"]:
        return None
    match scope["path"].split("/"):
        case ["", "r", run, step] if step.isascii() and step.isdigit() and len(step) <= MAX_DIGITS:
            return run, int(step)
    return None
