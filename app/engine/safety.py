"""What must never happen: the predicates of `semantics.md` section 4.

An `Audit` follows a run and reports each violation once, at the step that breaks the predicate.
Only frames and slots that the step touched are looked at again, so an audit costs what the step
cost and not what the machine holds. Spurious copies (S1) are noted where the copy is made.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from immutables import Map

from .draft import Violation, vma_of
from .neighbours import mapped_alike
from .policy import Policy
from .state import (
    ZERO_PFN,
    ZEROES,
    Folio,
    Handle,
    Machine,
    Marker,
    Migrating,
    Present,
    Pte,
    Swapped,
    Version,
    Zero,
    folio_of,
    inode_of,
    mappings,
    walk,
)
from .stretches import every_stretch, extent

Key = tuple[object, ...]
Seen = Sequence[tuple[int, int, Pte | None]]
"""(mm, vpn, what stands there) of every mapping that a frame counts."""


class SwapEntries:
    """Which pages name which swap slot: read off the page tables once, when somebody asks."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.found: dict[int, list[tuple[int, int]]] | None = None

    def of(self, slot: int) -> list[tuple[int, int]]:
        if self.found is None:
            self.found = {}
            for mm, table in self.machine.tables.items():
                for vpn, count, pte in every_stretch(table):
                    if type(pte) is Swapped:
                        for by in range(count):
                            self.found.setdefault(pte.slot + by, []).append((mm, vpn + by))
        return self.found.get(slot, [])


