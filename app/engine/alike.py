"""One page's turn, taken by all pages that are alike.

A step on 512 pages mostly meets 512 times the same: the same entry but for its frame, and frames
whose folios are equal values. Then the first page takes its turn as always, and what that did to it
is done to the others at once. Nothing is decided here: a turn that changed, or could have read,
more than its own page and the LRU batch is nobody's example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from immutables import Map
from msgspec.structs import replace

from . import reasons
from .draft import Draft, Event
from .frames import LRU_BATCH
from .large import fewer_ptes
from .state import Compound, Entry, Folio, Present, Vma, Zero

T = TypeVar("T")
Batches = tuple[tuple[int | tuple[int, str], ...], ...]


def together(m: Draft, mm: int, vma: Vma, pages: range, turn: Callable[[int], T]) -> tuple[T, int]:
    """`turn(vpn)` for the first page of `pages`, and for those behind it that are alike.

    `pages` are of one VMA. Returns the answer, and how many pages it is the answer of. What the
    first turn raises it raises.
    """
    example = Example(m, mm, pages.start)
    try:
        answer = turn(pages.start)
    finally:
        changed, m.touched = m.touched, example.touched
        m.touched |= changed
    if vma.shared or vma.file or vma.hugetlb:
        return answer, 1
    first = pages.start - pages.start % m.config.huge
    stop = min(pages.stop, first + m.config.huge)
    return answer, 1 + example.follow(range(pages.start + 1, stop), changed)


def elsewhere(m: Draft) -> tuple[object, ...]:
    """What an example may not change."""
    return (
        m.processes, m.mms, m.slots, m.handles, m.inodes, m.flights,
        len(m.violations),
    )  # fmt: skip


class Example:
    """A page before its turn. `follow` is for after it."""

    def __init__(self, m: Draft, mm: int, vpn: int) -> None:
        self.m, self.mm, self.vpn = m, mm, vpn
        self.table, self.ghosts = m.tables[mm], m.ghosts[mm]
        self.pte = self.table.get(vpn)
        self.old = self.pte.pfn if type(self.pte) is Present else -1
        self.folio = m.folios[self.old] if self.old >= 0 else None
        self.elsewhere, self.compounds = elsewhere(m), m.compounds
        self.next_pfn, self.lru, self.copies = m.next_pfn, m.lru, m.copies
        self.said = len(m.events) if m.events is not None else 0
        self.touched, m.touched = m.touched, set()

    def follow(self, pages: range, changed: set[int]) -> int:
        """Do to the first of `pages` what was done here, as long as they are alike; to how many.

        `changed` are the frames that were touched here.
        """
        m = self.m
        fresh = m.next_pfn - self.next_pfn
        if not self.stayed_at_home(fresh):
            return 0
        table = self.table
        entries = ((vpn, table.get(vpn)) for vpn in pages)
        count = count_alike(m.folios, entries, self.vpn, self.pte, self.folio)
        if not count or len(m.folios) + fresh * count > m.config.memory:
            return 0
        said = m.events[self.said :] if m.events is not None else []
        new = m.next_pfn - 1 if fresh else -1
        if fresh:
            m.touched.update(allocate_alike(m, new, count))
        if self.old in changed:
            spread(m, self.old, count)
        self.change_entries(count)
        version = m.ghosts[self.mm].get(self.vpn)
        if version is not None and version is not self.ghosts.get(self.vpn):
            owed = dict.fromkeys(pages[:count], version)
            m.ghosts = m.ghosts.set(self.mm, m.ghosts[self.mm].update(owed))
        m.copies += (m.copies - self.copies) * count
        folio = self.folio
        if folio is not None and folio.head >= 0 and m.compounds is not self.compounds:
            value = fewer_ptes(m.compounds[folio.head], self.mm, count)
            m.compounds = m.compounds.set(folio.head, value)
        leaver = self.mm if m.compounds is not self.compounds else -1
        retell(m, said, count, (self.old, new), leaver)
        return count

    def stayed_at_home(self, fresh: int) -> bool:
        """Did the turn change, and could it have read, only what is this page's own?"""
        m = self.m
        if fresh > 1 or any(a is not b for a, b in zip(self.elsewhere, elsewhere(m), strict=True)):
            return False
        if type(self.pte) is Present:
            folio = self.folio
            assert folio is not None
            if folio.batch >= 0 or folio.batches or folio.slot >= 0 or folio.ksm:
                return False
            if folio.head == self.old:
                # What is said of a head may be said of its folio.
                return False
            if m.compounds is not self.compounds and not self.left_large(folio.head):
                return False
        elif (type(self.pte) is not Zero and self.pte is not None) or (
            m.compounds is not self.compounds
        ):
            return False
        now = m.tables[self.mm]
        pmd = ~(self.vpn - self.vpn % m.config.huge)
        kind = type(now.get(self.vpn))
        if (kind is not Present and kind is not Zero) or now.get(pmd) is not self.table.get(pmd):
            return False
        return only_appended(m, self.lru, fresh)

    def change_entries(self, count: int) -> None:
        m = self.m
        pte = m.tables[self.mm][self.vpn]
        if pte is not self.pte:
            entries = entries_alike(self.vpn, pte, count)
            m.tables = m.tables.set(self.mm, m.tables[self.mm].update(entries))

    def left_large(self, head: int) -> bool:
        """Did nothing happen to large folios but that a PTE less maps this one?

        Somebody must map it whole: then no count of PTEs makes it anybody's own.
        """
        before, now = self.compounds.get(head), self.m.compounds
        if before is None or not before.maps or before.slot >= 0:
            return False
        return now == self.compounds.set(head, fewer_ptes(before, self.mm, 1))


