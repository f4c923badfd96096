"""The machine while one operation runs.

A `Draft` is a private working copy: reads see its own writes and nobody else sees them. Every
write replaces one frozen value in one persistent map, so making a draft copies references and
publishing it copies them back; the machine it started from is untouched.
"""

from __future__ import annotations

from collections.abc import Iterable

from immutables import Map
from msgspec.structs import replace

from .frames import Frames
from .frames import OutOfMemory as OutOfMemory
from .frames import Violation as Violation
from .frames import without as without
from .policy import Policy
from .state import (
    TABLE,
    ZEROES,
    Area,
    Entry,
    Handle,
    HugeZero,
    Machine,
    Pages,
    Pmd,
    Present,
    Process,
    Pte,
    Version,
    Vma,
    Zero,
    inode_of,
    walk,
)
from .state import vma_of as vma_of
from .stretches import drop, fill


class Draft(Frames):
    """See the module. `mm`, `cpu` and `actor` are those of the operation's process."""

    __slots__ = (
        "clock",
        "flights",
        "ghosts",
        "handles",
        "inodes",
        "next_inode",
        "next_mm",
        "processes",
    )

    def __init__(self, machine: Machine, policy: Policy, *, explain: bool) -> None:
        self.config = machine.config
        self.policy = policy
        self.processes: Map[str, Process] = machine.processes
        self.mms = machine.mms
        self.tables = machine.tables
        self.ghosts: Map[int, Pages[Version]] = machine.ghosts
        self.folios = machine.folios
        self.compounds = machine.compounds
        self.slots = machine.slots
        self.handles: Map[str, Handle] = machine.handles
        self.inodes: Map[tuple[int, int], int] = machine.inodes
        self.lru = machine.lru
        self.next_pfn = machine.next_pfn
        self.next_slot = machine.next_slot
        self.next_mm = machine.next_mm
        self.next_inode = machine.next_inode
        self.clock = machine.clock + 1
        self.copies = machine.copies
        self.flights = machine.flights
        self.cpu = 0
        self.events = [] if explain else None
        self.violations = []
        self.touched = set()

    def publish(self) -> Machine:
        return Machine(
            self.config, self.processes, self.mms, self.tables, self.ghosts, self.folios,
            self.compounds, self.slots, self.handles, self.inodes, self.lru, self.next_pfn,
            self.next_slot, self.next_mm, self.next_inode, self.clock, self.copies, self.flights,
        )  # fmt: skip

    # -- page tables --------------------------------------------------------------------------

    def pte(self, mm: int, vpn: int) -> Pte | None:
        """What maps the page, as a PTE; for a part of a PMD its view (`huge` is set)."""
        table = self.tables[mm]
        # Most pages have a PTE of their own, and asking for it is cheaper than walking.
        entry = table.get(vpn)
        return walk(table, self.config.huge, vpn) if entry is None else entry  # type: ignore[return-value]

    def set_pte(self, mm: int, vpn: int, pte: Pte) -> None:
        """Install a PTE. The view of a PMD changes the whole PMD."""
        if (type(pte) is Present or type(pte) is Zero) and pte.huge:
            self.set_pmd(mm, vpn, pte)
        else:
            self.tables = self.tables.set(mm, self.tables[mm].set(vpn, pte))

    def set_ptes(self, mm: int, vpns: range, pte: Pte) -> None:
        """`set_pte` of pages that are mapped alike (`neighbours`); `pte` is the first page's."""
        if isinstance(pte, Present | Zero) and pte.huge:
            self.set_pmd(mm, vpns.start, pte)
        else:
            self.tables = self.tables.set(mm, fill(self.tables[mm], vpns, pte))

    def set_pmd(self, mm: int, vpn: int, pte: Present | Zero) -> None:
        by = vpn % self.config.huge
        if type(pte) is Present:
            self.set_entry(mm, ~(vpn - by), Pmd(
                pte.pfn - by, pte.write, pte.dirty, pte.young, pte.exclusive,
                pte.uffd_wp, pte.soft_dirty,
            ))  # fmt: skip
        else:
            self.set_entry(mm, ~(vpn - by), HugeZero(pte.uffd_wp))

    def set_entry(self, mm: int, key: int, entry: Entry) -> None:
        self.tables = self.tables.set(mm, self.tables[mm].set(key, entry))

    def pmds(self, mm: int, pages: range) -> list[int]:
        """First pages of the huge PMDs that map any of these pages."""
        huge, table = self.config.huge, self.tables[mm]
        firsts = range(pages.start - pages.start % huge, pages.stop, huge)
        return [first for first in firsts if type(table.get(~first)) in (Pmd, HugeZero)]

    def keep_tables(self, mm: int, area: Area, parts: Iterable[range]) -> None:
        """The page tables of these pages stay, emptied: no huge page may come there."""
        huge = self.config.huge
        if area.pages < huge:
            return
        table, stop = self.tables[mm], area.start + area.pages
        firsts = {
            first
            for vpns in parts
            for first in range(vpns.start - vpns.start % huge, vpns.stop, huge)
        }
        kept = dict.fromkeys(
            [~f for f in firsts if area.start <= f and f + huge <= stop and ~f not in table], TABLE
        )
        if kept:
            self.tables = self.tables.set(mm, table.update(kept))

    def clear_pte(self, mm: int, vpn: int) -> None:
        self.tables = self.tables.set(mm, self.tables[mm].delete(vpn))

    def set_area(self, mm: int, name: str, area: Area) -> None:
        value = self.mms[mm]
        self.mms = self.mms.set(mm, replace(value, areas=value.areas.set(name, area)))

    def give_anon_vma(self, mm: int, vpn: int, vma: Vma) -> None:
        """Linux __anon_vma_prepare(): from the first anonymous page on, fork copies this VMA."""
        for name, area in self.mms[mm].areas.items():
            if area.start <= vpn < area.start + area.pages:
                name_of = find_mergeable_anon_vma(area, vma) or vma.lo + 1
                vmas = tuple(
                    replace(v, anon_vma=name_of) if v.lo == vma.lo else v for v in area.vmas
                )
                self.set_area(mm, name, replace(area, vmas=vmas))
                return

    def inode_of(self, mm: int, vpn: int) -> tuple[int, int]:
        """(inode, page) of the shared memory or the file that is mapped there."""
        inode = inode_of(self.mms[mm], vpn)
        assert inode is not None
        return inode

    # -- content ------------------------------------------------------------------------------

    def ghost(self, mm: int, vpn: int) -> Version:
        return self.ghosts[mm].get(vpn, ZEROES)

    def set_ghost(self, mm: int, vpn: int, version: Version) -> None:
        self.ghosts = self.ghosts.set(mm, self.ghosts[mm].set(vpn, version))

    def forget(self, mm: int, vpn: int) -> None:
        """The owner's own act ends what its page held and what its handles are promised."""
        ghosts = self.ghosts[mm]
        if vpn in ghosts:
            self.ghosts = self.ghosts.set(mm, ghosts.delete(vpn))
        self.let_go(mm, vpn)

    def forget_pages(self, mm: int, pages: range) -> None:
        """`forget`, for many pages."""
        self.ghosts = self.ghosts.set(mm, drop(self.ghosts[mm], pages))
        for name, handle in self.handles.items():
            if handle.owner == mm and any(at in pages for at, _ in handle.pages):
                left = tuple((-1 if at in pages else at, pfn) for at, pfn in handle.pages)
                self.handles = self.handles.set(name, replace(handle, pages=left))
                self.touched.update(pfn for _, pfn in handle.pages)

    def let_go(self, mm: int, vpn: int, moved: int = -1) -> None:
        """Handles of `mm` on `vpn` follow it to `moved`, or lose it (-1)."""
        if not self.handles:
            return
        for name, handle in self.handles.items():
            if handle.owner == mm and any(at == vpn for at, _ in handle.pages):
                pages = tuple((moved if at == vpn else at, pfn) for at, pfn in handle.pages)
                self.handles = self.handles.set(name, replace(handle, pages=pages))
                self.touched.update(pfn for _, pfn in pages)


def find_mergeable_anon_vma(area: Area, vma: Vma) -> int:
    """Linux find_mergeable_anon_vma(): the neighbour's that may be used, the next one's first.

    Neighbours that differ in protection only share one, so that they can merge again; 0 is none.
    """
    like = replace(vma, lo=0, hi=0, prot="", anon_vma=0)
    for near in (
        *(v for v in area.vmas if v.lo == vma.hi),
        *(v for v in area.vmas if v.hi == vma.lo),
    ):
        if near.anon_vma and replace(near, lo=0, hi=0, prot="", anon_vma=0) == like:
            return near.anon_vma
    return 0
