"""What can be selected: a thing of a run, or one field of it, by a name that a link can carry.

    f0, f0.ref          a page frame, its refcount
    s1, s1.count        a swap slot
    A, A.pinned         a process
    A.buf[0], ….w       the page-table entry of a page
    g, g.frames         a handle; one that is called like a frame is spelled handle:f0

Names are those of `trace/1`; they mean the same thing at every step of a run.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from msgspec import Struct

from .run import Run

FIELDS: dict[str, dict[str, str]] = {
    "frame": {
        "value": "content",
        "exclusive": "PG_anon_exclusive",
        "bit56": "mapped once",
        "ref": "refcount",
        "map": "mapcount",
        "pin": "pins",
        "holders": "ledger",
        "anon": "PG_anon",
        "swapcache": "PG_swapcache",
        "swapbacked": "PG_swapbacked",
        "ksm": "KSM page",
        "dirty": "PG_dirty",
        "referenced": "PG_referenced",
        "active": "PG_active",
        "lru": "PG_lru",
        "mlocked": "PG_mlocked",
        "unevictable": "PG_unevictable",
        "thp": "THP",
        "hugetlb": "hugetlb",
        "compound_head": "head page",
        "compound_tail": "tail page",
        "order": "folio order",
        "head": "folio’s head",
        "zero": "shared zero page",
    },
    "page": {
        "frame": "maps",
        "p": "present",
        "w": "writable",
        "d": "dirty",
        "s": "soft-dirty",
        "u": "uffd-wp",
        "young": "accessed",
        "exclusive": "exclusive, in the PTE",
        "swp_exclusive": "exclusive marker of the swap entry",
        "bit56": "pagemap: exclusively mapped",
        "by": "mapped by",
        "vma": "protection of the VMA",
        "value": "content",
    },
    "slot": {"count": "swap entries", "cached": "swap cache", "value": "content"},
    "handle": {
        "kind": "kind",
        "owner": "taken by",
        "write": "may write",
        "longterm": "FOLL_LONGTERM",
        "frames": "frames",
        "pages": "pages",
        "values": "reads",
        "coherent": "coherent",
    },
    "process": {
        "cpu": "CPU",
        "parent": "parent",
        "pinned": "MMF_HAS_PINNED",
        "ranges": "ranges",
    },
}
"""The fields of each kind of thing, in the order in which pages list them, and what they are."""
ALIASES = {
    "refcount": "ref", "mapcount": "map", "pincount": "pin", "ledger": "holders",
    "present": "p", "writable": "w", "soft_dirty": "s", "uffd_wp": "u", "slot": "frame",
    "swap_exclusive": "swp_exclusive", "exclusive_pte": "exclusive",
    "exclusively_mapped": "bit56", "mapped_by": "by",
}  # fmt: skip
"""`trace/1`'s own words for fields, understood as well."""
ZEROES_NAMES = ("zero", "hzero")
NOUNS = {
    "frame": "frame", "slot": "swap slot", "handle": "handle", "process": "process",
    "page": "page-table entry",
}  # fmt: skip
LABEL = re.compile(r"(f|s)(0|[1-9][0-9]{0,8})")
PAGE = re.compile(r"([A-Z]\w*)\.(\w+)\[([0-9]{1,9})\]")
MAX_LENGTH = 120


class Subject(Struct, frozen=True):
    """A thing (`kind` is a key of FIELDS, `thing` its name), or its `field` ("" for all)."""

    kind: str
    thing: str
    field: str = ""

    @property
    def whole(self) -> Subject:
        return Subject(self.kind, self.thing) if self.field else self

    def of(self, field: str) -> Subject:
        return Subject(self.kind, self.thing, field)

    @property
    def words(self) -> str:
        return FIELDS[self.kind][self.field] if self.field else NOUNS[self.kind]

    def __str__(self) -> str:
        return f"{self.thing}.{self.field}" if self.field else self.thing


