"""Pages to look things up: all marks, all policies with their rules."""

from __future__ import annotations

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict

from app import policies
from app.policies import Entry, Rule

from . import timeline
from .templating import look_of

MARKS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Struct pages", (
        ("Thick border, solid gate with a key", "The exclusive bit is set: one process owns it."),
        ("Thin border, hatched gate", "The bit is clear: maybe shared, also with one mapping."),
        ("Big digits", "What the page holds."),
        ("ref, map, pin", "The counters; 3→2 is a change in this step."),
        ("Square token", "One mapping: one reference and one mapcount."),
        ("Round token", "A reference from outside; a pin weighs 1024."),
        ("Dotted token", "A reference of the swap cache or of an LRU batch."),
    )),
    ("Page tables", (
        ("Pencil, thick border", "Writable PTE."),
        ("Padlock, thin border", "Present, write-protected PTE."),
        ("P W D S U", "Present, write, dirty, soft-dirty, uffd-wp; a dot where the bit is clear."),
        ("Dotted box with a platter", "A swap entry; its second line is its exclusive marker."),
        ("Dashed, faint box", "Not present; — where there is no mapping at all."),
    )),
    ("Changes", (
        ("Corner brackets with Δ", "Changed in this step; the old value stands struck through."),
        ("Corner brackets with NEW", "Came into being in this step."),
        ("Dashed arrow “copy 7”", "The bytes went from one page to another."),
        ("Octagon with a cross", "A violation: what must never happen has happened."),
    )),
)  # fmt: skip


class LegendContext(Struct, frozen=True):
    """What `legend.html` gets beside `look` and `here`: glyphs with words, and marks by kind."""

    glyphs: tuple[tuple[Markup, str], ...]
    marks: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


class PoliciesContext(Struct, frozen=True):
    """What `policies.html` gets beside `look` and `here`: entries, each with its rules in force."""

    entries: tuple[tuple[Entry, tuple[Rule, ...]], ...]


def router(templates: jinja2.Environment) -> APIRouter:
    """`/legend` and `/policies`."""
    routes = APIRouter(include_in_schema=False)
    glyphs = tuple((Markup(timeline.sample(kind)), words) for kind, words in timeline.GLYPH_NAMES)
    legend = LegendContext(glyphs, MARKS)
    listing = PoliciesContext(
        tuple((e, policies.rules_of(e.default.policy)) for e in policies.CATALOGUE)
    )

    def page(name: str, context: Struct, request: Request) -> Response:
        body = templates.get_template(f"{name}.html").render(
            asdict(context), look=look_of(request), here=name
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    @routes.get("/legend")
    async def show_legend(request: Request) -> Response:
        return page("legend", legend, request)

    @routes.get("/policies")
    async def show_policies(request: Request) -> Response:
        return page("policies", listing, request)

    return routes
