"""What the states of a run contain, read once from end to end: the ground of its layout."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Any, TypeVar

from msgspec import Struct

Json = dict[str, Any]
Use = tuple[str, int, int, str]
Key = TypeVar("Key", str, Use, tuple[str, int, str])

BITS = (
    "writable", "dirty", "soft_dirty", "uffd_wp", "swap_exclusive", "exclusive_pte", "mapped_by",
    "marker", "migration",
)  # fmt: skip
SHARED = ("zero", "hzero")
"""Labels of pages that no process owns; they are named in the entries and drawn nowhere."""


def bounds(entry: Json) -> tuple[int, int]:
    """Pages of one entry of `state.processes` (half-open)."""
    if "pages" in entry:
        lo, _, hi = entry["pages"].partition(":")
        return int(lo), int(hi)
    return entry["page"], entry["page"] + 1


def span(label: str) -> tuple[int, int]:
    """Numbers of a label or of a range of labels, `f1:f4` (half-open)."""
    first, colon, last = label.partition(":")
    lo = int(first[1:])
    return lo, int(last[1:]) if colon else lo + 1


def label_at(label: str | None, offset: int) -> str | None:
    """The label `offset` pages into an entry: `f1:f512` counts on, a single one is shared."""
    if label is None or ":" not in label:
        return label
    start = label.partition(":")[0]
    return f"{start[0]}{int(start[1:]) + offset}"


def target(entry: Json) -> str | None:
    """The frame or swap slot that an entry leads to, as written in the trace."""
    found = entry["frame"] if entry["kind"] == "present" else entry.get("swap_offset_label")
    return None if found is None else str(found)


def on_its_way(entry: Json) -> tuple[str, str]:
    """Of a migration entry its kind and the frame that it names (a trace may not tell); else ""."""
    return str(entry.get("migration") or ""), str(entry.get("migrating") or "").partition(":")[0]


class Life(Struct):
    """The steps at which something is there: the first and the last."""

    first: int
    last: int


class Present:
    """Labels that are there now; `Survey.lives` is written when one comes or goes."""

    def __init__(self) -> None:
        self.labels: Iterable[str] = ()
        self.here: dict[str, None] = {}

    def now(
        self, lives: dict[str, Life], before: int, number: int, labels: Collection[str]
    ) -> None:
        """Step `number` has these, singles or ranges; `before` is the step that came before."""
        if labels is self.labels:
            return
        self.labels = labels
        here = dict.fromkeys(
            one for label in labels if label not in SHARED for one in labels_of(label)
        )
        for label in self.here.keys() - here.keys():
            lives[label].last = before
        for label in here:
            if label not in lives:
                lives[label] = Life(number, number)
        self.here = here


class Survey:
    """What the states of a run contain, gathered in one pass.

    users      processes (by column) that ever map a label; `parents` of processes, `kinds` of
               ranges as the steps' texts have them
    cuts       pages of a range at which, in some step, some process's entries differ
    uses       (range, lo, hi, label) and when: what every entry leads to
    marks      how often pages were written down as mapped: how much there is to see
    lives      frames and slots; `cached` pairs of swap cache frame and slot
    large      pages of each large folio, by the number of its head; `whole` until when
    grips      (handle, page, frame) and when it is held
    """

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.users: dict[str, list[int]] = {}
        self.processes: dict[str, Life] = {}
        self.parents: dict[str, str] = {}
        self.cuts: dict[str, set[int]] = {}
        self.uses: dict[Use, Life] = {}
        self.marks: dict[tuple[str, int, int], int] = {}
        self.lives: dict[str, Life] = {}
        self.cached: dict[str, str] = {}
        self.large: dict[int, int] = {}
        self.whole: dict[int, int] = {}
        self.grips: dict[tuple[str, int, str], Life] = {}
        self.before: dict[tuple[str, str], list[Json]] = {}
        self.used: set[tuple[int, str]] = set()
        self.frames, self.slots = Present(), Present()
        self.last = 0

    def read(self, number: int, step: Json) -> None:
        before, self.last = self.last, max(self.last, number)
        self.read_words(step.get("text", "").split())
        state = step["state"]
        for process, ranges in state["processes"].items():
            seen(self.processes, process, number)
            for area, entries in ranges.items():
                if self.before.get((process, area)) != entries:
                    self.before[process, area] = entries
                    self.read_range(number, process, area, entries)
                else:
                    self.go_on(number, area, entries)
        self.read_frames(before, number, state)
        swap = state.get("swap", {})
        self.slots.now(self.lives, before, number, swap)
        for slot, value in swap.items():
            if value.get("cached"):
                self.cached.setdefault(slot, value["cached"])
                self.cached.setdefault(value["cached"], slot)
        for name, handle in state.get("handles", {}).items():
            for page, frame in enumerate(handle["frames"]):
                seen(self.grips, (name, page, frame), number)

    def finish(self) -> None:
        """After the last step: what is still there lived until then."""
        for present in (self.frames, self.slots):
            for label in present.here:
                self.lives[label].last = self.last

    def read_frames(self, before: int, number: int, state: Json) -> None:
        frames = state.get("frames", {})
        self.frames.now(self.lives, before, number, frames)
        large = state["large"] if "large" in state else large_of(frames)
        for head, pages in large.items():
            self.large[head] = pages
            self.whole[head] = number

    def read_words(self, words: list[str]) -> None:
        """What only the step's text tells: who forked whom, and what kind of mapping a range is."""
        verb = words[1] if len(words) > 2 else ""
        if verb in ("fork", "vfork"):
            self.parents.setdefault(words[2], words[0])
        elif verb == "mmap":
            kind = next((w for w in words[4:] if w in ("shared", "file", "hugetlb")), "anon")
            self.kinds.setdefault(words[2], kind)
        elif verb == "mremap" and len(words) > 3:
            self.kinds.setdefault(words[3], self.kinds.get(words[2].partition("[")[0], ""))

    def read_range(self, number: int, process: str, area: str, entries: list[Json]) -> None:
        self.cuts.setdefault(area, set()).update(cuts_of(entries))
        column = list(self.processes).index(process)
        for entry in entries:
            lo, hi = bounds(entry)
            found = target(entry)
            if entry["kind"] != "none":
                self.marks[area, lo, hi] = self.marks.get((area, lo, hi), 0) + 1
            if found is not None:
                seen(self.uses, (area, lo, hi, found), number)
                for label in labels_of(found) if (column, found) not in self.used else ():
                    users = self.users.setdefault(label, [])
                    if column not in users:
                        users.append(column)
                self.used.add((column, found))

    def go_on(self, number: int, area: str, entries: list[Json]) -> None:
        for entry in entries:
            found = target(entry)
            if found is not None:
                self.uses[(area, *bounds(entry), found)].last = number


