"""What every page's entry is after a step, as far as /proc shows it: the rows that changed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from app.engine.state import (
    Area,
    HugeZero,
    Machine,
    Marker,
    Migrating,
    Present,
    Swapped,
    Zero,
    walk,
)

NOT_SHOWN = -1


class Row(Struct, frozen=True):
    """Neighbours that are alike. `frame` of the first; with `step` 1 each has the next one.

    `exclusive` is 1, 0, or NOT_SHOWN: /proc/kpageflags answers for the tails of a large folio with
    its head, and for pages that are not anonymous with something else.
    """

    process: str
    area: str
    page: int
    pages: int
    kind: str
    frame: int = 0
    step: int = 0
    exclusive: int = NOT_SHOWN

    def __str__(self) -> str:
        where = f"PROC_{self.process}, AREA_{self.area}, {self.page}, {self.pages}"
        return f"{{ {where}, {self.kind}, {self.frame}, {self.step}, {self.exclusive} }}"


KINDS: dict[object, str] = {
    Present: "FRAME",
    Zero: "ZERO",
    HugeZero: "ZERO",
    Swapped: "SWAP",
    Migrating: "SWAP",
    Marker: "ANYTHING",
}
Entry = tuple[str, int, int]
"""Kind, frame, exclusive."""


def entry(machine: Machine, mm: int, vpn: int) -> Entry:
    pte = walk(machine.tables[mm], machine.config.huge, vpn)
    if type(pte) is not Present:
        return KINDS.get(type(pte), "NONE"), 0, NOT_SHOWN
    page = machine.folios[pte.pfn]
    shown = page.anon and page.head in (-1, pte.pfn)
    return "FRAME", pte.pfn, int(page.exclusive) if shown else NOT_SHOWN


def rows_of(machine: Machine, process: str, name: str, area: Area, mm: int) -> Iterator[Row]:
    entries = [entry(machine, mm, area.start + page) for page in range(area.pages)]

    def alike(page: int) -> tuple[str, int, int]:
        kind, frame, exclusive = entries[page]
        return kind, frame - page if kind == "FRAME" else 0, exclusive

    for (kind, _, exclusive), group in groupby(range(area.pages), alike):
        pages = list(group)
        step = int(kind == "FRAME" and len(pages) > 1)
        frame = entries[pages[0]][1]
        yield Row(process, name, pages[0], len(pages), kind, frame, step, exclusive)


class Entries:
    """Follows a run; knows what it told before."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], tuple[Row, ...]] = {}
        self.frames = 0

    def changed(self, machine: Machine) -> list[Row]:
        """Rows that are other ones than after the step before."""
        out: list[Row] = []
        here: dict[tuple[str, str], tuple[Row, ...]] = {}
        for process, task in machine.processes.items():
            if task.mm < 0:
                continue
            areas = machine.mms[task.mm].areas
            for name in machine.mms[task.mm].order:
                rows = tuple(rows_of(machine, process, name, areas[name], task.mm))
                here[process, name] = rows
                before = set(self.told.get((process, name), ()))
                out += [row for row in rows if row not in before and (before or row.kind != "NONE")]
        for (process, name), rows in self.told.items():
            task = machine.processes[process]
            if (process, name) not in here and task.mm >= 0:
                end = rows[-1].page + rows[-1].pages
                out.append(Row(process, name, 0, end, "NONE"))
        self.told = here
        self.frames = max([self.frames, *(r.frame + r.pages for r in out if r.kind == "FRAME")])
        return out