class Audit:
    """The predicates that are broken now, by subject."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.broken: dict[Key, Violation] = {}
        self.told: set[object] = set()
        self.handles: Map[str, Handle] = Map()
        self.on_zero_page: set[str] = set()
        self.racing = False

    def copy(self) -> Audit:
        """An audit that goes on by itself."""
        out = Audit(self.policy)
        out.broken = self.broken.copy()
        out.told = self.told.copy()
        out.handles = self.handles
        out.on_zero_page = self.on_zero_page
        out.racing = self.racing
        return out

    def after(
        self, machine: Machine, touched: Iterable[int], *, device: bool = False
    ) -> list[Violation]:
        """The violations that are new in `machine`. `device`: the step was a store by a handle."""
        fresh: list[Violation] = []
        swapped = SwapEntries(machine)
        # In order, not as a set has them: of a store that many see the first witness is told.
        frames = sorted(at for at in touched if at >= 0)
        at = 0
        while at < len(frames):
            pfn = frames[at]
            at += 1
            found = dict(self.frame(machine, pfn, swapped, device))
            if found or self.broken:
                fresh += self.compare(pfn, found)
            elif at < len(frames):
                at = bisect_left(frames, pfn + alike(machine, pfn, frames[-1] + 1 - pfn))
        for subject in sorted(at for at in touched if at < 0):
            found = dict(slot_marks(machine, self.policy, ~subject, swapped))
            if found or self.broken:
                fresh += self.compare(subject, found)
        for name in self.concerned(machine, touched):
            fresh += self.compare(("handle", name), dict(handle_links(machine, name)))
        return fresh

    def concerned(self, machine: Machine, touched: Iterable[int]) -> list[str]:
        """The handles whose link to their owner may have changed: what they hold was touched.

        A pin of the zero page holds no frame; and while lines of a `par` block are on their way,
        what they have locked is nobody's to judge.
        """
        if machine.handles is not self.handles:
            gone = [name for name in self.handles if name not in machine.handles]
            self.handles = machine.handles
            self.on_zero_page = {
                name
                for name, handle in machine.handles.items()
                if any(pfn == ZERO_PFN for _, pfn in handle.pages)
            }
        else:
            gone = []
        racing, self.racing = self.racing, bool(machine.flights)
        if racing or self.racing:
            return [*gone, *machine.handles]
        names = dict.fromkeys((*gone, *self.on_zero_page))
        for pfn in touched if machine.handles else ():
            if pfn in machine.folios:
                folio = folio_of(machine, pfn)
                names.update(dict.fromkeys((*folio.pins, *folio.gets)))
        return [name for name in names if name in machine.handles or name in gone]

    def compare(self, subject: object, found: dict[Key, Violation]) -> list[Violation]:
        known = {key for key in self.broken if key[0] == subject}
        keyed = {(subject, *key): violation for key, violation in found.items()}
        for key in known - keyed.keys():
            del self.broken[key]
        fresh = []
        for key, violation in keyed.items():
            # A store that somebody should not see is told once: its forks and copies are the same.
            store = key[2] if key[1] == "I" else None
            if key not in known and store not in self.told:
                fresh.append(violation)
            if store is not None:
                self.told.add(store)
        self.broken.update(keyed)
        return fresh

    def frame(
        self, machine: Machine, pfn: int, swapped: SwapEntries, device: bool
    ) -> Iterable[tuple[Key, Violation]]:
        folio = machine.folios.get(pfn)
        if folio is None:
            return freed_but_held(machine, pfn)
        seen = [(mm, vpn, entry(machine, mm, vpn)) for mm, vpn in mappings(machine, pfn)]
        flights = machine.flights
        if not flights and not folio.anon:
            return counts(pfn, seen)
        busy = any(f.pfn == pfn or any(at == pfn for _, at in f.taken) for f in flights)
        found: list[tuple[Key, Violation]] = []
        if not busy:
            found += counts(pfn, seen)
        if folio.anon:
            slot = slot_of(machine, pfn)
            shown = places(machine, pfn, seen, swapped, slot)
            found += contents(machine, pfn, folio, shown, device)
            holder = folio_of(machine, pfn)
            if holder.gets or holder.pins:
                found += handle_views(machine, pfn, folio)
            if not busy:
                found += exclusivity(machine, self.policy, pfn, folio, seen, slot)
        return found


def alike(machine: Machine, pfn: int, count: int) -> int:
    """How many of `count` frames from `pfn` on an audit cannot tell from the first.

    What a handle or a swap slot is asked of is asked of each page.
    """
    folio = machine.folios.get(pfn)
    if folio is None:
        return 1 if machine.handles else extent(machine.folios, range(pfn, pfn + count))
    holder = folio_of(machine, pfn)
    if machine.flights or holder.gets or holder.pins or folio.ksm or slot_of(machine, pfn) >= 0:
        return 1
    _, count, _ = next(mapped_alike(machine, pfn, count))
    for mm, vpn in mappings(machine, pfn):
        count = min(count, extent(machine.ghosts[mm], range(vpn, vpn + count)))
    return count


def freed_but_held(machine: Machine, pfn: int) -> Iterator[tuple[Key, Violation]]:
    for name, handle in machine.handles.items():
        if any(at == pfn for _, at in handle.pages):
            yield (
                ("K7", name),
                Violation(
                    "use-after-free",
                    "K7",
                    f"{name} holds a frame that was freed",
                    pfn=pfn,
                    handle=name,
                ),
            )


def counts(pfn: int, seen: Seen) -> list[tuple[Key, Violation]]:
    """K7: every mapping is an entry of its page table, and every entry is counted once."""
    why = "a counted mapping has no page-table entry"
    return [
        (("K7", mm, vpn), Violation("invariant", "K7", why, mm, vpn, pfn))
        for mm, vpn, pte in seen
        if type(pte) is not Present or pte.pfn != pfn
    ]


def entry(machine: Machine, mm: int, vpn: int) -> Pte | None:
    table = machine.tables.get(mm)
    return None if table is None else walk(table, machine.config.huge, vpn)


def slot_of(machine: Machine, pfn: int) -> int:
    """The swap slot whose cache this page is, or -1."""
    page = machine.folios[pfn]
    if page.head < 0:
        return page.slot
    first = machine.compounds[page.head].slot
    return -1 if first < 0 else first + pfn - page.head


def places(
    machine: Machine, pfn: int, seen: Seen, swapped: SwapEntries, slot: int
) -> list[tuple[int, int]]:
    """Every page that shows this frame: mapped, or swapped out with the frame as swap cache."""
    # Within a `par` block a store may have changed the entry, and not yet the count.
    out = [
        (mm, vpn)
        for mm, vpn, pte in seen
        if not machine.flights or (type(pte) is Present and pte.pfn == pfn)
    ]
    if slot >= 0 and machine.slots[slot].count:
        out += swapped.of(slot)
    return out


def contents(
    machine: Machine, pfn: int, folio: Folio, shown: list[tuple[int, int]], device: bool
) -> Iterator[tuple[Key, Violation]]:
    """I1, I3: no mm sees what another mm, or another mm's device, stored."""
    data = folio.data
    forming = {f.child for f in machine.flights} if machine.flights else ()
    for mm, vpn in shown:
        if mm in forming:
            continue
        owed = machine.ghosts[mm].get(vpn, ZEROES)
        if owed.value != data.value and data.author != mm and private(machine, mm, vpn):
            predicate = "I3" if device else "I1"
            who = "a device of another process" if device else "another process"
            yield (
                ("I", data.seq, mm, vpn),
                Violation(
                    "isolation", predicate,
                    f"shows {data.value}, stored by {who}; {owed.value} is owed",
                    mm, vpn, pfn, saw=data.value, owed=owed.value,
                ),
            )  # fmt: skip


