"""The card of a step: 1200x630, what a chat or a timeline shows beside its link.

Cards are shown small, so that a card has three things only: the step, what came of it, and those
rows of the drawing that it changed.
"""

from __future__ import annotations

import unicodedata
from html import escape
from textwrap import wrap

import resvg_py

from app.resources import resource

from . import ink
from .layout import Row
from .picture import Picture, bands, clipped, inside, inverse_octagon, plain_text, rows_that_matter

WIDTH, HEIGHT = 1200, 630
MARGIN = 48
ROOM = WIDTH - 2 * MARGIN
LEAD_SIZE = 25
LEAD_LETTERS = 84
"""Letters of the outcome's font that fit in a line, on the average."""
LEAST_SCALE = 0.85
SCRIPT_ROWS = 8
BRAND = "M2 5h8v14H2z", "M14 3h8v8h-8zM14 13h8v8h-8z", "M10 12h2V7h2M12 12v5h2"


def png(picture: Picture) -> bytes:
    """The card as PNG, drawn with the bundled fonts."""
    return resvg_py.svg_to_bytes(
        svg_string=card(picture),
        skip_system_fonts=latin(f"{picture.title}{picture.command}{picture.lead}"),
        font_dirs=[str(resource("static") / "fonts")],
        sans_serif_family="Inter",
        monospace_family="JetBrains Mono",
    )


def latin(words: str) -> bool:
    """Whether the bundled fonts have every letter; reading the system's takes a while."""
    return not any(unicodedata.category(c) in ("Lo", "So") or ord(c) > 0xFFFF for c in words)


def card(picture: Picture) -> str:
    """The card as SVG. In light colours: it stands in other people's pages."""
    colours = ink.colours("light")
    y, words = outcome(picture, colours)
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}">',
            f"<style>{escape(ink.picture_css('light'), quote=False)}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colours["--panel"]}"/>',
            head(picture, colours),
            words,
            focus(picture, MARGIN, y, ROOM, HEIGHT - 24 - y, colours)
            if picture.step
            else script(picture, y + 24, colours),
            f'<rect x="0" y="{HEIGHT - 8}" width="{WIDTH}" height="8" '
            f'fill="{colours["--bad" if picture.alarm else "--own"]}"/>',
            "</svg>",
        ]
    )


def head(picture: Picture, colours: dict[str, str]) -> str:
    """Name and place in one line, the title, and the step's text as large as it fits."""
    place = f"{picture.place}, {picture.policy}" if picture.step else ""
    left = MARGIN + 34
    large = picture.command if picture.step else f"{picture.last} steps under {picture.policy}"
    size = max(26.0, min(46.0, ROOM / (0.6 * max(1, len(large.split("\n", 1)[0])))))
    text = (
        plain_text(left, 56, "cowscope", 22, colours["--ink"]),
        f'<g font-size="22">{right_text(WIDTH - MARGIN, 56, place, colours)}</g>',
        plain_text(
            MARGIN, 104, clipped(picture.title, 28, ROOM), 28, colours["--ink-2"], True, "sans"
        ),
        plain_text(MARGIN, 162, clipped(large, size, ROOM), size, colours["--ink"]),
    )
    sign = (
        f'<g transform="translate({MARGIN},36)" fill="none" stroke="{colours["--ink"]}" '
        f'stroke-width="2"><path d="{BRAND[0]}"/><path d="{BRAND[1]}" fill="{colours["--own"]}" '
        f'stroke="{colours["--own"]}"/><path d="{BRAND[2]}"/></g>'
    )
    return sign + "".join(text)


def right_text(x: float, y: float, words: str, colours: dict[str, str]) -> str:
    text = plain_text(x, y, words, 22, colours["--ink-3"], False)
    return text.replace("<text ", '<text text-anchor="end" ', 1)


def outcome(picture: Picture, colours: dict[str, str]) -> tuple[float, str]:
    """What came of the step, and where it ends: a banner for a violation, then two lines."""
    y, out = 190.0, ""
    if not picture.step:
        return y, out
    if picture.alarm:
        words = picture.alarm.upper()
        out = (
            f'<rect x="{MARGIN}" y="{y - 6}" width="{ROOM}" height="46" fill="{colours["--bad"]}"/>'
            + inverse_octagon(MARGIN + 26, y + 17, 15, colours)
            + plain_text(MARGIN + 52, y + 26, words, 26, colours["--bad-on"], True, "sans")
        )
        y += 54
    lines = wrap(picture.caution or picture.lead, LEAD_LETTERS, max_lines=2, placeholder=" …")
    for line in lines:
        y += 26
        out += plain_text(MARGIN, y, line, LEAD_SIZE, colours["--ink-2"], False, "sans")
        y += 7
    return y + 18, out


def script(picture: Picture, y: float, colours: dict[str, str]) -> str:
    """The scenario itself, for the state before its first step: nothing is mapped there."""
    rows, column = SCRIPT_ROWS, ROOM / 2
    shown = picture.script[: 2 * rows]
    if picture.last > len(shown):
        shown = (*shown[:-1], f"… {picture.last - len(shown) + 1} more steps")
    out = []
    for index, words in enumerate(shown):
        x = MARGIN + (column if index >= rows else 0)
        line = y + 26 + 50 * (index % rows)
        number = "" if words.startswith("…") else str(index + 1)
        out.append(plain_text(x, line, number, 20, colours["--ink-3"], False))
        words = clipped(words, 26, column - 64)
        out.append(plain_text(x + 40, line, words, 26, colours["--ink"], False))
    return "".join(out)


def focus(
    picture: Picture, x: float, y: float, width: float, height: float, colours: dict[str, str]
) -> str:
    """The heading of the drawing and as many of the rows that matter as are legible."""
    rows, left_out = fitting(picture, rows_that_matter(picture), width, height)
    parts = bands(picture, rows)
    natural = sum(part[1] for part in parts)
    wide = picture.layout.width + 8
    note = 26 if left_out else 0
    scale = min(width / wide, (height - note) / natural)
    out = [f'<defs><g id="all" class="mem">{inside(picture.svg)}</g></defs>']
    for top, high in parts:
        out.append(
            f'<svg x="{x:g}" y="{y:g}" width="{wide * scale:g}" '
            f'height="{high * scale:g}" viewBox="-6 {top} {wide} {high}"><use href="#all"/></svg>'
        )
        y += high * scale
    if left_out:
        words = f"and {left_out} more {'row' if left_out == 1 else 'rows'}"
        out.append(plain_text(x, y + 20, words, 18, colours["--ink-3"], False, "sans"))
    return "".join(out)


def fitting(
    picture: Picture, rows: list[Row], width: float, height: float
) -> tuple[list[Row], int]:
    """Rows from the first on that stay legible, at least one, and how many are left out."""
    scale = max(LEAST_SCALE, min(1.2, width / (picture.layout.width + 8)))
    kept: list[Row] = []
    for row in rows:
        natural = sum(high for _, high in bands(picture, [*kept, row]))
        if kept and natural * scale > height - 26:
            break
        kept.append(row)
    return kept, len(rows) - len(kept)
