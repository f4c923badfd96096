"""The machine while one operation runs.

A `Draft` is a private working copy: reads see its own writes and nobody else sees them. Every
write replaces one frozen value in one persistent map, so making a draft copies references and
publishing it copies them back; the machine it started from is untouched.
"""

from __future__ import annotations

from typing import TypeVar

from immutables import Map
from msgspec import Struct
from msgspec.structs import replace

from . import reasons
from .policy import Policy
from .reasons import Reason
from .state import (
    ZEROES,
    Area,
    Folio,
    Handle,
    Machine,
    Mm,
    PageTable,
    Process,
    Pte,
    Slot,
    Version,
    Vma,
)

T = TypeVar("T")

LRU_BATCH = 31
"""PAGEVEC_SIZE: folios that one per-CPU batch holds before it drains by itself."""


class Event(Struct, frozen=True, gc=False):
    """A decision as it was taken. `folio` is the folio at that moment; -1 means "none"."""

    reason: Reason
    mm: int
    vpn: int
    pfn: int
    folio: Folio | None
    numbers: tuple[object, ...]
    to: int = -1
    slot: int = -1


class Violation(Struct, frozen=True, gc=False):
    """A broken predicate of `semantics.md` section 4, with its witness.

    `kind` is the scenario's word: isolation, coherence, spurious-copy, use-after-free, invariant.
    """

    kind: str
    predicate: str
    because: str
    mm: int = -1
    vpn: int = -1
    pfn: int = -1
    handle: str = ""
    page: int = 0
    saw: int = -1
    owed: int = -1


class OutOfMemory(Exception):
    """No free page frame: the operation ends with ENOMEM and nothing of it remains."""


