"""Errors at their place in the editor: numbers beside the lines, and a line under each token."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape
from msgspec import Struct

from app.scenario import ScenarioError

LEAST = 14
"""Line numbers shown at least: an empty editor shall not look like a field for one line."""


class Marks(Struct, frozen=True):
    """`numbers` stands left of the text, one line each, wrong lines marked; `under` lies below the
    text, in the same letters and invisible but for what underlines the wrong tokens.
    """

    numbers: Markup
    under: Markup


def marks_of(lines: Sequence[str], errors: Sequence[ScenarioError]) -> Marks:
    """Marks for the lines of a text as it was typed."""
    wrong: dict[int, list[ScenarioError]] = {}
    for error in errors:
        wrong.setdefault(error.line, []).append(error)
    numbers = "\n".join(
        f'<b class="err">✗ {number}</b>' if number in wrong else str(number)
        for number in range(1, max(len(lines), LEAST) + 1)
    )
    under = "\n".join(
        underlined(lines[number - 1], wrong[number]) if number in wrong else ""
        for number in range(1, min(max(wrong, default=0), len(lines)) + 1)
    )
    return Marks(Markup(numbers), Markup(under))


def underlined(line: str, errors: Sequence[ScenarioError]) -> str:
    """The line with each wrong token in a <mark>; where two overlap, the first has it."""
    out = []
    at = 0
    for error in sorted(errors, key=lambda error: error.column):
        start = min(error.column - 1, len(line))
        token = error.token.split("\n")[0]
        end = start + len(token) if token and line[start:].startswith(token) else start + 1
        if start >= at:
            out += [escape(line[at:start]), f"<mark>{escape(line[start:end] or ' ')}</mark>"]
            at = end
    return "".join(map(str, [*out, escape(line[at:])]))
