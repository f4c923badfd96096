"""Were a step's expectations met? Each is looked up in the state; none changes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from msgspec import Struct

from app.engine.draft import Violation, vma_of
from app.engine.neighbours import neighbours
from app.engine.operations import Place
from app.engine.outcome import Outcome
from app.engine.policy import Policy
from app.engine.safety import coherent, slot_of
from app.engine.state import (
    Machine,
    Marker,
    Migrating,
    Present,
    Pte,
    Swapped,
    Zero,
    exclusive_bit,
    folio_of,
    mapcount,
    walk,
)
from app.scenario import Expectation
from app.scenario.expectations import (
    ExpectCoherent,
    ExpectCopies,
    ExpectCount,
    ExpectError,
    ExpectMemory,
    ExpectPage,
    ExpectSame,
    ExpectValue,
    ExpectViolation,
)

from .names import frame_label, slot_label
from .state import slot_value

Json = dict[str, Any]


class Finding(Struct, frozen=True):
    """An expectation, whether it was met, and what was found."""

    line: int
    text: str
    met: bool
    found: str

    def json(self) -> Json:
        return {"line": self.line, "text": self.text, "met": self.met, "found": self.found}


def evaluate(
    expectations: tuple[Expectation, ...],
    machine: Machine,
    outcome: Outcome,
    broken: list[Violation],
    policy: Policy,
) -> tuple[Finding, ...]:
    """Every expectation behind one step. `broken` are the violations up to and with it."""
    return tuple(
        Finding(e.line, e.text, *judge(e, machine, outcome, broken, policy)) for e in expectations
    )


def judge(
    e: Expectation, machine: Machine, outcome: Outcome, broken: list[Violation], policy: Policy
) -> tuple[bool, str]:
    if isinstance(e, ExpectValue):
        seen = outcome.values or (outcome.value,)
        return seen[-1] == e.value, f"value {seen[-1]}"
    if isinstance(e, ExpectError):
        return outcome.error == e.error, outcome.error or "no error"
    if isinstance(e, ExpectCopies):
        return machine.copies == e.copies, f"{machine.copies} copies"
    if isinstance(e, ExpectViolation):
        kinds = list(dict.fromkeys(v.kind for v in broken))
        met = not kinds if e.kind is None else e.kind in kinds
        return met, ", ".join(kinds) or "no violation"
    if isinstance(e, ExpectCoherent):
        if e.handle not in machine.handles:
            return e.negated, "the handle holds nothing"
        yes = coherent(machine, e.handle)
        return yes != e.negated, "coherent" if yes else "not coherent"
    return judge_pages(e, machine, policy)


def judge_pages(e: Expectation, machine: Machine, policy: Policy) -> tuple[bool, str]:
    """Expectations about pages: every page must agree; found tells of the first that fails."""
    assert isinstance(e, ExpectMemory | ExpectPage | ExpectCount | ExpectSame)
    found = ""
    if isinstance(e, ExpectSame):
        offsets = {at - e.place.lo for at in first_of_alike(machine, e.process, e.place)}
        offsets |= {at - e.other_place.lo for at in first_of_alike(machine, e.other, e.other_place)}
        for offset in sorted({*offsets, e.place.hi - e.place.lo - 1}):
            page = Page(machine, policy, e.process, e.place.area, e.place.lo + offset)
            other = Page(machine, policy, e.other, e.other_place.area, e.other_place.lo + offset)
            same = page.identity is not None and page.identity == other.identity
            found = f"{page} and {other}"
            if same == e.negated:
                return False, found
        return True, found
    for index in first_of_alike(machine, e.process, e.place):
        page = Page(machine, policy, e.process, e.place.area, index)
        if isinstance(e, ExpectMemory):
            met, found = page.value == e.value, str(page.value)
        elif isinstance(e, ExpectCount):
            count = page.count(e.word)
            met, found = count == e.count, f"{e.word} {count}"
        else:
            met, found = page.has(e.word) != e.negated, page.words()
        if not met:
            return False, found
    return True, found


def first_of_alike(machine: Machine, process: str, place: Place) -> Iterator[int]:
    """Pages of `place` such that whatever is true of them is true of all behind them."""
    mm = machine.processes[process].mm if process in machine.processes else -1
    area = machine.mms[mm].areas.get(place.area) if mm in machine.mms else None
    if area is None:
        yield place.lo
        return
    lo, hi = area.start + place.lo, area.start + place.hi
    edges = {lo, hi, *(edge for vma in area.vmas for edge in (vma.lo, vma.hi) if lo < edge < hi)}
    for start, stop in pairwise(sorted(edges)):
        for pages, pte in neighbours(machine, mm, range(start, stop)):
            # What is in the swap cache is counted with its slot, each page with its own.
            if type(pte) is Swapped:
                cached = machine.slots[pte.slot].cache >= 0
            else:
                cached = type(pte) is Present and slot_of(machine, pte.pfn) >= 0
            for vpn in pages if cached else pages[:1]:
                yield vpn - area.start


class Page:
    """One page of a process, looked at without a fault."""

    def __init__(
        self, machine: Machine, policy: Policy, process: str, area_name: str, index: int
    ) -> None:
        self.machine = machine
        self.policy = policy
        mm = machine.processes[process].mm if process in machine.processes else -1
        area = machine.mms[mm].areas.get(area_name) if mm in machine.mms else None
        self.vma = vma_of(area, area.start + index) if area is not None else None
        self.pte: Pte | None = None
        if area is not None:
            self.pte = walk(machine.tables[mm], machine.config.huge, area.start + index)

    def __str__(self) -> str:
        return str(self.identity or "none")

    @property
    def identity(self) -> str | None:
        if type(self.pte) is Present:
            return frame_label(self.pte.pfn)
        if type(self.pte) is Swapped:
            return slot_label(self.pte.slot)
        if type(self.pte) is Zero:
            return "hzero" if self.pte.huge else "zero"
        return None

    @property
    def value(self) -> int | None:
        if type(self.pte) is Present or type(self.pte) is Migrating:
            return self.machine.folios[self.pte.pfn].data.value
        if type(self.pte) is Swapped:
            return slot_value(self.machine, self.pte.slot)
        return 0 if self.vma is not None else None

    def count(self, word: str) -> int:
        pte = self.pte
        if type(pte) is Swapped:
            slot = self.machine.slots[pte.slot]
            if word == "slots":
                return slot.count
            pfn = slot.cache
        else:
            pfn = pte.pfn if type(pte) is Present else -1
        if pfn < 0:
            return 0
        if word == "maps":
            return mapcount(self.machine, pfn)
        if word == "slots":
            number = slot_of(self.machine, pfn)
            return self.machine.slots[number].count if number >= 0 else 0
        folio = folio_of(self.machine, pfn)
        return folio.refcount if word == "refs" else folio.pincount

    def exclusive(self) -> bool:
        """The bit of the policy; without one, what the policy's count says."""
        pte = self.pte
        if type(pte) is Swapped:
            return pte.exclusive
        if type(pte) is Migrating:
            return pte.write or pte.exclusive
        if type(pte) is not Present:
            return False
        folio = self.machine.folios[pte.pfn]
        if self.policy.bit == "none":
            return folio.anon and mapcount(self.machine, pte.pfn) == 1
        return pte.exclusive if self.policy.bit == "pte" else exclusive_bit(self.machine, pte)

    def answers(self) -> dict[str, bool]:
        """What may be asked of a page, in the order in which it is told."""
        pte = self.pte
        present = type(pte) is Present
        exclusive = self.exclusive()
        return {
            "present": present or type(pte) is Zero,
            "swapped": type(pte) is Swapped or type(pte) is Migrating,
            "none": pte is None or type(pte) is Marker,
            "zero": type(pte) is Zero,
            "exclusive": exclusive,
            "shared": present and not exclusive,
            "writable": type(pte) is Present and pte.write,
            "readonly": (type(pte) is Present and not pte.write) or type(pte) is Zero,
            "huge": isinstance(pte, Present | Zero) and pte.huge,
            "pinned": self.count("pins") > 0,
        }

    def has(self, word: str) -> bool:
        return self.answers()[word]

    def words(self) -> str:
        return " ".join(word for word, yes in self.answers().items() if yes)