class Draft:
    """See the module. `mm`, `cpu` and `actor` are those of the operation's process."""

    __slots__ = (
        "clock",
        "config",
        "copies",
        "cpu",
        "events",
        "folios",
        "ghosts",
        "handles",
        "inodes",
        "lru",
        "mms",
        "next_inode",
        "next_mm",
        "next_pfn",
        "next_slot",
        "policy",
        "processes",
        "slots",
        "tables",
        "touched",
        "violations",
    )  # fmt: skip

    def __init__(self, machine: Machine, policy: Policy, *, explain: bool) -> None:
        self.config = machine.config
        self.policy = policy
        self.processes: Map[str, Process] = machine.processes
        self.mms: Map[int, Mm] = machine.mms
        self.tables: Map[int, PageTable] = machine.tables
        self.ghosts: Map[int, Map[int, Version]] = machine.ghosts
        self.folios: Map[int, Folio] = machine.folios
        self.slots: Map[int, Slot] = machine.slots
        self.handles: Map[str, Handle] = machine.handles
        self.inodes: Map[tuple[int, int], int] = machine.inodes
        self.lru = machine.lru
        self.next_pfn = machine.next_pfn
        self.next_slot = machine.next_slot
        self.next_mm = machine.next_mm
        self.next_inode = machine.next_inode
        self.clock = machine.clock + 1
        self.copies = machine.copies
        self.cpu = 0
        self.events: list[Event] | None = [] if explain else None
        self.violations: list[Violation] = []
        self.touched: set[int] = set()

    def publish(self) -> Machine:
        return Machine(
            self.config, self.processes, self.mms, self.tables, self.ghosts, self.folios,
            self.slots, self.handles, self.inodes, self.lru, self.next_pfn, self.next_slot,
            self.next_mm, self.next_inode, self.clock, self.copies,
        )  # fmt: skip

    def say(
        self,
        reason: Reason,
        mm: int = -1,
        vpn: int = -1,
        pfn: int = -1,
        *numbers: object,
        to: int = -1,
        slot: int = -1,
    ) -> None:
        """Keep a decision for the reader."""
        if self.events is not None:
            folio = self.folios.get(pfn) if pfn >= 0 else None
            self.events.append(Event(reason, mm, vpn, pfn, folio, numbers, to, slot))

    # -- page tables --------------------------------------------------------------------------

    def pte(self, mm: int, vpn: int) -> Pte | None:
        return self.tables[mm].get(vpn)

    def set_pte(self, mm: int, vpn: int, pte: Pte) -> None:
        self.tables = self.tables.set(mm, self.tables[mm].set(vpn, pte))

    def clear_pte(self, mm: int, vpn: int) -> None:
        self.tables = self.tables.set(mm, self.tables[mm].delete(vpn))

    def set_area(self, mm: int, name: str, area: Area) -> None:
        value = self.mms[mm]
        self.mms = self.mms.set(mm, replace(value, areas=value.areas.set(name, area)))

    def vma(self, mm: int, vpn: int) -> Vma | None:
        """Linux find_vma(): the VMA that covers `vpn`, whichever range it belongs to."""
        for area in self.mms[mm].areas.values():
            if area.start <= vpn < area.start + area.pages:
                return vma_of(area, vpn)
        return None

    def give_anon_vma(self, mm: int, vpn: int, vma: Vma) -> None:
        """Linux anon_vma_prepare(): from the first anonymous page on, fork copies this VMA."""
        for name, area in self.mms[mm].areas.items():
            if area.start <= vpn < area.start + area.pages:
                vmas = tuple(replace(v, anon_vma=True) if v.lo == vma.lo else v for v in area.vmas)
                self.set_area(mm, name, replace(area, vmas=vmas))
                return

    # -- folios -------------------------------------------------------------------------------

    def set_folio(self, pfn: int, folio: Folio) -> None:
        self.folios = self.folios.set(pfn, folio)
        self.touched.add(pfn)

    def alloc(self, folio: Folio) -> int:
        """A frame for `folio`, which waits in this CPU's lru_add batch.

        Raises OutOfMemory when all `memory` frames are in use.
        """
        if len(self.folios) >= self.config.memory:
            self.say(reasons.NO_MEMORY, -1, -1, -1, len(self.folios), self.config.memory)
            raise OutOfMemory
        pfn = self.next_pfn
        self.next_pfn = pfn + 1
        if self.policy.batches:
            cpu = self.cpu
            if len(self.lru[cpu]) >= LRU_BATCH:
                self.lru_add_drain(cpu)
            lru = list(self.lru)
            lru[cpu] = (*lru[cpu], pfn)
            self.lru = tuple(lru)
            folio = replace(folio, batch=cpu)
        self.set_folio(pfn, folio)
        return pfn

    def alloc_anon(self, mm: int, vpn: int, vma: Vma, data: Version) -> int:
        """A fresh anonymous page for the PTE that is about to map it (folio_add_new_anon_rmap)."""
        return self.alloc(
            Folio(
                data,
                ((mm, vpn),),
                self.policy.cow_sets and self.policy.bit == "page",
                mlocked=vma.locked,
            )
        )

    def put(self, pfn: int, folio: Folio) -> None:
        """Store `folio`; without references it is freed (__folio_put)."""
        if (
            folio.maps
            or folio.batch >= 0
            or folio.gets
            or folio.pins
            or folio.slot >= 0
            or folio.holds
            or folio.batches
            or folio.inode is not None
        ):
            self.set_folio(pfn, folio)
        else:
            self.say(reasons.FREED, -1, -1, pfn)
            self.folios = self.folios.delete(pfn)
            self.touched.add(pfn)

    def map_page(self, pfn: int, mm: int, vpn: int) -> None:
        folio = self.folios[pfn]
        self.set_folio(pfn, replace(folio, maps=(*folio.maps, (mm, vpn))))

    def unmap_page(self, pfn: int, mm: int, vpn: int, vma: Vma | None) -> None:
        """Drop one mapping and its reference; an unmapped folio tries to leave the swap cache.

        Linux folio_remove_rmap_pte() and free_folio_and_swap_cache().
        """
        folio = self.folios[pfn]
        if folio.mlocked and vma is not None and vma.locked:
            self.add_to_batch(pfn, "munlock")
            folio = self.folios[pfn]
        maps = without(folio.maps, (mm, vpn))
        folio = replace(folio, maps=maps)
        if folio.slot >= 0 and not maps and self.slots[folio.slot].count == 0:
            self.slots = self.slots.delete(folio.slot)
            folio = replace(folio, slot=-1, dirty=True)
        self.put(pfn, folio)

    def lru_add_drain(self, cpu: int) -> None:
        """This CPU's batches give their folios to the LRU, and their references back."""
        batch = self.lru[cpu]
        if not batch:
            return
        lru = list(self.lru)
        lru[cpu] = ()
        self.lru = tuple(lru)
        self.say(reasons.DRAINED, -1, -1, -1, cpu, len(batch))
        folios = self.folios
        for entry in batch:
            if type(entry) is int:
                folio = replace(folios[entry], batch=-1)
                if folio.maps:
                    self.folios = folios = folios.set(entry, folio)
                    self.touched.add(entry)
                else:
                    self.put(entry, folio)
                    folios = self.folios
            else:
                assert type(entry) is tuple
                self.leave_batch(cpu, *entry)
                folios = self.folios

    def leave_batch(self, cpu: int, pfn: int, name: str) -> None:
        """Linux lru_lazyfree() and __munlock_folio(): put off until the batch is drained."""
        folio = self.folios[pfn]
        folio = replace(folio, batches=without(folio.batches, (cpu, name)))
        if name == "munlock":
            folio = replace(folio, mlocked=any(self.locked(mm, vpn) for mm, vpn in folio.maps))
        elif folio.slot < 0 and folio.anon:
            folio = replace(folio, swapbacked=False, referenced=False, active=False)
        self.put(pfn, folio)

    def locked(self, mm: int, vpn: int) -> bool:
        vma = self.vma(mm, vpn) if mm in self.mms else None
        return vma is not None and vma.locked

    def add_to_batch(self, pfn: int, name: str) -> None:
        """Linux folio_batch_add() of a folio on the LRU: the batch holds a reference."""
        folio = self.folios[pfn]
        if (self.cpu, name) in folio.batches:
            return
        lru = list(self.lru)
        lru[self.cpu] = (*lru[self.cpu], (pfn, name))
        self.lru = tuple(lru)
        self.set_folio(pfn, replace(folio, batches=(*folio.batches, (self.cpu, name))))

    def putback_lru(self, pfn: int, cpu: int) -> None:
        """Linux folio_putback_lru(): an isolated folio that was kept goes through lru_add again."""
        folio = self.folios[pfn]
        if not self.policy.batches or folio.batch >= 0:
            return
        lru = list(self.lru)
        lru[cpu] = (*lru[cpu], pfn)
        self.lru = tuple(lru)
        self.set_folio(pfn, replace(folio, batch=cpu))

    # -- swap ---------------------------------------------------------------------------------

    def set_slot(self, slot: int, value: Slot) -> None:
        self.slots = self.slots.set(slot, value)
        self.touched.add(~slot)
        if value.cache >= 0:
            self.touched.add(value.cache)

    def free_swap(self, pfn: int) -> bool:
        """Linux folio_free_swap(): leave the swap cache, if no swap entry is left."""
        folio = self.folios[pfn]
        if self.slots[folio.slot].count:
            return False
        self.say(reasons.SWAPCACHE_FREED, -1, -1, pfn, slot=folio.slot)
        self.slots = self.slots.delete(folio.slot)
        self.put(pfn, replace(folio, slot=-1, dirty=True))
        return True

    def put_swap(self, slot: int) -> None:
        """Drop one swap entry (free_swap_and_cache): the last one frees an unmapped cache folio."""
        value = self.slots[slot]
        self.set_slot(slot, replace(value, count=value.count - 1))
        if value.count > 1:
            return
        if value.cache < 0:
            self.slots = self.slots.delete(slot)
        elif not self.folios[value.cache].maps:
            self.free_swap(value.cache)

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

    def let_go(self, mm: int, vpn: int, moved: int = -1) -> None:
        """Handles of `mm` on `vpn` follow it to `moved`, or lose it (-1)."""
        if not self.handles:
            return
        for name, handle in self.handles.items():
            if handle.owner == mm and any(at == vpn for at, _ in handle.pages):
                pages = tuple((moved if at == vpn else at, pfn) for at, pfn in handle.pages)
                self.handles = self.handles.set(name, replace(handle, pages=pages))
                self.touched.update(pfn for _, pfn in pages)


def vma_of(area: Area, vpn: int) -> Vma | None:
    """The VMA of `area` that covers `vpn`, or None where it was unmapped."""
    for vma in area.vmas:
        if vma.lo <= vpn < vma.hi:
            return vma
    return None


def without(items: tuple[T, ...], item: T) -> tuple[T, ...]:
    """`items` less one occurrence of `item`."""
    at = items.index(item)
    return items[:at] + items[at + 1 :]