class BadSelection(ValueError):
    """A selection that this run does not have. `near` are spellings that it has."""

    def __init__(self, text: str, message: str, near: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.text = text
        self.near = tuple(near)


class Directory(Struct, frozen=True):
    """The names of a run: `frames` and `slots` are how many, `ranges` pages by "A.buf"."""

    frames: int
    slots: int
    handles: tuple[str, ...]
    processes: tuple[str, ...]
    ranges: dict[str, int]

    @property
    def some(self) -> list[str]:
        """Things to begin with."""
        names = [f"{name}[0]" for name in self.ranges][:2]
        return [*self.processes[:1], *names, *["f0"][: self.frames], *self.handles[:1]]


def directory_of(run: Run) -> Directory:
    handles: dict[str, None] = {}
    processes: dict[str, None] = {}
    ranges: dict[str, int] = {}
    known: tuple[object, ...] = ()
    for played in run.steps:
        machine = played.after
        here = (machine.handles, machine.processes, machine.mms)
        if known and all(a is b for a, b in zip(here, known, strict=True)):
            continue
        known = here
        handles |= dict.fromkeys(sorted(machine.handles))
        for name, process in sorted(machine.processes.items(), key=lambda item: item[1].order):
            processes.setdefault(name)
            if process.mm >= 0:
                areas = machine.mms[process.mm].areas
                ranges |= {f"{name}.{area}": value.pages for area, value in areas.items()}
    last = run.steps[-1].after
    return Directory(last.next_pfn, last.next_slot, tuple(handles), tuple(processes), ranges)


def parse_subject(text: str, directory: Directory) -> Subject:
    """Raises BadSelection, saying what would be right."""
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise BadSelection(text[:MAX_LENGTH], "A selection is a name such as f0.", directory.some)
    thing, dot, field = text.rpartition(".")
    if not dot or text.endswith("]"):
        thing, field = text, ""
    subject = thing_of(thing, text, directory)
    if not dot or text.endswith("]"):
        return subject
    field = ALIASES.get(field, field)
    if field not in FIELDS[subject.kind]:
        known = FIELDS[subject.kind]
        near = difflib.get_close_matches(field, known, 3, 0.5) or list(known)[:4]
        raise BadSelection(
            text,
            f"A {NOUNS[subject.kind]} has no “{field}”; it has {', '.join(known)}.",
            [str(subject.of(name)) for name in near],
        )
    return subject.of(field)


def thing_of(name: str, text: str, directory: Directory) -> Subject:
    if name in ZEROES_NAMES:
        return Subject("frame", name)
    if found := LABEL.fullmatch(name):
        kind, what = ("frame", "frames") if found[1] == "f" else ("slot", "swap slots")
        count = directory.frames if kind == "frame" else directory.slots
        if int(found[2]) >= count:
            has = f"{found[1]}0 to {found[1]}{count - 1}" if count else "none"
            near = [f"{found[1]}{count - 1}"] if count else directory.some
            raise BadSelection(text, f"There is no {name}: this run’s {what} are {has}.", near)
        return Subject(kind, name)
    if found := PAGE.fullmatch(name):
        return page_of(found, text, directory)
    if name in directory.processes:
        return Subject("process", name)
    if name.removeprefix("handle:") in directory.handles:
        bare = name.removeprefix("handle:")
        return Subject("handle", f"handle:{bare}" if LABEL.fullmatch(bare) else bare)
    names = [*directory.processes, *directory.handles, *(f"{r}[0]" for r in directory.ranges)]
    near = difflib.get_close_matches(name, names, 3, 0.5) or directory.some
    raise BadSelection(text, f"This run has nothing called “{name}”.", near)


def page_of(found: re.Match[str], text: str, directory: Directory) -> Subject:
    where, page = f"{found[1]}.{found[2]}", int(found[3])
    pages = directory.ranges.get(where)
    if pages is None:
        near = difflib.get_close_matches(where, directory.ranges, 3, 0.3)
        raise BadSelection(text, f"This run has no range {where}.", [f"{name}[0]" for name in near])
    if page >= pages:
        raise BadSelection(
            text, f"{where} has pages 0 to {pages - 1}, not {page}.", [f"{where}[{pages - 1}]"]
        )
    return Subject("page", f"{where}[{page}]")
