"""Physical memory while one operation runs: folios, LRU batches, swap slots.

`Frames` is the lower half of a `Draft`; every change of a reference goes through here, so that
each one is itemised and each freed frame is freed once.
"""

from __future__ import annotations

from typing import TypeVar

from immutables import Map
from msgspec import Struct
from msgspec.structs import replace

from . import large, reasons
from .blocks import nth
from .events import Again, Effect, Event, spelled_out
from .policy import Policy
from .reasons import Reason
from .state import (
    Compound,
    Config,
    Folio,
    Mm,
    Pages,
    PageTable,
    Slot,
    Version,
    Vma,
    folio_of,
    ptes_of,
    vma_of,
)
from .stretches import Stretch, drop_all, put_all, stretches
from .touched import Touched, touch

T = TypeVar("T")

LRU_BATCH = 31
"""PAGEVEC_SIZE: folios that one per-CPU batch holds before it drains by itself."""


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


class Frames:
    """Folios, batches and slots. `cpu` is where the operation runs."""

    __slots__ = (
        "compounds",
        "config",
        "copies",
        "cpu",
        "events",
        "folios",
        "lru",
        "mms",
        "next_pfn",
        "next_slot",
        "policy",
        "slots",
        "tables",
        "touched",
        "violations",
    )

    compounds: Map[int, Compound]
    config: Config
    copies: int
    cpu: int
    events: list[Event | Again] | None
    folios: Pages[Folio]
    lru: tuple[tuple[int | tuple[int, str], ...], ...]
    mms: Map[int, Mm]
    next_pfn: int
    next_slot: int
    policy: Policy
    slots: Pages[Slot]
    tables: Map[int, PageTable]
    touched: Touched
    violations: list[Violation]

    def vma(self, mm: int, vpn: int) -> Vma | None:
        """Linux find_vma(): the VMA that covers `vpn`, whichever range it belongs to."""
        for area in self.mms[mm].areas.values():
            if area.start <= vpn < area.start + area.pages:
                return vma_of(area, vpn)
        return None

    def say(
        self,
        reason: Reason,
        mm: int = -1,
        vpn: int = -1,
        pfn: int = -1,
        *numbers: object,
        to: int = -1,
        slot: int = -1,
        folio: Folio | Compound | None = None,
    ) -> None:
        """Keep a decision for the reader, with the folio as it is now, or `folio`."""
        if self.events is not None:
            if folio is None and pfn >= 0 and pfn in self.folios:
                folio = folio_of(self, pfn)
            self.events.append(Event(reason, mm, vpn, pfn, folio, numbers, to, slot))

    def said(self) -> int:
        """How much was told until now."""
        return 0 if self.events is None else len(self.events)

    def told_since(self, said: int) -> tuple[Event, ...]:
        return () if self.events is None else spelled_out(self.events[said:])

    def say_again(
        self,
        told: tuple[Event, ...],
        count: int,
        frames: tuple[int, ...] = (),
        effect: Effect | None = None,
    ) -> None:
        """What was told of one page is true of the `count` pages behind it (`Again`)."""
        if self.events is not None and told and count > 0:
            self.events.append(Again(told, count, frames, effect))

    # -- folios -------------------------------------------------------------------------------

    def set_folio(self, pfn: int, folio: Folio) -> None:
        self.folios = self.folios.set(pfn, folio)
        self.touched.add(pfn)

    def set_folios(self, pages: list[Stretch[Folio]]) -> None:
        self.folios = put_all(self.folios, pages)
        touched = self.touched
        for pfn, count, _ in pages:
            touched.add(pfn if count == 1 else range(pfn, pfn + count))

    def drop_folios(self, parts: list[tuple[int, int]]) -> None:
        """Free frames: the first, and how many."""
        self.folios = drop_all(self.folios, parts)
        touched = self.touched
        for pfn, count in parts:
            touched.add(pfn if count == 1 else range(pfn, pfn + count))

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
            self.lru_add(pfn)
            if folio.batch < 0:
                folio = replace(folio, batch=self.cpu)
        self.set_folio(pfn, folio)
        return pfn

    def lru_add(self, pfn: int) -> None:
        """Linux folio_add_lru(): into this CPU's batch, which drains first when it is full."""
        cpu = self.cpu
        if len(self.lru[cpu]) >= LRU_BATCH:
            self.lru_add_drain(cpu)
        lru = self.lru
        self.lru = (*lru[:cpu], (*lru[cpu], pfn), *lru[cpu + 1 :])

    def alloc_anon(self, mm: int, vpn: int, vma: Vma, data: Version) -> int:
        """A fresh anonymous page for the PTE that is about to map it (folio_add_new_anon_rmap)."""
        policy = self.policy
        batch = self.cpu if policy.batches else -1
        maps = ((mm, vpn - self.next_pfn),)
        return self.alloc(Folio(data, maps, policy.sets_page, batch, mlocked=vma.locked))

    def put(self, pfn: int, folio: Folio) -> None:
        """Store `folio`; without references it is freed (__folio_put)."""
        if folio.maps or folio.held:
            self.set_folio(pfn, folio)
        else:
            self.say(reasons.FREED, -1, -1, pfn)
            self.folios = self.folios.delete(pfn)
            self.touched.add(pfn)

    def map_page(self, pfn: int, mm: int, vpn: int) -> None:
        folio = self.folios[pfn]
        self.set_folio(pfn, replace(folio, maps=(*folio.maps, (mm, vpn - pfn))))
        if folio.head >= 0:
            large.add_mappings(self, folio.head, mm, 1)

    def unmap_page(self, pfn: int, mm: int, vpn: int, vma: Vma | None) -> None:
        """Drop one mapping and its reference; an unmapped folio tries to leave the swap cache.

        Linux folio_remove_rmap_pte() and free_folio_and_swap_cache().
        """
        folio = self.folios[pfn]
        if folio.head >= 0:
            large.unmap_page(self, pfn, mm, vpn)
            return
        if folio.mlocked and vma is not None and vma.locked:
            self.add_to_batch(pfn, "munlock")
            folio = self.folios[pfn]
        maps = without(folio.maps, (mm, vpn - pfn))
        folio = replace(folio, maps=maps)
        if folio.slot >= 0 and not maps and self.slots[folio.slot].count == 0:
            self.slots = self.slots.delete(folio.slot)
            folio = replace(folio, slot=-1, dirty=True)
        self.put(pfn, folio)

    def lru_add_drain(self, cpu: int, coming: int = 0) -> None:
        """This CPU's batches give their folios to the LRU, and their references back.

        `coming` more, which the caller looks after, are drained with them.
        """
        batch = self.lru[cpu]
        if not batch:
            return
        lru = list(self.lru)
        lru[cpu] = ()
        self.lru = tuple(lru)
        self.say(reasons.DRAINED, -1, -1, -1, cpu, len(batch) + coming)
        kept: list[Stretch[Folio]] = []
        for entries in in_order(batch):
            if not isinstance(entries, range):
                self.set_folios(kept)
                self.leave_batch(cpu, *entries)
                kept = []
                continue
            for pfn, count, folio in stretches(self.folios, entries.start, len(entries)):
                after = replace(folio, batch=-1)
                if after.maps:
                    kept.append((pfn, count, after))
                    continue
                for by in range(count):
                    self.put(pfn + by, nth(after, by))
        self.set_folios(kept)

    def leave_batch(self, cpu: int, pfn: int, name: str) -> None:
        """Linux lru_lazyfree() and __munlock_folio(): put off until the batch is drained."""
        folio = self.folios[pfn]
        folio = replace(folio, batches=without(folio.batches, (cpu, name)))
        if name == "munlock":
            locked = any(self.locked(mm, vpn) for mm, vpn in ptes_of(folio, pfn))
            folio = replace(folio, mlocked=locked)
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
        if not self.policy.batches or folio.batch >= 0 or folio.head >= 0:
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
        if folio.head >= 0:
            return large.free_swap(self, folio.head)
        if self.slots[folio.slot].count:
            return False
        self.say(reasons.SWAPCACHE_FREED, -1, -1, pfn, slot=folio.slot)
        self.slots = self.slots.delete(folio.slot)
        self.put(pfn, replace(folio, slot=-1, dirty=True))
        return True

    def set_slots(self, slots: list[Stretch[Slot]]) -> None:
        """`set_slot` for many; the swap cache is the caller's to touch."""
        self.slots = put_all(self.slots, slots)
        for slot, count, _ in slots:
            touch(self.touched, range(~(slot + count - 1), ~slot + 1))

    def put_swap(self, slot: int) -> None:
        """Drop one swap entry (free_swap_and_cache): the last one frees an unmapped cache folio."""
        value = self.slots[slot]
        self.set_slot(slot, replace(value, count=value.count - 1))
        if value.count > 1:
            return
        if value.cache < 0:
            self.slots = self.slots.delete(slot)
        elif not folio_of(self, value.cache).mapcount:
            self.free_swap(value.cache)


def in_order(batch: tuple[int | tuple[int, str], ...]) -> list[range | tuple[int, str]]:
    """What a batch holds; frames that follow one another are one range."""
    out: list[range | tuple[int, str]] = []
    first = stop = -1
    for entry in batch:
        if entry == stop:
            stop += 1
            continue
        if first >= 0:
            out.append(range(first, stop))
        if isinstance(entry, int):
            first, stop = entry, entry + 1
        else:
            first = stop = -1
            out.append(entry)
    if first >= 0:
        out.append(range(first, stop))
    return out


def without(items: tuple[T, ...], item: T) -> tuple[T, ...]:
    """`items` less one occurrence of `item`."""
    at = items.index(item)
    return items[:at] + items[at + 1 :]
