"""Strips: the pages of a large folio, or neighbouring frames and slots, as one thing in runs."""

from __future__ import annotations

from msgspec import Struct

from .things import Count, Token


class Cells(Struct, frozen=True):
    """Pages `lo` to `hi` (half-open) of a strip that look alike.

    state    "gone" (no such page now), "own" (exclusive), "none" (nobody maps it), "one" or
             "more" (processes that map it, maybe shared)
    by       the processes; `ksm` merged; `changed` in this step, from `was` if the value did;
             `what` else in words, less who maps it: the entries say that
    """

    lo: int
    hi: int
    state: str
    value: int
    by: tuple[str, ...]
    ksm: bool = False
    changed: bool = False
    was: int | None = None
    what: str = ""

    def words(self, strip: Strip) -> str:
        """What a pointer that rests on it is told, and the table says."""
        if self.state == "gone":
            return "not in use"
        said = ["exclusive" if self.state == "own" else "maybe shared"]
        if strip.slots:
            said = []
        said.append(f"mapped by {', '.join(self.by)}" if self.by else "not mapped")
        if self.ksm:
            said.append("ksm")
        return ", ".join(said)


class Part(Struct, frozen=True):
    """What small folios `lo` to `hi` of a strip have in common: counters and holders."""

    lo: int
    hi: int
    ref: Count
    map: Count
    pin: Count
    holders: tuple[Token, ...]


class Strip(Struct, frozen=True):
    """Frames or slots from `start` on. Of a large folio the counters are the folio's.

    kind     "thp", "hugetlb", "" for small folios, "slots"
    state    "", "new", "changed" or "freed" (in this step)
    parts    of small folios, else one that is the whole folio
    owners   (process, mappings): the two owner slots; `shared` the bit beside them
    """

    label: str
    start: int
    pages: int
    kind: str
    cells: tuple[Cells, ...]
    parts: tuple[Part, ...]
    entire: Count
    partly: bool
    shared: bool
    owners: tuple[tuple[str, int], ...]
    flags: str
    entries: Count
    state: str
    notes: tuple[str, ...]
    bad: bool

    @property
    def slots(self) -> bool:
        return self.label[0] == "s"

    @property
    def large(self) -> bool:
        return self.kind in ("thp", "hugetlb")

    @property
    def name(self) -> str:
        return self.part_name(0, self.pages)

    def part_name(self, lo: int, hi: int) -> str:
        letter, first = self.label[0], self.start + lo
        return (
            f"{letter}{first}"
            if hi == lo + 1
            else f"{letter}{first}..{letter}{first + hi - lo - 1}"
        )

    @property
    def words(self) -> str:
        if self.slots:
            return "swap slots"
        if not self.large:
            alive = sum(cell.hi - cell.lo for cell in self.cells if cell.state != "gone")
            return f"{alive} page{'' if alive == 1 else 's'}{self.flags}"
        name = "THP" if self.kind == "thp" else "hugetlb"
        return f"{name} order {self.pages.bit_length() - 1}{self.flags}"