def seen(lives: dict[Key, Life], key: Key, number: int) -> None:
    life = lives.get(key)
    if life is None:
        lives[key] = Life(number, number)
    else:
        life.last = number


def labels_of(label: str) -> Iterable[str]:
    """The single labels of a range of labels."""
    if ":" not in label:
        return (label,)
    lo, hi = span(label)
    return (f"{label[0]}{n}" for n in range(lo, hi))


def large_of(frames: Json) -> dict[int, int]:
    """Pages of the large folios of a state, by the number of their head."""
    return {
        int(frame["head"][1:]): 1 << frame["order"]
        for frame in frames.values()
        if frame.get("order")
    }


def cuts_of(entries: list[Json]) -> set[int]:
    """The pages at which neighbours differ: first page, last page, and every change between."""
    cuts: set[int] = set()
    mode = ""
    for entry in entries[:1]:
        cuts.add(bounds(entry)[0])
        mode = mode_of(entry)
    for one, other in pairwise(entries):
        how = continues(one, other)
        if not how or (mode and how != "any" and how != mode):
            cuts.add(bounds(other)[0])
            mode = mode_of(other)
        elif how != "any":
            mode = how
    if entries:
        cuts.add(bounds(entries[-1])[1])
    return cuts


def mode_of(entry: Json) -> str:
    label = target(entry) or ""
    return "step" if ":" in label else "same" if label and "pages" in entry else ""


def continues(one: Json, other: Json) -> str:
    """Do two neighbours look alike? "step": labels count on, "same": one label, "any", or ""."""
    if one["kind"] != other["kind"] or one.get("vma") != other.get("vma"):
        return ""
    if any(one.get(bit) != other.get(bit) for bit in BITS):
        return ""
    a, b = target(one), target(other)
    if a is None or b is None:
        return "any" if a is b else ""
    if a == b:
        return "same" if ":" not in a else ""
    if a in SHARED or b in SHARED or a[0] != b[0]:
        return ""
    counts_on = ":" in a or bounds(one)[1] - bounds(one)[0] == 1
    return "step" if counts_on and span(a)[1] == span(b)[0] else ""
