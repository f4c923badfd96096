"""What the page of all marks is made of: a drawing with its name and its meaning."""

from __future__ import annotations

import re

from markupsafe import Markup
from msgspec import Struct


class Mark(Struct, frozen=True):
    svg: Markup
    name: str
    words: str


def boxed(width: float, height: float, body: str, css: str = "mem") -> Markup:
    """A drawing of its own with room for brackets and rings around it; it links to nothing."""
    body = re.sub(r"</?a\b[^>]*>", "", body)
    return Markup(
        f'<svg class="{css}" width="{width + 28:g}" height="{height + 32:g}" '
        f'viewBox="-14 -16 {width + 28:g} {height + 32:g}" aria-hidden="true">{body}</svg>'
    )
