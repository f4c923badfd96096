"""A strip as SVG: one box with a cell for each page, and the ledger once.

Up to 64 pages have a cell with the value, a gate (solid: exclusive, hatched: maybe shared), the
page's index and who maps it. More are a heat strip, 64 to a line: neutral where several map the
page, tinted where one does, solid where it is exclusive, dashed and empty where nobody does.
"""

from __future__ import annotations

from functools import cache
from html import escape

from .homes import Item
from .marks import bracket, counter, flag, freed, held_by, ring, text
from .placing import BIG, CELL, HEAT, cells_across, cells_high
from .strips import Cells, Strip

TOP = 44
MOST_PARTS = 3


def strip(x: float, item: Item, s: Strip) -> str:
    """The box of a strip, `item.width` by `item.height`."""
    y, w, h = item.y, item.width, item.height
    if s.state == "freed":
        return freed(x, y, s.label, h, rx=16 if s.slots else 0, name=s.name, width=w)
    css = "slot" if s.slots else "frame folio" if s.large else "frame pages"
    round_corners = ' rx="16"' if s.slots else ""
    out = [
        f'<a href="#{s.label}" id="{s.label}" class="lk" data-link="{s.label}"><g class="{css}">'
        f'<rect class="body" x="{x:g}" y="{y:g}" width="{w}" height="{h}"{round_corners}/>',
        text(x + 10, y + 19, s.name, "fid"),
        text(x + w - 10, y + 19, s.words, "end flag"),
        counts(x + 10, y + 36, s),
        heat(x, y, s) if s.pages > BIG else cells(x, y, s),
    ]
    y += TOP + cells_high(s.pages) + (20 if s.pages > BIG else 2)
    if not s.slots:
        out.append(ledger(x + 10, y, x + w - 10, s))
    if s.state:
        out.append(bracket(x - 5, item.y - 5, w + 10, h + 10))
        out.append(flag(x + w - 4, item.y - 12, "NEW" if s.state == "new" else "Δ"))
    if s.bad:
        out.append(ring(x, item.y, w, h))
    return "".join(out) + "</g></a>"


def counts(x: float, y: float, s: Strip) -> str:
    if s.slots:
        entries = counter("entries", s.entries)
        return f'<text class="cnt" x="{x:g}" y="{y:g}">{entries}</text>'
    if not s.large:
        return text(x, y, "small folios, counted one by one", "small")
    part = s.parts[0]
    shown = [counter("ref", part.ref), counter("map", part.map)]
    if part.pin.now or part.pin.was:
        shown.append(counter("pin", part.pin))
    shown.append(counter("entire", s.entire))
    said = "&#160;".join(shown)
    return f'<text class="cnt" x="{x:g}" y="{y:g}">{said}</text>'


def ledger(x: float, y: float, right: float, s: Strip) -> str:
    """Who holds the folio and its owner slots; of small folios the counters of each run."""
    if s.large:
        owners = ", ".join(f"{who} {count}" for who, count in s.owners) or "none"
        bits = ["shared bit set" if s.shared else "shared bit clear"]
        if s.partly:
            bits.append("partially mapped")
        return (
            held_by(x, y, right, s.parts[0].holders)
            + text(x, y + 34, f"mm owner slots: {owners}", "small")
            + text(x, y + 50, ", ".join(bits), "small")
        )
    out = []
    shown = s.parts if len(s.parts) <= MOST_PARTS else s.parts[: MOST_PARTS - 1]
    for part in shown:
        name = s.part_name(part.lo, part.hi)
        words = [counter("ref", part.ref), counter("map", part.map)]
        if part.pin.now or part.pin.was:
            words.append(counter("pin", part.pin))
        who = " ".join(
            token.text + (f"×{token.count}" if token.count > 1 else "") for token in part.holders
        )
        title = "; ".join(token.title for token in part.holders)
        room = int((right - x) / 7.2) - len(name) - sum(4 + len(str(c)) for c in counters(part))
        said = " ".join(words)
        who = who if len(who) <= room else f"{who[: max(0, room - 1)]}…"
        out.append(
            f'<g><title>{escape(title)}</title><text class="cnt" x="{x:g}" y="{y + 13:g}">'
            f'<tspan class="n">{name}</tspan> {said} {escape(who)}</text></g>'
        )
        y += 18
    if len(shown) < len(s.parts):
        out.append(text(x, y + 13, f"and {len(s.parts) - len(shown)} more runs", "small"))
    return "".join(out)


def counters(part: object) -> list[object]:
    found = [part.ref, part.map]  # type: ignore[attr-defined]
    return [*found, part.pin] if part.pin.now or part.pin.was else found  # type: ignore[attr-defined]


# -- up to 64 pages ---------------------------------------------------------------------------