def private(machine: Machine, mm: int, vpn: int) -> bool:
    for area in machine.mms[mm].areas.values():
        if area.start <= vpn < area.start + area.pages:
            vma = vma_of(area, vpn)
            return vma is not None and not vma.shared
    return False


def handle_views(machine: Machine, pfn: int, folio: Folio) -> Iterator[tuple[Key, Violation]]:
    """I2: no handle sees what another mm stored after the reference was taken."""
    data = folio.data
    if data.author < 0:
        return
    holder = folio_of(machine, pfn)
    for name in (*holder.gets, *holder.pins):
        handle = machine.handles.get(name)
        if handle is None or handle.owner == data.author or data.seq <= handle.birth:
            continue
        page = next((i for i, (_, at) in enumerate(handle.pages) if at == pfn), -1)
        if page < 0:
            continue
        yield (
            ("I2", name, page),
            Violation(
                "isolation", "I2",
                f"{name} was taken by {handle.process} and now shows {data.value}, "
                "which another process stored later",
                handle.owner, handle.pages[page][0], pfn, name, page, data.value,
            ),
        )  # fmt: skip


def handle_links(machine: Machine, name: str) -> Iterator[tuple[Key, Violation]]:
    """C1, C2: the owner's page table leads to the frame that its pin (or writing GET) holds."""
    handle = machine.handles.get(name)
    if handle is None or not promised(handle) or handle.owner not in machine.tables:
        return
    predicate = "C1" if handle.kind == "pin" else "C2"
    for page, (vpn, pfn) in enumerate(handle.pages):
        if vpn < 0 or any((handle.owner, vpn) in f.locks for f in machine.flights):
            continue
        if pfn != ZERO_PFN and pfn not in machine.folios:
            continue  # a frame that was freed is another violation
        if linked(machine, handle.owner, vpn, pfn):
            continue
        if not handle.longterm and (pfn == ZERO_PFN or not machine.folios[pfn].anon):
            continue  # what nobody owns yet is replaced by the owner's first store
        yield (
            (predicate, page),
            Violation(
                "coherence", predicate,
                f"{name} still holds the old page: {handle.process} and the device behind "
                f"{name} no longer see the same bytes",
                handle.owner, vpn, pfn, name, page, held(machine, pfn).value,
                machine.ghosts[handle.owner].get(vpn, ZEROES).value,
            ),
        )  # fmt: skip


def promised(handle: Handle) -> bool:
    """FOLL_PIN always; FOLL_GET for writing until the owner forks; nothing else."""
    return handle.kind == "pin" or (handle.write and not handle.forked)