def count_alike(
    folios: Map[int, Folio],
    entries: Iterable[tuple[int, Entry | None]],
    vpn: int,
    pte: Entry | None,
    folio: Folio | None,
) -> int:
    """How many of `entries` go on in order from `pte` at `vpn`, which maps a page like `folio`."""
    count = 0
    for at, entry in entries:
        count += 1
        if at != vpn + count:
            return count - 1
        if type(pte) is not Present:
            if entry != pte:
                return count - 1
        elif type(entry) is not Present or entry != replace(pte, pfn=pte.pfn + count):
            return count - 1
        else:
            page = folios[entry.pfn]
            if page is not folio and page != folio:
                return count - 1
    return count


def spread(m: Draft, pfn: int, count: int) -> None:
    """What has become of the folio at `pfn` becomes of the `count` frames behind it."""
    pfns = range(pfn + 1, pfn + 1 + count)
    m.touched.update(pfns)
    if pfn in m.folios:
        m.folios = m.folios.update(dict.fromkeys(pfns, m.folios[pfn]))
        return
    folios = m.folios.mutate()
    for gone in pfns:
        del folios[gone]
    m.folios = folios.finish()


def entries_alike(vpn: int, pte: Entry, count: int) -> dict[int, Entry]:
    """What stands behind `pte`, which is the entry at `vpn`: the same, for frames in order."""
    vpns = range(vpn + 1, vpn + 1 + count)
    if type(pte) is not Present:
        return dict.fromkeys(vpns, pte)
    by = pte.pfn - vpn
    return {at: replace(pte, pfn=at + by) for at in vpns}


def retell(
    m: Draft, said: Sequence[Event], count: int, frames: tuple[int, ...], leaver: int = -1
) -> None:
    """The same decisions `count` times more, each of the next page and the next of `frames`.

    `leaver` is the mm whose PTEs leave a large folio meanwhile, one by one.
    """
    if not said:
        return
    events = m.events
    assert events is not None
    for i in range(1, count + 1):
        names = {pfn: pfn + i for pfn in frames if pfn >= 0}
        for event in said:
            pfn, to = names.get(event.pfn, event.pfn), names.get(event.to, event.to)
            at = event.vpn + i if event.vpn >= 0 else -1
            folio = event.folio
            if leaver >= 0 and type(folio) is Compound:
                folio = fewer_ptes(folio, leaver, i)
            events.append(replace(event, vpn=at, pfn=pfn, to=to, folio=folio))


def only_appended(m: Draft, lru: Batches, fresh: int) -> bool:
    """Did the LRU batches, once `lru`, take in what was allocated since, and drain nothing?"""
    if fresh and m.policy.batches:
        cpu = m.cpu
        lru = (*lru[:cpu], (*lru[cpu], m.next_pfn - 1), *lru[cpu + 1 :])
    return lru == m.lru


def allocate_alike(m: Draft, like: int, count: int) -> range:
    """So many more frames, as if allocated one by one after the frame `like`, which is the last.

    Each goes through this CPU's LRU batch, which drains when it is full.
    """
    frames = range(like + 1, like + 1 + count)
    m.next_pfn = frames.stop
    folio = m.folios[like]
    m.folios = m.folios.update(dict.fromkeys(frames, folio))
    if folio.batch < 0:
        return frames
    cpu = folio.batch
    room = LRU_BATCH - len(m.lru[cpu])
    fill_batch(m, cpu, frames[:room])
    left = frames[room:]
    if not left:
        return frames
    m.lru_add_drain(cpu)
    drained = m.folios[like]
    while len(left) > LRU_BATCH:
        m.say(reasons.DRAINED, -1, -1, -1, cpu, LRU_BATCH)
        left = left[LRU_BATCH:]
    through = frames[room : len(frames) - len(left)]
    m.folios = m.folios.update(dict.fromkeys(through, drained))
    fill_batch(m, cpu, left)
    return frames


def fill_batch(m: Draft, cpu: int, pfns: range) -> None:
    lru = m.lru
    m.lru = (*lru[:cpu], (*lru[cpu], *pfns), *lru[cpu + 1 :])
