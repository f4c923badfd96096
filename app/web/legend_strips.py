"""The marks of huge pages and of many pages at once, for the page of all marks.

They are cut from the drawings of small scenarios, so that they are what a step shows.
"""

from __future__ import annotations

import re
from functools import cache

from app.scenario import parse
from app.trace import play

from . import entries, strip_marks
from .glimpse import glimpse, survey
from .layout import Layout
from .legend_values import Mark, boxed
from .picture import without_links
from .placing import lay_out
from .scene import Scene, scene_of
from .wires import wires

NAMED = re.compile(r' id="[^"]*"')
FORK = "A mmap buf {n} thp\nA write buf 1\nA fork B\n"
RISER = (
    '<path class="wire ro" d="M10 10H90V60H120"/><path class="wire ro" d="M10 40H90"/>'
    '<path class="wire ro" d="M10 80H90V60"/><circle class="dot join" cx="90" cy="16" r="2.5"/>'
    '<circle class="dot join" cx="90" cy="40" r="2.5"/><path class="tip ro" d="M129 60l-10 -5v10z"/>'
)
SPLIT = "huge: 8\n" + FORK.format(n=8) + "A write buf[3] 2\n"


@cache
def drawn(text: str, step: int) -> tuple[Layout, Scene]:
    """A step of a scenario, laid out by itself."""
    run = play(parse(text), "linux")
    layout = lay_out(survey(run))
    return layout, scene_of(layout, step, *glimpse(run, step, layout))


def strip(text: str, step: int, label: str, name: str, words: str) -> Mark:
    layout, scene = drawn(text, step)
    item = layout.items[label]
    body = strip_marks.strip(0, item, scene.strips[label])
    shifted = f'<g transform="translate(0,{-item.y})">{body}</g>'
    return Mark(boxed(item.width, item.height, unlinked(shifted)), name, words)


def block(text: str, step: int, name: str, words: str) -> Mark:
    """The entries of the first block, and their wires up to the frames."""
    layout, scene = drawn(text, step)
    group = layout.groups[0]
    body = wires(layout, scene, group) + entries.block(layout, scene, group)
    shifted = f'<g transform="translate({-layout.columns[0].x},{-group.top})">{body}</g>'
    width = layout.frame_x - layout.columns[0].x
    return Mark(boxed(width, group.floor - group.top + 24, unlinked(shifted)), name, words)


def unlinked(svg: str) -> str:
    """Without links and ids: there is nothing that they could lead to."""
    return NAMED.sub("", without_links(svg))


def strips() -> tuple[Mark, ...]:
    huge = FORK.format(n=512)
    return (
        strip("huge: 8\n" + FORK.format(n=8), 2, "f0", "Huge page", "One box for the whole folio: refcount, mappings (PMDs and PTEs) and entire mapcount stand once. A cell for each page with its value; the head's border is thick; below them who maps them. Gate solid: exclusive. While a PMD maps the folio, the head's bit is all pages'."),
        strip(SPLIT, 4, "f0", "Pages that differ", "Gate hatched: maybe shared. A ring: changed in this step. The owner slots are the two processes that the folio remembers; the shared bit says that another may map it."),
        strip(SPLIT + "B exit\n", 5, "f0", "Page that nobody maps", "Dashed cell: it belongs to the folio still, which is partially mapped."),
        strip(huge + "A write buf[70:200] 2\nB munmap buf[300:400]\n", 5, "f0", "512 pages", "A cell each, 64 to a line, every eighth line wider. Grey: several map it. Tinted: one does. Solid: exclusive. Dashed and empty: nobody."),
        strip("A mmap buf 12\nA write buf 1\nA fork B\nkernel reclaim A buf\n", 4, "s0", "Swap slots in a row", "One dotted capsule; entries is the sum."),
        strip("huge: 8\n" + FORK.format(n=8) + "B exit\nkernel split A buf\n", 5, "f0", "Small folios in a row", "Dashed border: each page counts for itself. A line for each run of pages with the same counters."),
    )  # fmt: skip


def blocks() -> tuple[Mark, ...]:
    return (
        block("huge: 8\n" + FORK.format(n=8), 2, "PMD, writable", "One tall entry for all pages, with rails at its sides, and one wide wire."),
        block("huge: 8\n" + FORK.format(n=8), 3, "PMD, write-protected", "Padlock; the wide wire is hollow."),
        block(SPLIT, 4, "Split mapping", "PTEs in runs that always look alike, close together. One wire for all that lead to the huge page, with their number; a wire of its own for each that leads elsewhere."),
        block("huge: 8\nA mmap buf 8 thp\nA read buf\n", 2, "Huge zero page", "A PMD that maps the zero page: no wire, nobody counts it."),
        Mark(boxed(130, 90, RISER), "Page that several rows map", "KSM, or moved by mremap: the buses of all rows run to one riser; small dots join them."),
        block(SPLIT.replace("A write buf[3] 2", "A munmap buf[2:4]"), 4, "Part unmapped", "— where no range is left."),
    )  # fmt: skip
