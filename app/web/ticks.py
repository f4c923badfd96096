"""What a timeline shows of a run: lanes while they last, and each step in a few letters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

Json = dict[str, Any]

MARKED = frozenset({"fork", "copy", "reuse", "pin", "swapout", "swapin", "bad"})
"""What Shift and the arrows stop at."""


class Lane(Struct, frozen=True):
    """`kind` is "", "kern" or "ext"; it lasts from step `first` to step `last`."""

    name: str
    kind: str
    first: int
    last: int
    label: str


class Tick(Struct, frozen=True):
    """What one step looks like: glyph on lane, short label; `child` for a fork. A small step that
    only goes on with its line has no label.
    """

    lane: str
    glyph: str
    label: str
    child: str = ""
    bad: str = ""

    @property
    def said(self) -> str:
        return self.label or "its line goes on"

    @property
    def marked(self) -> bool:
        return self.glyph in MARKED or bool(self.bad)


class Timeline(Struct, frozen=True):
    """Of a whole run. `ticks[n - 1]` is step n; `marked` and `bad` are the numbers of steps that
    are so, in order.
    """

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    marked: tuple[int, ...]
    bad: tuple[int, ...]

    def next_marked(self, step: int) -> int | None:
        at = bisect_right(self.marked, step)
        return self.marked[at] if at < len(self.marked) else None

    def previous_marked(self, step: int) -> int | None:
        at = bisect_left(self.marked, step)
        return self.marked[at - 1] if at else None

    def next_violation(self, step: int) -> int | None:
        """The next step with a violation; after the last one, the first again."""
        behind = bisect_right(self.bad, step)
        around = (*self.bad[behind : behind + 1], *self.bad[:1])
        return next((i for i in around if i != step), None)


class Reader:
    """Gathers lanes and ticks from `trace/1` steps."""

    def __init__(self) -> None:
        self.lives: dict[str, list[int]] = {}
        self.kinds: dict[str, tuple[str, str]] = {}
        self.ticks: list[Tick] = []
        self.begun: set[int] = set()

    def read(self, number: int, step: Json) -> None:
        state = step["state"]
        before = set(self.lives)
        for name in state["processes"]:
            self.see(name, number, "", name)
        for name, handle in state.get("handles", {}).items():
            self.see(name, number, "ext", f"{name} {handle['kind']}")
        if number:
            line = step.get("line", 0)
            tick = tick_of(step, goes_on=line in self.begun)
            self.begun |= {line} - {0}
            if tick.child in before:
                # Of a fork in small steps the child is there after one of them.
                tick = replace(tick, child="")
            if tick.lane not in self.lives:
                self.see(tick.lane, number, "kern", tick.lane)
            self.ticks.append(tick)

    def see(self, name: str, number: int, kind: str, label: str) -> None:
        self.lives.setdefault(name, [number, number])[1] = number
        self.kinds.setdefault(name, (kind, label))

    def done(self) -> Timeline:
        order = {"": 0, "kern": 1, "ext": 2}
        end = len(self.ticks)
        lanes = [
            Lane(
                name,
                kind,
                0 if kind == "kern" else life[0],
                end if kind == "kern" else min(end, life[1] + 1),
                label,
            )
            for name, life in self.lives.items()
            for kind, label in (self.kinds[name],)
        ]
        marked = tuple(i for i, tick in enumerate(self.ticks, 1) if tick.marked)
        bad = tuple(i for i in marked if self.ticks[i - 1].bad)
        lanes.sort(key=lambda lane: order[lane.kind])
        return Timeline(tuple(lanes), tuple(self.ticks), marked, bad)


def timeline_of(steps: Iterable[Json]) -> Timeline:
    reader = Reader()
    for number, step in enumerate(steps):
        reader.read(number, step)
    return reader.done()


SHAPES = {
    "write": "write", "read": "read", "fork": "fork", "vfork": "fork", "exit": "exit",
    "exec": "exit", "mmap": "mmap", "munmap": "munmap", "pin": "pin", "get": "pin",
    "splice": "pin", "ptrace_write": "write", "ptrace_read": "read", "vm_read": "read",
    "vm_write": "write", "dio_write": "read", "dio_read": "write", "release": "exit",
    "swapout": "swapout", "reclaim": "swapout", "swapcache": "swapout",
}  # fmt: skip
MOVES = ("copy", "reuse", "swap")
"""Events for which a small step is shown though its line began before."""
MOVED = {"swapout": "swaps out", "swapin": "swaps in"}
PAGED_OUT = frozenset({"swapout", "reclaim", "swapcache", "pageout"})


def tick_of(step: Json, *, goes_on: bool = False) -> Tick:
    """Classify a step by its words and by what happened.

    A line of a `par` block that goes on in small steps is told where it begins; of the others only
    what they did to a page is.
    """
    words = step["text"].split("\n")[0].split()
    actor, verb = words[0], words[1] if len(words) > 1 else ""
    kinds = {event["kind"] for event in step.get("events", ())}
    word = words[-1] if verb == "madvise" else verb
    glyph = "swapout" if word in PAGED_OUT else SHAPES.get(verb, "kernel")
    handle = actor[:1].islower() and actor != "kernel"
    if handle and glyph in ("read", "write"):
        glyph = "pread" if glyph == "read" else "pwrite"
    elif verb not in ("fork", "vfork") and glyph != "swapout":
        if "copy" in kinds:
            glyph = "copy"
        elif "reuse" in kinds:
            glyph = "reuse"
        elif "swap" in kinds:
            glyph = "swapin"
    if goes_on and kinds.isdisjoint(MOVES):
        glyph = "micro"
    child = words[2] if verb in ("fork", "vfork") and len(words) > 2 else ""
    lane = words[3] if glyph == "pin" and len(words) > 3 else "kernel" if actor == "par" else actor
    bad = ", ".join(sorted({v["kind"] for v in step.get("violations", ())}))
    label = label_of(words, step, glyph)
    if goes_on:
        label = "" if glyph == "micro" else MOVED.get(glyph, glyph)
    return Tick(lane, glyph, label, child, bad)


def label_of(words: list[str], step: Json, glyph: str) -> str:
    """A dozen letters that remind of the step."""
    outcome = step.get("outcome", {})
    verb = words[1] if len(words) > 1 else words[0]
    if outcome.get("error"):
        return f"{verb} {outcome['error']}"[:16]
    place = next((w for w in words[2:] if "[" in w), "")
    page = place[place.find("[") :] if place else ""
    if verb == "write":
        what = f"{page or words[0]}={words[-1]}"
    elif verb == "read" or verb.startswith("read["):
        values = outcome.get("values") or [outcome.get("value")]
        what = f"{page or words[0]} reads {values[0]}{'…' if len(values) > 1 else ''}"
    else:
        what = f"{verb} {page or (words[2] if len(words) > 2 else '')}".strip()
    return (what if glyph not in ("copy", "reuse") else f"{what} {glyph}")[:18]
