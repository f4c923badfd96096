"""The vocabulary of marks: boxes, glyphs and flags as SVG text. Pure; every text is escaped.

Colour is never the only sign: weight, dash, letter or shape say the same (the page "All marks").
"""

from __future__ import annotations

import html
from functools import lru_cache

from .cells import Cell
from .layout import FRAME_HEIGHT, FRAME_WIDTH, PTE_HEIGHT
from .scene import Frame, Hold, Slot
from .things import Count, Token

KEY = "M3.5 6.5a3 3 0 1 0 6 0a3 3 0 1 0 -6 0M6.5 9.5V17M6.5 13h3.5M6.5 16.5h2.5"
BITS = "PWDSU"
LETTER = 7.23
"""Width of a letter in the drawing's 12 px."""
COUNTS = FRAME_WIDTH - 88 - 8
"""Room for a frame's counts."""
DEFS = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" class="hatchbg"/>'
    '<line x1="0" y1="0" x2="0" y2="6" class="hatchline"/></pattern><pattern id="void" width="6" height="6" '
    'patternUnits="userSpaceOnUse"><rect x=".5" y=".5" width="4" height="4" class="voidcell"/>'
    "</pattern></defs>"
)


MANY = 4096
"""Marks kept as text: those of a step are mostly those of the step before."""


@lru_cache(MANY)
def escape(words: str) -> str:
    return html.escape(words)