def linked(machine: Machine, mm: int, vpn: int, pfn: int) -> bool:
    """Does this page lead to the frame: mapped, through the swap cache, or by the next fault?"""
    pte = entry(machine, mm, vpn)
    if pfn == ZERO_PFN:
        return type(pte) is Zero or type(pte) is Marker or pte is None
    if type(pte) is Present or type(pte) is Migrating:
        return pte.pfn == pfn
    if pte is None:
        inode = machine.folios[pfn].inode
        return inode is not None and inode == inode_of(machine.mms[mm], vpn)
    return type(pte) is Swapped and machine.slots[pte.slot].cache == pfn


def held(machine: Machine, pfn: int) -> Version:
    return ZEROES if pfn == ZERO_PFN else machine.folios[pfn].data


def coherent(machine: Machine, name: str) -> bool:
    """Do the handle and its owner see the same page, for every page of it?"""
    handle = machine.handles[name]
    return handle.owner in machine.tables and all(
        vpn >= 0 and linked(machine, handle.owner, vpn, pfn) for vpn, pfn in handle.pages
    )


def exclusivity(
    machine: Machine, policy: Policy, pfn: int, folio: Folio, seen: Seen, slot: int
) -> Iterator[tuple[Key, Violation]]:
    """K1, K2, K3, K5, K9: what the bit and a writable PTE promise."""
    writable = [(mm, vpn, pte) for mm, vpn, pte in seen if type(pte) is Present and pte.write]
    if writable and len(seen) > 1:
        mm, vpn, _ = writable[0]
        why = f"one of {len(seen)} mappings of the page may write it"
        yield ("K9",), Violation("invariant", "K9", why, mm, vpn, pfn)
    if policy.bit == "none":
        return
    # What a PMD maps has one bit, the head's; the tails' own say nothing until it is split.
    by_pmd = folio.head >= 0 and bool(machine.compounds[folio.head].maps)
    bit = machine.folios[folio.head].exclusive if by_pmd else folio.exclusive
    for mm, vpn, pte in writable:
        if not (pte.exclusive or bit):
            why = "a writable PTE maps a page that is not exclusive"
            yield ("K1", mm, vpn), Violation("invariant", "K1", why, mm, vpn, pfn)
    if bit and (len(seen) > 1 or folio.ksm):
        why = f"exclusive, and mapped {len(seen)} times"
        yield ("K2",), Violation("invariant", "K2", why, pfn=pfn)
    entries = machine.slots[slot].count if slot >= 0 else 0
    if bit and entries:
        why = f"exclusive, and {entries} swap entries name the page"
        predicate = "K2" if seen else "K5"
        yield ("K5",), Violation("invariant", predicate, why, pfn=pfn)
    owned = bit or (folio.head >= 0 and machine.folios[folio.head].exclusive)
    if policy.unshare == "exclusive" and not owned and (name := pinned_by(machine, pfn)):
        why = f"pinned by {name}, and not exclusive"
        yield ("K3",), Violation("invariant", "K3", why, pfn=pfn, handle=name)


def pinned_by(machine: Machine, pfn: int) -> str:
    """The first handle that pins this page, or ""."""
    for name in folio_of(machine, pfn).pins:
        handle = machine.handles.get(name)
        if handle is None or any(at == pfn for _, at in handle.pages):
            return name
    return ""


def slot_marks(
    machine: Machine, policy: Policy, slot: int, swapped: SwapEntries
) -> Iterator[tuple[Key, Violation]]:
    """K4: a swap entry that is marked exclusive is the only one."""
    value = machine.slots.get(slot)
    if value is None or value.count < 2 or not policy.swap_exclusive:
        return
    for mm, vpn in swapped.of(slot):
        pte = machine.tables[mm][vpn]
        if type(pte) is Swapped and pte.exclusive:
            why = f"marked exclusive, and {value.count} swap entries name the slot"
            yield ("K4", mm, vpn), Violation("invariant", "K4", why, mm, vpn)
