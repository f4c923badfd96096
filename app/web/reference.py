"""Pages to look things up: all marks and keys, the glossary, all policies with their rules."""

from __future__ import annotations

from typing import Any

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from msgspec import Struct

from app import policies
from app.policies import Entry, Rule
from app.scenario import library

from . import legend, marks
from .glossary import TERMS, Term
from .keys import KEYS, KeyAction
from .templating import look_of


class LegendContext(Struct, frozen=True):
    """What `legend.html` gets beside `look` and `here`: marks by kind, and the table of keys."""

    sections: tuple[legend.Section, ...]
    defs: Markup
    keys: tuple[KeyAction, ...]


class GlossaryContext(Struct, frozen=True):
    """What `glossary.html` gets beside `look` and `here`: terms, and their examples' titles."""

    terms: tuple[Term, ...]
    titles: dict[str, str]


class PoliciesContext(Struct, frozen=True):
    """What `policies.html` gets beside `look` and `here`: entries, each with its rules in force."""

    entries: tuple[tuple[Entry, tuple[Rule, ...]], ...]


def structs_as_given(context: Struct) -> dict[str, Any]:
    return {name: getattr(context, name) for name in context.__struct_fields__}


def router(templates: jinja2.Environment) -> APIRouter:
    """`/legend`, `/glossary` and `/policies`."""
    routes = APIRouter(include_in_schema=False)
    shown = LegendContext(legend.sections(), Markup(marks.DEFS), tuple(KEYS.values()))
    titles = {s.slug: s.scenario.title for s in library()}
    terms = tuple(sorted(TERMS, key=lambda term: term.name.lower()))
    listing = PoliciesContext(
        tuple((e, policies.rules_of(e.default.policy)) for e in policies.CATALOGUE)
    )

    def page(name: str, context: Struct, request: Request) -> Response:
        body = templates.get_template(f"{name}.html").render(
            structs_as_given(context), look=look_of(request), here=name
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    @routes.get("/legend")
    async def show_legend(request: Request) -> Response:
        return page("legend", shown, request)

    @routes.get("/glossary")
    async def show_glossary(request: Request) -> Response:
        return page("glossary", GlossaryContext(terms, titles), request)

    @routes.get("/policies")
    async def show_policies(request: Request) -> Response:
        return page("policies", listing, request)

    return routes