def cells(x: float, y: float, s: Strip) -> str:
    """A cell for each page; the head of a large folio has a thick border."""
    across = cells_across(s.pages)
    out = []
    for run in s.cells:
        for page in range(run.lo, run.hi):
            left = x + 8 + CELL * (page % across)
            top = y + TOP + 52 * (page // across)
            out.append(cell(left, top, page, run, s))
    return "".join(out)


def cell(x: float, y: float, page: int, run: Cells, s: Strip) -> str:
    w, h = CELL - 2, 24
    gone = run.state in ("gone", "none")
    css = f"sub {run.state}" + (" head" if page == 0 and s.large else "")
    out = [
        f"<g><title>{s.part_name(page, page + 1)}: {escape(run.words(s))}</title>"
        f'<rect class="{css}" x="{x:g}" y="{y:g}" width="{w}" height="{h}"/>'
    ]
    if run.state != "gone":
        if not s.slots:
            gate = "own" if run.state == "own" else "ksm" if run.ksm else "sh"
            out.append(f'<rect class="subgate {gate}" x="{x:g}" y="{y:g}" width="6" height="{h}"/>')
        css = "subval chgval" if run.was is not None else "subval"
        out.append(text(x + (16 if not s.slots else 13), y + 17, run.value, css))
    if run.changed:
        out.append(
            f'<rect class="subchg" x="{x - 1:g}" y="{y - 1:g}" width="{w + 2}" height="{h + 2}"/>'
        )
    name = ("head" if page == 0 else str(page)) if s.large else short(s, page)
    out.append(text(x + w / 2, y + 35, name, "mid small"))
    by = "".join(run.by) if len("".join(run.by)) < 4 else f"{len(run.by)}×"
    if by:
        out.append(text(x + w / 2, y + 47, by, "mid small who"))
    elif gone:
        out.append(text(x + w / 2, y + 47, "–", "mid small"))
    return "".join(out) + "</g>"


def short(s: Strip, page: int) -> str:
    """A frame's label, or what of its number has room."""
    label = f"{s.label[0]}{s.start + page}"
    return label if len(label) < 5 else f"…{label[-3:]}"


# -- more than 64 pages -----------------------------------------------------------------------


def heat(x: float, y: float, s: Strip) -> str:
    """64 pages to a line. Of more than 512 pages a cell stands for several."""
    left, top = x + 36, y + TOP
    each = -(-s.pages // 512)
    count = -(-s.pages // each)
    out = [f'<g transform="translate({left:g},{top:g})">']
    for run in s.cells:
        lo, hi = run.lo // each, max(run.lo // each + 1, -(-run.hi // each))
        title = f"{s.part_name(run.lo, run.hi)}: {run.words(s)}, holds {run.value}"
        out.append(f"<g><title>{escape(title)}</title>{area(f'heat {run.state}', lo, hi)}")
        if run.ksm:
            out.append(area("heat ksm", lo, hi))
        out.append("</g>")
    out.append(mesh(count))
    out += [area("subchg", r.lo // each, -(-r.hi // each)) for r in s.cells if r.changed]
    if s.large:
        out.append(f'<rect class="headcell" x="0" y="0" width="{HEAT - 1}" height="{HEAT - 1}"/>')
    out.append("</g>")
    for line in range(0, -(-count // 64), 2):
        out.append(text(left - 5, top + HEAT * line + 9, line * 64 * each, "end small"))
    out.append(text(x + 36, top + cells_high(s.pages) + 14, sentence(s, each), "small"))
    return "".join(out)


def area(css: str, lo: int, hi: int) -> str:
    """Cells `lo` to `hi` of a heat strip as one path: a first line, whole lines, a last line."""
    parts = []
    while lo < hi:
        line, column = divmod(lo, 64)
        if column == 0 and hi - lo >= 64:
            lines = (hi - lo) // 64
            parts.append((0, line, 64, lines))
            lo += 64 * lines
        else:
            end = min(hi, (line + 1) * 64)
            parts.append((column, line, end - lo, 1))
            lo = end
    path = "".join(
        f"M{HEAT * a} {HEAT * b}h{HEAT * w - 1}v{HEAT * h - 1}h{1 - HEAT * w}z"
        for a, b, w, h in parts
    )
    return f'<path class="{css}" d="{path}"/>'


@cache
def mesh(count: int) -> str:
    """The lines between cells; every eighth is wider, to count by."""
    lines, columns = -(-count // 64), min(64, count)
    wide, high = HEAT * columns - 1, HEAT * lines - 1
    thin = "".join(f"M{HEAT * i - 0.5:g} 0v{high}" for i in range(1, columns) if i % 8)
    thick = "".join(f"M{HEAT * i - 0.5:g} 0v{high}" for i in range(8, columns, 8))
    flat = "".join(f"M0 {HEAT * i - 0.5:g}h{wide}" for i in range(1, lines))
    return f'<path class="mesh" d="{thin}{flat}"/><path class="mesh eighth" d="{thick}"/>'


def sentence(s: Strip, each: int) -> str:
    """How many pages are in which state."""
    counts: dict[str, int] = {}
    for run in s.cells:
        counts[run.state] = counts.get(run.state, 0) + run.hi - run.lo
    names = {
        "own": "exclusive", "more": "mapped by several", "one": "mapped by one",
        "none": "unmapped", "gone": "not in use",
    }  # fmt: skip
    said = [f"{counts[state]} {words}" for state, words in names.items() if counts.get(state)]
    if each > 1:
        said.append(f"a cell is {each} pages")
    return ", ".join(said)