def text(x: float, y: float, content: object, css: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{css}">{escape(str(content))}</text>'


def pencil(x: float, y: float) -> str:
    """Writable."""
    return (
        f'<path class="glyph" d="M{x:g} {y + 11:g}l1-4l7-7l3 3l-7 7zM{x + 6.5:g} {y + 1.5:g}l3 3"/>'
    )


def lock(x: float, y: float) -> str:
    """Write-protected."""
    return (
        f'<path class="glyph dim" d="M{x + 1:g} {y + 5:g}h9v7h-9z'
        f'M{x + 3:g} {y + 5:g}v-2a2.5 2.5 0 0 1 5 0v2"/>'
    )


def platter(x: float, y: float) -> str:
    """On the swap device."""
    return (
        f'<path class="platter" d="M{x:g} {y + 2.5:g}a6 2.5 0 0 1 12 0v7a6 2.5 0 0 1 -12 0z'
        f'M{x:g} {y + 2.5:g}a6 2.5 0 0 0 12 0"/>'
    )


def octagon(cx: float, cy: float, r: float = 11) -> str:
    """A violation."""
    k, q = r * 0.414, r * 0.4
    corners = ((-k, -r), (k, -r), (r, -k), (r, k), (k, r), (-k, r), (-r, k), (-r, -k))
    points = " ".join(f"{cx + a:.1f},{cy + b:.1f}" for a, b in corners)
    return (
        f'<polygon class="badfill" points="{points}"/>'
        f'<path class="badx" d="M{cx - q:.1f} {cy - q:.1f}L{cx + q:.1f} {cy + q:.1f}'
        f'M{cx + q:.1f} {cy - q:.1f}L{cx - q:.1f} {cy + q:.1f}"/>'
    )


def flag(right: float, y: float, word: str) -> str:
    width = 9 + 7 * len(word)
    return (
        f'<rect class="chgflag" x="{right - width:g}" y="{y:g}" width="{width}" height="15"/>'
        + text(right - width / 2, y + 11.5, word, "chgtext")
    )


def bracket(x: float, y: float, w: float, h: float) -> str:
    """Amber corners: changed in this step."""
    return (
        f'<path class="chg" d="M{x:g} {y + 10:g}v-10h10m{w - 20:g} 0h10v10m0 {h - 20:g}v10h-10'
        f'm{20 - w:g} 0h-10v-10"/>'
    )


def ring(x: float, y: float, w: float, h: float, r: float = 0) -> str:
    """The double outline of a violation."""
    return (
        f'<rect class="badring" x="{x - 6:g}" y="{y - 6:g}" width="{w + 12:g}" '
        f'height="{h + 12:g}" rx="{r:g}"/><rect class="badring in" x="{x - 10:g}" '
        f'y="{y - 10:g}" width="{w + 20:g}" height="{h + 20:g}" rx="{r:g}"/>'
    )


# -- page-table entries -----------------------------------------------------------------------


@lru_cache(MANY)
def pte(x: float, y: float, w: float, cell: Cell) -> str:
    """One entry of a page table, PTE_HEIGHT high."""
    mid = x + w / 2
    if cell.kind == "absent":
        return ""
    if cell.kind == "novma":
        old = f'<tspan class="was">{escape(was_of(cell))}</tspan> ' if cell.was else ""
        box = bracket(x - 4, y - 4, w + 8, PTE_HEIGHT + 8) if cell.changed else ""
        return f'<text x="{mid:g}" y="{y + 31:g}" class="mid lab cnt">{old}—</text>{box}'
    if cell.kind == "none":
        return none_pte(x, y, w, cell)
    if cell.kind == "migrating":
        return migrating_pte(x, y, w, PTE_HEIGHT, cell)
    name = cell.target.partition(":")[0]
    css = "swap" if cell.kind == "swap" else "rw" if cell.writable else "ro"
    out = [
        f'<a href="#{name}" class="lk" data-link="{name}" data-at="{cell.place}"><g class="pte {css}">'
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{PTE_HEIGHT}"/>'
    ]
    glyph = platter if cell.kind == "swap" else pencil if cell.writable else lock
    out.append(glyph(x + 10, y + 7))
    out.append(text(x + 28, y + 19, cell.shown, "tgt" if len(cell.shown) < 6 else "tgt long"))
    if cell.was:
        # A long label has the other line for what stood there before.
        line = 19 if len(cell.shown) + len(cell.was) < 8 else 30
        out.append(
            f'<text class="cnt end" x="{x + w - 8:g}" y="{y + line:g}">'
            f'<tspan class="was">{escape(was_of(cell))}</tspan></text>'
        )
    if cell.kind == "swap":
        words = cell.note if w > 90 else cell.note.replace("exclusive", "excl")
        out.append(text(x + 10, y + 40, words, "small"))
    else:
        out.append(bits(x, y, w, cell))
    if cell.exclusive and cell.kind == "present":
        out.append(
            f'<path class="ptekey" transform="translate({x + w - 13:g},{y + 3:g})" d="{KEY}"/>'
        )
    if cell.changed:
        out.append(bracket(x - 4, y - 4, w + 8, PTE_HEIGHT + 8))
    return "".join(out) + "</g></a>"


def was_of(cell: Cell) -> str:
    return cell.was.partition(":")[0] + ("…" if ":" in cell.was else "")


def none_pte(x: float, y: float, w: float, cell: Cell) -> str:
    old = f'<tspan class="was">{escape(was_of(cell))}</tspan> ' if cell.was else ""
    box = bracket(x - 4, y - 4, w + 8, PTE_HEIGHT + 8) if cell.changed else ""
    words = "none" if old and cell.note.startswith("not") else cell.note
    return (
        f'<g class="pte none"><rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" '
        f'height="{PTE_HEIGHT}"/><text x="{x + w / 2:g}" y="{y + 31:g}" class="mid small cnt">'
        f"{old}{escape(words)}</text></g>{box}"
    )


def migrating_pte(x: float, y: float, w: float, h: float, cell: Cell) -> str:
    """A migration entry: it names a frame and maps none, so it has no wire and no slot."""
    to = cell.on_its_way
    words = f"migrating → {to}" if to else "migrating"
    note = cell.note.replace(" exclusive", ", excl")
    css, gap = ("long", 6.5) if h < 34 else ("small", 8.5)
    mid = y + h / 2 + 3.5
    lines = text(x + 8, mid - gap, words, "tgt long") + text(x + 8, mid + gap, note, css)
    box = (
        f'<g class="pte swap"><rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" '
        f'height="{h:g}"/>{lines}</g>'
    )
    if to:
        box = f'<a href="#{to}" class="lk" data-link="{to}" data-at="{cell.place}">{box}</a>'
    return box + (bracket(x - 4, y - 4, w + 8, h + 8) if cell.changed else "")


def bits(x: float, y: float, w: float, cell: Cell) -> str:
    """P W D S U in their places: a letter when set, a dot when clear, boxed when it flipped."""
    pitch = (w - 20) / 5
    places = {bit: x + 10 + pitch * (i + 0.5) for i, bit in enumerate(BITS)}
    out = [
        f'<rect class="bitbg" x="{places[bit] - 8:.1f}" y="{y + 28:g}" width="16" height="17"/>'
        for bit in cell.flips
    ]
    groups: dict[str, list[str]] = {}
    for bit in BITS:
        css = ("bit on" if bit in cell.bits else "bit") + (" flip" if bit in cell.flips else "")
        groups.setdefault(css, []).append(bit)
    for css, letters in groups.items():
        xs = " ".join(f"{places[bit]:.1f}" for bit in letters)
        shown = "".join(bit if bit in cell.bits else "·" for bit in letters)
        out.append(f'<text class="{css}" x="{xs}" y="{y + 41:g}">{shown}</text>')
    return "".join(out)


# -- struct pages, swap slots, handles --------------------------------------------------------


def counter(name: str, value: Count) -> str:
    """A change shows the old number struck through."""
    if value.was is None:
        return f'{name} <tspan class="n">{value.now}</tspan>'
    return f'{name} <tspan class="was">{value.was}</tspan><tspan class="flip">→{value.now}</tspan>'


def counts_of(f: Frame) -> list[tuple[str, Count]]:
    counts = [("ref", f.ref), ("map", f.map)]
    return [*counts, ("pin", f.pin)] if f.pin.now or f.pin.was else counts


def pitch(counts: list[tuple[str, Count]]) -> float:
    """How much narrower the counts are written than usual, to stay within their frame."""
    letters = sum(len(name) + 2 + len(str(count)) for name, count in counts) - 1
    return min(1.0, COUNTS / (LETTER * letters))


@lru_cache(MANY)
def frame(x: float, y: float, f: Frame) -> str:
    """A struct page: gate, value, counters and who holds it."""
    w, h = FRAME_WIDTH, FRAME_HEIGHT
    if f.state == "freed":
        return freed(x, y, f.label, h, rx=0)
    css = "own" if f.exclusive else "shared"
    out = [
        f'<a href="#{f.label}" id="{f.label}" class="lk" data-link="{f.label}">'
        f'<g class="frame {css}"><rect class="body" x="{x:g}" y="{y:g}" width="{w}" '
        f'height="{h}"/><rect class="gate" x="{x:g}" y="{y:g}" width="22" height="{h}"/>'
    ]
    if f.exclusive:
        out.append(
            f'<path class="key" transform="translate({x + 3.5:g},{y + h / 2 - 11:g})" d="{KEY}"/>'
        )
    out.append(text(x + 50, y + h / 2 + 10, f.value.now, value_css(f.value)))
    if f.value.was is not None:
        out.append(
            f'<text x="{x + 50:g}" y="{y + 15:g}" class="mid cnt"><tspan class="was">{f.value.was}</tspan></text>'
        )
    out.append(
        f'<line class="vline" x1="{x + 78:g}" y1="{y + 8:g}" x2="{x + 78:g}" y2="{y + h - 8:g}"/>'
    )
    out.append(text(x + 88, y + 20, f.label, "fid"))
    out.append(text(x + w - 10, y + 20, f.words, "end flag own" if f.exclusive else "end flag"))
    counts = counts_of(f)
    line = "&#160;".join(counter(name, count) for name, count in counts)
    narrow = f' textLength="{COUNTS}" lengthAdjust="spacingAndGlyphs"' if pitch(counts) < 1 else ""
    out.append(f'<text class="cnt" x="{x + 88:g}" y="{y + 39:g}"{narrow}>{line}</text>')
    out.append(held_by(x + 88, y + 45.5, x + w - 8, f.holders))
    if f.state:
        out.append(bracket(x - 5, y - 5, w + 10, h + 10))
        out.append(flag(x + w - 4, y - 12, "NEW" if f.state == "new" else "Δ"))
    if f.bad:
        out.append(ring(x, y, w, h))
    return "".join(out) + "</g></a>"


def value_css(value: Count) -> str:
    return "value chgval" if value.was is not None else "value"


def held_by(x: float, y: float, right: float, holders: tuple[Token, ...]) -> str:
    """The refcount as a sum, one token for each holder, as many as fit; the rest as a number."""
    if not holders:
        return text(x, y + 12.5, "held by nobody", "small")
    out = [text(x, y + 12.5, "ref =", "small")]
    x += 38
    for i, token in enumerate(holders):
        word = token.text if token.text != "?" else f"?{token.count}"
        width = 10 + 7 * len(word)
        weight = f"×{token.count}" if token.count > 1 and token.text != "?" else ""
        need = (10 if i else 0) + width + 3 + 7 * len(weight)
        left = len(holders) - i - 1
        if x + need > right - (24 if left else 0):
            out.append(text(x, y + 12.5, f"+{left + 1}", "small"))
            break
        if i:
            out.append(text(x, y + 12.5, "+", "small"))
            x += 10
        kind = "x" if token.outside else "" if token.kind == "map" else "s"
        out.append(
            f'<g><title>{escape(token.title)}</title><rect class="tokbox {kind}" x="{x:g}" '
            f'y="{y:g}" width="{width}" height="17" rx="{8 if token.outside else 1}"/>'
            + text(x + width / 2, y + 12.5, word, f"toktext {kind}")
            + "</g>"
        )
        if weight:
            out.append(text(x + width + 2, y + 12.5, weight, "small"))
        x += width + 3 + 7 * len(weight)
    return "".join(out)


def freed(
    x: float, y: float, label: str, h: float, rx: float, name: str = "", width: float = FRAME_WIDTH
) -> str:
    """What this step freed: its outline for one step, the label struck through."""
    return (
        f'<g class="gone" id="{label}"><rect class="body" x="{x:g}" y="{y:g}" '
        f'width="{width:g}" height="{h:g}" rx="{rx:g}"/><text x="{x + 88:g}" '
        f'y="{y + h / 2 + 5:g}" class="cnt"><tspan class="was">{name or label}</tspan> freed</text></g>'
        + bracket(x - 5, y - 5, width + 10, h + 10)
        + flag(x + width - 4, y - 12, "−")
    )


@lru_cache(MANY)
def slot(x: float, y: float, s: Slot) -> str:
    """A swap slot: a capsule with a platter."""
    w, h = FRAME_WIDTH, PTE_HEIGHT
    if s.state == "freed":
        return freed(x, y, s.label, h, rx=h / 2)
    cached = f", cached {s.cached}" if s.cached else ""
    out = [
        f'<a href="#{s.label}" id="{s.label}" class="lk" data-link="{s.label}"><g class="slot">'
        f'<rect class="body" x="{x:g}" y="{y:g}" width="{w}" height="{h}" rx="{h / 2:g}"/>',
        platter(x + 18, y + 20),
        text(x + 52, y + h / 2 + 9, s.value.now, "value disk"),
        text(x + 88, y + 22, s.label, "fid"),
        text(x + w - 20, y + 22, "swap slot", "end flag"),
        f'<text class="cnt" x="{x + 88:g}" y="{y + 41:g}">{counter("entries", s.entries)}'
        f"{cached}</text>",
    ]
    if s.state:
        out.append(bracket(x - 5, y - 5, w + 10, h + 10))
        out.append(flag(x + w - 4, y - 12, "NEW" if s.state == "new" else "Δ"))
    return "".join(out) + "</g></a>"


def handle(x: float, mid: float, hold: Hold, page: int, pages: int = 1) -> str:
    """What holds a page from outside the page tables."""
    name = hold.name
    if 1 < len(hold.frames) != pages:
        name += f"[{page}]" if pages == 1 else f"[{page}..{page + pages - 1}]"
    out = [
        f'<g class="extbox"><rect class="body" x="{x:g}" y="{mid - 22:g}" width="64" height="44" '
        f'rx="22"/>',
        text(x + 32, mid - 2, name, "mid fid" if len(name) < 7 else "mid flag"),
        text(x + 32, mid + 13, hold.words, "mid flag"),
    ]
    if hold.state == "new":
        out.append(bracket(x - 4, mid - 26, 72, 52))
    if hold.bad:
        out.append(
            f'<rect class="badring" x="{x - 5:g}" y="{mid - 27:g}" width="74" height="54" rx="27"/>'
        )
        out.append(octagon(x + 60, mid - 24))
        out += [
            text(x + 32, mid + 42 + 14 * i, words, "mid badtext")
            for i, words in enumerate(hold.bad.split(", "))
        ]
    return "".join(out) + "</g>"
