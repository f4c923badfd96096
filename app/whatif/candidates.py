"""Lines that are worth asking about: for every process, kind of page, handle, and the kernel.

Nothing here decides what is possible; that is asked of the compiler and the engine. Pages that
look alike are asked about once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.engine.draft import vma_of
from app.engine.state import (
    Area,
    Machine,
    Present,
    Pte,
    Swapped,
    exclusive_bit,
    folio_of,
    mapcount,
    walk,
)
from app.scenario import MAX_PROCESSES
from app.scenario.names import RESERVED, Names

PAGES = 4
"""Kinds of pages asked about in a range."""
LOOKED_AT = 4096
"""Pages of a range that are looked at to find its kinds."""
RANGES = 4
PROCESSES = 6
HANDLES = 12
ADVICE = (
    "dontneed", "free", "pageout", "cold", "dontfork", "dofork", "wipeonfork", "keeponfork",
    "mergeable", "unmergeable", "hugepage", "nohugepage", "collapse", "populate_read",
    "populate_write",
)  # fmt: skip
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Candidate(Struct, frozen=True):
    """A line to try. `group` is a process, "gone", "handles" or "kernel"; `verb` what it does.

    `pages` are the pages that it is about: what it costs to play.
    """

    group: str
    verb: str
    text: str
    pages: int = 1


class Proposer:
    """Reads what is there, and chooses names and a value that are free."""

    def __init__(self, machine: Machine, names: Names) -> None:
        self.machine = machine
        self.names = names
        self.value = fresh_value(machine)
        self.child = next(
            (
                name
                for name in (*CAPITALS, *(f"P{n}" for n in range(1, MAX_PROCESSES + 1)))
                if name not in names.mms and name not in names.exited
            ),
            "Child",
        )
        taken = {*names.handles, *RESERVED, *(r for mm in names.mms.values() for r in mm.ranges)}
        self.pin = free_name("pqrstuv", "p", taken)
        self.ref = free_name("ghijklm", "g", taken)
        self.area = free_name(("buf", "map", "more"), "map", taken)

    def all(self) -> Iterator[Candidate]:
        """Every line to ask about, in the order in which a reader would list them."""
        alive = [name for name in self.names.mms if name in self.machine.processes]
        for name in alive[:PROCESSES]:
            yield from self.process(name, [other for other in alive if other != name])
        for name in self.names.exited:
            yield Candidate("gone", "read", f"{name} read {self.some_range()}")
        if len(alive) == 1:
            yield Candidate("gone", "read", f"{self.child} read {self.some_range()}")
        yield from self.handles()
        seen: set[tuple[object, ...]] = set()
        for name in alive[:PROCESSES]:
            yield from self.kernel(name, seen)
        yield Candidate("kernel", "ksm", "kernel ksm")
        yield Candidate("kernel", "drain", "kernel drain")

    def some_range(self) -> str:
        return next((name for mm in self.machine.mms.values() for name in mm.order), "buf")

    def areas(self, process: str) -> list[tuple[str, Area]]:
        mm = self.machine.mms[self.machine.processes[process].mm]
        return [(name, mm.areas[name]) for name in mm.order if name in mm.areas][-RANGES:]

    def process(self, who: str, others: list[str]) -> Iterator[Candidate]:
        everything = sum(area.pages for _, area in self.areas(who))

        def line(verb: str, rest: str = "", pages: int = 1) -> Candidate:
            return Candidate(who, verb, f"{who} {verb} {rest}".strip(), pages)

        for name, area in self.areas(who):
            for page in self.kinds(who, area):
                place = f"{name}[{page}]" if area.pages > 1 else name
                yield line("write", f"{place} {self.value}")
                yield line("read", place)
                yield line("pin", f"{place} {self.pin}")
                yield line("pin", f"{place} {self.pin} ro short fast")
                yield line("get", f"{place} {self.ref}")
                yield line("splice", f"{place} {self.ref}")
                yield line("dio_write", place)
                yield line("dio_read", f"{place} {self.value}")
                if area.pages > 1:
                    yield line("munmap", place)
                    yield line("madvise", f"{place} dontneed")
        yield line("fork", self.child, everything)
        for name, area in self.areas(who):
            yield from self.whole(who, name, area.pages)
        yield line("mmap", f"{self.area} 1")
        yield line("mmap", f"{self.area} {self.machine.config.huge} thp")
        yield line("vfork", self.child)
        yield line("clear_refs", "", everything)
        yield line("cpu", str((self.machine.processes[who].cpu + 1) % self.machine.config.cpus))
        for other in others[: PROCESSES - 1]:
            yield from self.across(who, other)
        yield line("exec", "", everything)
        yield line("exit", "", everything)

    def whole(self, who: str, name: str, pages: int) -> Iterator[Candidate]:
        """What is done to a range."""
        for verb, rest in (
            ("munmap", ""), *(("mprotect", f" {prot}") for prot in ("r", "rw", "none")),
            *(("madvise", f" {advice}") for advice in ADVICE),
            ("mlock", ""), ("munlock", ""), ("mremap", f" {self.area}"),
            ("uffd_wp", " on"), ("uffd_wp", " off"),
        ):  # fmt: skip
            yield Candidate(who, verb, f"{who} {verb} {name}{rest}", pages)

    def across(self, who: str, other: str) -> Iterator[Candidate]:
        """What a process does to another one's first range."""
        for name, area in self.areas(other)[:1]:
            place = f"{other} {name}[0]" if area.pages > 1 else f"{other} {name}"
            for verb, value in (
                ("vm_read", ""), ("vm_write", f" {self.value}"),
                ("ptrace_read", ""), ("ptrace_write", f" {self.value}"),
            ):  # fmt: skip
                yield Candidate(who, verb, f"{who} {verb} {place}{value}")

    def handles(self) -> Iterator[Candidate]:
        if not self.names.handles:
            yield Candidate("handles", "handle read", f"{self.pin} read")
        for name, held in [*self.names.handles.items()][-HANDLES:]:
            yield Candidate("handles", "handle read", f"{name} read")
            if held.write:
                yield Candidate("handles", "handle write", f"{name} write {self.value}")
            yield Candidate("handles", "release", f"{name} release")

    def kernel(self, who: str, seen: set[tuple[object, ...]]) -> Iterator[Candidate]:
        """What the kernel does to a page: asked once for a page that several processes map."""

        def line(verb: str, place: str, pages: int = 1) -> Candidate:
            return Candidate("kernel", verb, f"kernel {verb} {who} {place}", pages)

        for name, area in self.areas(who):
            for page in self.kinds(who, area):
                page_itself = self.identity(who, area.start + page)
                if page_itself in seen:
                    continue
                seen.add(page_itself)
                place = f"{name}[{page}]" if area.pages > 1 else name
                for verb in ("swapout", "reclaim", "migrate", "swapcache"):
                    yield line(verb, place)
                one = f"{name}[{page}]"
                yield line("hold", f"{one} 1")
                yield line("unhold", one)
            for verb in ("split", "split_pmd", "collapse"):
                yield line(verb, name, area.pages)

    def identity(self, who: str, vpn: int) -> tuple[object, ...]:
        """The same for two entries that lead to the same page."""
        mm = self.machine.processes[who].mm
        pte = walk(self.machine.tables[mm], self.machine.config.huge, vpn)
        if type(pte) is Present:
            return ("frame", pte.pfn)
        return ("slot", pte.slot) if type(pte) is Swapped else (type(pte),)

    def kinds(self, who: str, area: Area) -> list[int]:
        """The first page of each kind, kinds that are mapped before those that are not."""
        mm = self.machine.processes[who].mm
        table, huge = self.machine.tables[mm], self.machine.config.huge
        first: dict[tuple[object, ...], int] = {}
        for page in range(min(area.pages, LOOKED_AT)):
            vpn = area.start + page
            pte = walk(table, huge, vpn)
            vma = vma_of(area, vpn)
            key = (None if vma is None else (vma.lo, vma.prot), *self.look(pte))
            first.setdefault(key, page)
        mapped = sorted(first.items(), key=lambda item: (item[0][0] is None, item[0][1] == "none"))
        return sorted(page for _, page in mapped[:PAGES])

    def look(self, pte: Pte | None) -> tuple[object, ...]:
        """Entries that look alike behave alike."""
        if type(pte) is Present:
            holder = folio_of(self.machine, pte.pfn)
            return (
                "present", pte.write, pte.exclusive, pte.huge, pte.uffd_wp,
                exclusive_bit(self.machine, pte), mapcount(self.machine, pte.pfn),
                bool(holder.pins), len(holder.gets), holder.slot >= 0,
            )  # fmt: skip
        if type(pte) is Swapped:
            slot = self.machine.slots[pte.slot]
            return ("swapped", pte.exclusive, slot.count, slot.cache >= 0)
        return ("none",) if pte is None else (type(pte).__name__,)


def fresh_value(machine: Machine) -> int:
    """The smallest value from 1 on that no page holds."""
    used = {folio.data.value for folio in machine.folios.values()}
    used |= {slot.data.value for slot in machine.slots.values()}
    return next((value for value in range(1, 256) if value not in used), 255)


def free_name(choice: Sequence[str], stem: str, taken: set[str]) -> str:
    """A name that nobody has: one of `choice`, else the stem with a number."""
    numbered = [f"{stem}{n}" for n in range(1, len(taken) + 2)]
    return next(name for name in (*choice, *numbered) if name not in taken)
