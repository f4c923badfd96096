"""What must never happen: the predicates of `semantics.md` section 4.

Each answers with what is broken now and its witness, by a key that names it. Spurious copies (S1)
are noted where the copy is made. `audit` asks them along a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from .draft import Violation, vma_of
from .policy import Policy
from .state import (
    ZERO_PFN,
    ZEROES,
    Compound,
    Folio,
    Handle,
    Machine,
    Marker,
    Migrating,
    Pmd,
    Present,
    Pte,
    Swapped,
    Version,
    Zero,
    folio_of,
    inode_of,
    walk,
)
from .stretches import every_stretch, extent, stretches

Key = tuple[object, ...]
Seen = Sequence[tuple[int, int, Pte | None]]
"""(mm, vpn, what stands there) of every mapping that a frame counts."""


class SwapEntries:
    """Which pages name which swap slot: read off the page tables once, when somebody asks."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @cached_property
    def stretches(self) -> list[tuple[int, int, range, bool]]:
        """(mm, vpn, slots, marked exclusive) of entries in order that name slots in order."""
        return [
            (mm, vpn, range(pte.slot, pte.slot + count), pte.exclusive)
            for mm, table in self.machine.tables.items()
            for vpn, count, pte in every_stretch(table)
            if type(pte) is Swapped
        ]

    @cached_property
    def found(self) -> dict[int, list[tuple[int, int, bool]]]:
        found: dict[int, list[tuple[int, int, bool]]] = {}
        for mm, vpn, slots, exclusive in self.stretches:
            for at, slot in enumerate(slots, vpn):
                found.setdefault(slot, []).append((mm, at, exclusive))
        return found

    def of(self, slot: int) -> list[tuple[int, int, bool]]:
        """(mm, vpn, marked exclusive) of each."""
        return self.found.get(slot, [])

    def marked(self, slots: range) -> Iterator[int]:
        """Those of `slots` that an entry names which is marked exclusive."""
        for _, _, named, exclusive in self.stretches:
            if exclusive:
                yield from range(max(slots.start, named.start), min(slots.stop, named.stop))

    def alike(self, slots: range) -> int:
        """How many of `slots`, from the first on, the same page tables name, each the next page."""
        first = self.of(slots.start)
        for by in range(1, len(slots)):
            if self.of(slots.start + by) != [(mm, vpn + by, mark) for mm, vpn, mark in first]:
                return by
        return len(slots)


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
        out += [(mm, vpn) for mm, vpn, _ in swapped.of(slot)]
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


def surprised(machine: Machine, pfn: int) -> list[str]:
    """The handles on this folio that were taken by one mm before another stored to the page."""
    data = machine.folios[pfn].data
    holder = folio_of(machine, pfn)
    return [
        name
        for name in (*holder.gets, *holder.pins)
        if (handle := machine.handles.get(name)) is not None
        and handle.owner != data.author >= 0
        and data.seq > handle.birth
    ]


def handle_views(machine: Machine, pfn: int) -> Iterator[tuple[Key, Violation]]:
    """I2: no handle sees what another mm stored after the reference was taken."""
    data = machine.folios[pfn].data
    for name in surprised(machine, pfn):
        handle = machine.handles[name]
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
    good = 0
    for page, (vpn, pfn) in enumerate(handle.pages):
        if page < good or vpn < 0 or any((handle.owner, vpn) in f.locks for f in machine.flights):
            continue
        if pfn != ZERO_PFN and pfn not in machine.folios:
            continue  # a frame that was freed is another violation
        good = page + linked_pages(machine, handle, page)
        if page < good:
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


def linked_pages(machine: Machine, handle: Handle, page: int) -> int:
    """How many pages of a handle, from one on, lead to the frames it holds, and are alike."""
    vpn, pfn = handle.pages[page]
    if not linked(machine, handle.owner, vpn, pfn):
        return 0
    table, huge = machine.tables[handle.owner], machine.config.huge
    if type(table.get(vpn)) is Present:
        alike = extent(table, range(vpn, vpn + len(handle.pages) - page))
    elif type(table.get(~(vpn - vpn % huge))) is Pmd:
        alike = huge - vpn % huge
    else:
        alike = 1
    left = handle.pages[page : page + alike]
    return next((i for i, at in enumerate(left) if at != (vpn + i, pfn + i)), len(left))


def held(machine: Machine, pfn: int) -> Version:
    return ZEROES if pfn == ZERO_PFN else machine.folios[pfn].data


def coherent(machine: Machine, name: str) -> bool:
    """Do the handle and its owner see the same page, for every page of it?"""
    handle = machine.handles[name]
    page = 0
    while handle.owner in machine.tables and page < len(handle.pages):
        good = linked_pages(machine, handle, page) if handle.pages[page][0] >= 0 else 0
        if not good:
            return False
        page += good
    return handle.owner in machine.tables


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
    bit = bit_of(machine, folio)
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
    if must_be_owned(machine, policy, folio) and (name := pinned_by(machine, pfn)):
        why = f"pinned by {name}, and not exclusive"
        yield ("K3",), Violation("invariant", "K3", why, pfn=pfn, handle=name)


def bit_of(machine: Machine, folio: Folio) -> bool:
    """What a PMD maps has one bit, the head's; the tails' own say nothing until it is split."""
    by_pmd = folio.head >= 0 and bool(machine.compounds[folio.head].maps)
    return machine.folios[folio.head].exclusive if by_pmd else folio.exclusive


def must_be_owned(machine: Machine, policy: Policy, folio: Folio) -> bool:
    """K3: is this a page that nobody may have pinned, as it is not exclusive?"""
    owned = bit_of(machine, folio) or (folio.head >= 0 and machine.folios[folio.head].exclusive)
    return policy.unshare == "exclusive" and not owned


def pinned_by(machine: Machine, pfn: int) -> str:
    """The first handle that pins this page, or "". The head of what a PMD maps is all of it."""
    holder = folio_of(machine, pfn)
    frames = range(pfn, pfn + 1)
    if isinstance(holder, Compound) and holder.maps and machine.folios[pfn].head == pfn:
        frames = range(pfn, pfn + holder.pages)
    for name in holder.pins:
        handle = machine.handles.get(name)
        if handle is None or any(at in frames for _, at in handle.pages):
            return name
    return ""


def doubtful(machine: Machine, policy: Policy, slots: range, swapped: SwapEntries) -> Iterator[int]:
    """Those of `slots` of which K4 may be broken: named more than once, and marked."""
    if policy.swap_exclusive:
        for first, count, value in stretches(machine.slots, slots.start, len(slots)):
            if value.count > 1:
                yield from swapped.marked(range(first, first + count))


def slot_marks(
    machine: Machine, policy: Policy, slot: int, swapped: SwapEntries
) -> Iterator[tuple[Key, Violation]]:
    """K4: a swap entry that is marked exclusive is the only one."""
    value = machine.slots.get(slot)
    if value is None or value.count < 2 or not policy.swap_exclusive:
        return
    for mm, vpn, exclusive in swapped.of(slot):
        if exclusive:
            why = f"marked exclusive, and {value.count} swap entries name the slot"
            yield ("K4", mm, vpn), Violation("invariant", "K4", why, mm, vpn)
