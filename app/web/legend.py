"""Every mark that can be drawn, drawn by the same functions as in a step, with what it means."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup
from msgspec import Struct

from . import marks, timeline
from .cells import Cell
from .layout import FRAME_HEIGHT, FRAME_WIDTH, PTE_HEIGHT
from .legend_strips import blocks, strips
from .legend_values import Mark, boxed
from .pick import lid
from .scene import Frame, Hold, Slot
from .things import Count, Token

PTE_WIDTH = 118


GLYPHS = (
    *timeline.GLYPH_NAMES,
    ("micro", "small step: its line goes on"),
    ("mmap", "map"),
    ("munmap", "unmap"),
    ("pwrite", "write from outside"),
    ("pread", "read from outside"),
    ("kernel", "kernel, or what only sets the scene"),
)
"""Every shape of a step with its words; the key beside the timeline has room for the first ones."""


class Section(Struct, frozen=True):
    name: str
    marks: tuple[Mark, ...]


def token(text: str, kind: str, count: int = 1) -> Token:
    return Token(text, kind, count, f"{text}: {kind}")


def frame(
    label: str, value: Count, ref: Count, holders: tuple[Token, ...], *, exclusive: bool = False,
    state: str = "", bad: bool = False, mapped: int = 1, pin: int = 0, words: str = "anon",
) -> Frame:  # fmt: skip
    return Frame(
        label, value, ref, Count(mapped), Count(pin), exclusive, words, holders, state, (), bad
    )


def of_frame(value: Frame) -> Markup:
    return boxed(FRAME_WIDTH, FRAME_HEIGHT, marks.frame(0, 0, value))


def of_slot(value: Slot) -> Markup:
    return boxed(FRAME_WIDTH, PTE_HEIGHT, marks.slot(0, 0, value))


def of_cell(cell: Cell) -> Markup:
    return boxed(PTE_WIDTH, PTE_HEIGHT, marks.pte(0, 0, PTE_WIDTH, cell))


def of_handle(hold: Hold) -> Markup:
    return boxed(64, 60, marks.handle(0, 24, hold, 0))


def wire(css: str, *, dot: str = "", tip: str = "M98 20l-10 -5v10z") -> Markup:
    start = f'<circle class="dot {dot}" cx="10" cy="20" r="4.5"/>' if dot else ""
    body = f'<path class="wire {css}" d="M10 20H88"/>{start}'
    return boxed(100, 24, body + (f'<path class="tip {css}" d="{tip}"/>' if tip else ""))


A, B, G, P = token("A", "map"), token("B", "map"), token("g", "get"), token("p", "pin", 1024)


def struct_pages() -> tuple[Mark, ...]:
    one = Count(1)
    return (
        Mark(of_frame(frame("f4", Count(9), one, (A,), exclusive=True, words="anon excl")), "Exclusive", "Thick border, solid gate with a key: the exclusive bit is set. One process owns the page and may write it in place."),
        Mark(of_frame(frame("f0", Count(7), Count(2), (A, B), mapped=2)), "Maybe shared", "Thin border, hatched gate: the bit is clear, also when only one process is left."),
        Mark(of_frame(frame("f2", Count(5), Count(1025), (A, P), pin=1, exclusive=True, words="anon excl")), "Counts and holders", "The big digits are what the page holds. ref is the sum of the holders, map the page-table entries, pin the pins. Square: a mapping. Round: a reference from outside; a pin weighs 1024."),
        Mark(of_frame(frame("f3", Count(5), Count(3), (A, token("sc", "swapcache"), token("lru", "lru")), words="anon sc")), "Dotted holders", "References of the kernel itself: sc the swap cache, lru a batch of fresh pages, pc the page cache, ? nobody in particular."),
        Mark(of_frame(frame("f0", Count(7), Count(9), (A, B, token("C", "map"), token("D", "map"), token("E", "map"), token("F", "map")), mapped=6)), "More holders", "As many as fit, then a number."),
        Mark(of_frame(frame("f6", Count(0), Count(1), ())), "Held by nobody", "About to be freed, or held for a moment only."),
        Mark(of_slot(Slot("s0", Count(3), Count(2), "", "", ())), "Swap slot", "Dotted capsule with a platter: not in memory. entries counts the page tables that name it."),
        Mark(of_slot(Slot("s1", Count(3), Count(1), "f3", "changed", ())), "Cached slot", "The page is in memory, too: the swap cache leads to it."),
    )  # fmt: skip


def entries() -> tuple[Mark, ...]:
    return (
        Mark(of_cell(Cell("present", "f4", "PWDS")), "Writable", "Pencil, thick border, W set. Letters: Present, Write, Dirty, Soft-dirty, Uffd-wp; a dot where a bit is clear."),
        Mark(of_cell(Cell("present", "f0", "PDS")), "Write-protected", "Padlock, thin border. A write faults, and the kernel decides."),
        Mark(of_cell(Cell("present", "f0", "PWD", exclusive=True)), "Exclusive in the entry", "A key in the corner: under exclusive-pte the bit is kept in the page-table entry."),
        Mark(of_cell(Cell("present", "f100000", "PD")), "Long names", "The same in smaller letters."),
        Mark(of_cell(Cell("swap", "s0", note="not exclusive")), "Swap entry", "Dotted box with a platter; the second line is its exclusive marker."),
        Mark(of_cell(Cell("migrating", note="readable exclusive", on_its_way="f0")), "Migration entry", "Dotted, no platter: the page in f0 is on its way, and who touches it waits. The second line says what the entry comes back as; it maps nothing, so there is no wire."),
        Mark(of_cell(Cell("none", note="not present")), "Not present", "Dashed, faint: a range is mapped here, and no page yet."),
        Mark(of_cell(Cell("novma")), "No range", "Nothing is mapped here."),
        Mark(of_cell(Cell("novma", was="f0", changed=True)), "Unmapped", "What was mapped until this step stands struck through."),
    )  # fmt: skip


def wires() -> tuple[Mark, ...]:
    return (
        Mark(wire("rw", dot="rw"), "Writable mapping", "Thick, filled dot. A dot joins; a crossing without one does not."),
        Mark(wire("ro", dot="ro"), "Read-only mapping", "Thin, open dot."),
        Mark(wire("swap", dot="swap"), "Swap entry to slot", "Dotted."),
        Mark(wire("pin", tip="M86 20l7 -6l7 6l-7 6z"), "Held from outside", "Dashed, diamond: a pin, a pipe, a device."),
        Mark(wire("leak", tip="M86 20l7 -6l7 6l-7 6z"), "Violation", "Thick: who sees what it should not."),
        Mark(wire("ghost", tip=""), "Mapping removed", "Dotted, thin: it was there before this step."),
        Mark(boxed(120, 60, '<path class="copywire" d="M20 8h24q10 0 10 10V42q0 10 -10 10h-14"/><path class="copytip" d="M20 52l11 -6v12z"/>' + marks.text(62, 34, "copy 7", "copylab")), "Copy", "Where the bytes went in this step."),
    )  # fmt: skip


def outside() -> tuple[Mark, ...]:
    hold = Hold("g", "B", "splice", "splice", ("f0",), (7,), True, "", "")
    return (
        Mark(of_handle(hold), "Holder outside", "A capsule: what holds a page beside the page tables, and how."),
        Mark(of_handle(Hold("p", "A", "pin", "pin rw", ("f0",), (7,), True, "new", "")), "New holder", "Brackets: it took the page in this step."),
        Mark(of_handle(Hold("longname", "A", "pin", "pin ro", ("f0", "f1"), (7, 7), True, "", "")), "Several pages", "A capsule for each page, by its number."),
        Mark(of_handle(Hold("g", "B", "splice", "splice", ("f0",), (42,), True, "", "reads 42, owed 7")), "Who sees it", "Octagon and ring, with what it reads and what it is owed."),
        Mark(of_frame(frame("f0", Count(42), Count(2), (A, G), bad=True)), "Violated page", "Double ring around the page that broke the property."),
    )  # fmt: skip


def changes() -> tuple[Mark, ...]:
    return (
        Mark(of_cell(Cell("present", "f4", "PWDS", was="f0", flips="W", changed=True)), "Changed entry", "Corner brackets; a flipped bit is boxed, the old target struck through."),
        Mark(of_cell(Cell("none", was="f0", note="none", changed=True)), "Entry cleared", "Brackets around what is gone."),
        Mark(of_frame(frame("f0", Count(42, 7), Count(2, 3), (A, G), state="changed")), "Changed page", "Δ on the corner; counts and content with the old value struck through."),
        Mark(of_frame(frame("f4", Count(9), Count(1), (A,), exclusive=True, state="new", words="anon excl")), "New page", "NEW: it came into being in this step."),
        Mark(of_frame(frame("f1", Count(9), Count(1), (), state="freed")), "Freed page", "− on the corner, for one step; then its place stays empty."),
        Mark(of_slot(Slot("s0", Count(3), Count(0), "", "freed", ())), "Freed slot", "The same, for the swap device."),
    )  # fmt: skip


def heads() -> tuple[Mark, ...]:
    def head(name: str, css: str, words: str) -> str:
        return (
            f'<rect class="{css}" x="0" y="0" width="24" height="22"/>'
            + marks.text(12, 16, name, "mid lab strong")
            + marks.text(31, 16, words, "small")
        )

    lab = marks.text(0, 20, "buf[0]", "lab strong") + marks.text(0, 37, "anon", "small")
    many = marks.text(0, 20, "buf[12:500]", "lab long")
    return (
        Mark(boxed(120, 22, head("A", "tokbox", "first")), "Process", "A column for each, with whose child it is."),
        Mark(boxed(120, 22, head("B", "tokbox off", "not yet")), "Not there", "Before its fork or after its exit."),
        Mark(boxed(120, 40, '<line class="band" x1="0" y1="0" x2="110" y2="0"/>' + lab), "Row", "The same row is the same virtual page in every process, with its kind below."),
        Mark(boxed(120, 30, many), "Folded pages", "Pages that look alike in all steps are one thin row."),
        Mark(boxed(230, 30, marks.text(0, 8, "STRUCT PAGES, SWAP SLOTS", "head") + marks.text(0, 30, "gate: key = exclusive", "note")), "Columns", "Page tables, struct pages and swap slots, what is held outside."),
    )  # fmt: skip


def lanes() -> tuple[Mark, ...]:
    def lane(css: str, width: float = 90) -> Markup:
        return boxed(100, 12, f'<path class="{css}" d="M0 6H{width:g}"/>', "tl")

    fork = '<path class="tl-life" d="M0 4H90"/><path class="tl-fork" d="M20 4C22 24 20 24 40 24"/>'
    return (
        Mark(lane("tl-life"), "Process", "A lane from its fork to its exit; solid up to now."),
        Mark(lane("tl-life fut"), "To come", "Steps behind the current one are dotted and dimmed."),
        Mark(lane("tl-life ext"), "Holder outside", "From the step that takes the page to its release."),
        Mark(lane("tl-life kern"), "Kernel", "What the kernel does by itself."),
        Mark(boxed(100, 24, fork, "tl"), "Fork", "The child's lane leaves its parent's."),
        Mark(boxed(100, 24, '<rect class="tl-cur" x="20" y="0" width="50" height="24"/><path class="tl-curline" d="M20 24h50"/>', "tl"), "Current step", "Tinted column with a line below."),
    )  # fmt: skip


def selections() -> tuple[Mark, ...]:
    def outlined(css: str, box: str) -> str:
        return f'<g class="pick {css}"><rect {box}/></g>'

    entry = marks.pte(0, 0, PTE_WIDTH, Cell("present", "f0", "PDS"))
    shared = marks.frame(0, 0, frame("f0", Count(7), Count(2), (A, B), mapped=2))
    alone = marks.frame(0, 0, frame("f0", Count(7), Count(1), (A,)))
    whole = f'width="{PTE_WIDTH}" height="{PTE_HEIGHT}"'
    wrote = '<g class="wrote"><path class="tl-wrote" d="M46 4h8v6h-8z"/><g class="fut"><path class="tl-wrote" d="M76 4h8v6h-8z"/></g></g>'
    watched = (
        '<g class="watch"><path class="w-line" d="M20 12H88"/><g class="w-cell"><rect class="w-box" x="12" y="3" width="16" height="18"/>'
        + marks.text(20, 16, "2", "mid w-value")
        + "</g></g>"
    )
    return (
        Mark(boxed(PTE_WIDTH, PTE_HEIGHT, entry + outlined("is-sel", whole)), "Selected", "Outlined. Everything about the same page is lit, the rest recedes; the inspector tells who wrote it."),
        Mark(boxed(FRAME_WIDTH, FRAME_HEIGHT, shared + outlined("is-thing", f'width="{FRAME_WIDTH}" height="{FRAME_HEIGHT}"') + outlined("is-sel", 'x="86" y="27" width="42" height="17"')), "Selected field", "A bit or a count, in the dashed outline of its thing."),
        Mark(boxed(FRAME_WIDTH, FRAME_HEIGHT, alone + marks.text(11, FRAME_HEIGHT - 6, "≠", "neq")), "Exclusive ≠ mapped once", "The exclusive bit says something else than pagemap’s bit 56, “exclusively mapped”, which only counts mappings."),
        Mark(boxed(100, 16, wrote, "tl"), "Wrote it", "Below a step's name: it changed what is selected; an outline is still to come."),
        Mark(boxed(24, 20, f'<g class="hide">{lid(12, 9)}</g>'), "Hide", "Leaves the thing out of drawing and tables; a line above them names what is hidden and brings it back."),
        Mark(boxed(100, 24, watched, "tl"), "Watched field", "Its values over all steps, each where it changes."),
    )  # fmt: skip


@cache
def sections() -> tuple[Section, ...]:
    """Everything, in the order of the page."""
    glyphs = tuple(
        Mark(Markup(timeline.sample(kind)), words.capitalize(), "") for kind, words in GLYPHS
    )
    return (
        Section("Struct pages and swap slots", struct_pages()),
        Section("Page-table entries", entries()),
        Section("Huge pages and runs of pages", strips()),
        Section("Entries of huge pages", blocks()),
        Section("What changed", changes()),
        Section("Held outside, violations", outside()),
        Section("Wires", wires()),
        Section("Heads and rows", heads()),
        Section("Timeline: steps", glyphs),
        Section("Timeline: lanes", lanes()),
        Section("What is selected", selections()),
    )
