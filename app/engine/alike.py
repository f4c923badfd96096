"""One page's turn, taken by all pages that are alike.

A step on 512 pages mostly meets 512 times the same: the same entry but for its frame, and frames
whose folios are equal values. Then the first page takes its turn as always, and what that did to it
is done to the others at once. Nothing is decided here: a turn that changed, or could have read,
more than its own page and the LRU batch is nobody's example.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import is_
from typing import TypeVar

from . import reasons
from .blocks import nth
from .draft import Draft
from .events import Effect
from .faults import spurious_copies
from .frames import LRU_BATCH
from .large import fewer_ptes
from .state import Compound, Entry, Folio, Pages, PageTable, Pmd, Present, Swapped, Vma, Zero
from .stretches import drop, extent, fill, put_all
from .touched import Touched, holds, touch

T = TypeVar("T")
Batches = tuple[tuple[int | tuple[int, str], ...], ...]


def together(
    m: Draft,
    mm: int,
    vma: Vma,
    pages: range,
    turn: Callable[[int], T],
    effect: Effect | None = None,
) -> tuple[T, int]:
    """`turn(vpn)` for the first page of `pages`, and for those behind it that are alike.

    `pages` are of one VMA; `effect` is what turns may do to their large folio beside leaving it.
    Returns the answer, and how many pages it is the answer of. What the first turn raises it
    raises.
    """
    if vma.shared or vma.file or stands_alone(m.tables[mm], pages):
        return turn(pages.start), 1
    example = Example(m, mm, pages.start, effect)
    try:
        answer = turn(pages.start)
    finally:
        changed, m.touched = m.touched, example.touched
        m.touched |= changed
    first = pages.start - pages.start % m.config.huge
    stop = min(pages.stop, first + m.config.huge)
    return answer, 1 + example.follow(range(pages.start + 1, stop), changed)


def stands_alone(table: PageTable, pages: range) -> bool:
    """Is the first of `pages` mapped, and the next one not in the same way?"""
    pte = table.get(pages.start)
    return type(pte) is Present and table.get(pages.start + 1) != nth(pte, 1)


def elsewhere(m: Draft) -> tuple[object, ...]:
    """What an example may not change."""
    return m.processes, m.mms, m.handles, m.inodes, m.flights


class Example:
    """A page before its turn. `follow` is for after it."""

    def __init__(self, m: Draft, mm: int, vpn: int, effect: Effect | None) -> None:
        self.m, self.mm, self.vpn, self.effect = m, mm, vpn, effect
        self.table, self.ghosts, self.folios = m.tables[mm], m.ghosts[mm], m.folios
        self.pte = self.after = self.table.get(vpn)
        self.old = -1
        if type(self.pte) is Present:
            self.old = self.pte.pfn
        elif type(self.pte) is Swapped:
            self.old = m.slots[self.pte.slot].cache
        self.folio = m.folios[self.old] if self.old >= 0 else None
        self.elsewhere, self.compounds, self.slots = elsewhere(m), m.compounds, m.slots
        self.next_pfn, self.lru, self.copies = m.next_pfn, m.lru, m.copies
        self.said = m.said()
        self.violated = len(m.violations)
        self.touched, m.touched = m.touched, set()

    def follow(self, pages: range, changed: Touched) -> int:
        """Do to the first of `pages` what was done here, as long as they are alike; to how many.

        `changed` are the frames that were touched here.
        """
        m = self.m
        if self.pte is None and m.folios is self.folios:
            return self.follow_in_pmd(pages, changed)
        fresh = m.next_pfn - self.next_pfn
        if not self.stayed_at_home(fresh):
            return 0
        folio = self.folio
        head = folio.head if folio is not None and m.compounds is not self.compounds else -1
        if head >= 0 and self.effect is None:
            pages = pages[: self.may_leave(self.compounds[head])]
            pages = self.seen_alike(pages)
        if type(self.pte) is Swapped:
            # What was freed on its way through the swap cache was told with its slot.
            freed = self.pte.slot not in m.slots and holds(changed, ~self.pte.slot)
            count = 0 if freed else self.count_swapped(self.pte, pages)
        else:
            count = count_alike(m.folios, self.table, pages, self.pte, folio)
            if count and folio is not None and folio.slot >= 0:
                # Whether the page may be reused was asked of its slot, too.
                count = extent(self.slots, range(folio.slot, folio.slot + 1 + count)) - 1
        if not count or len(m.folios) + fresh * count > m.config.memory:
            return 0
        told = m.told_since(self.said)
        new = m.next_pfn - 1 if fresh else -1
        if fresh:
            touch(m.touched, allocate_alike(m, new, count))
        if self.old >= 0 and holds(changed, self.old):
            spread(m, self.old, count)
        if type(self.pte) is Swapped:
            self.change_slots(self.pte.slot, count)
        self.change_entries(count)
        version = m.ghosts[self.mm].get(self.vpn)
        if version is not None and version is not self.ghosts.get(self.vpn):
            owed = range(self.vpn, self.vpn + 1 + count)
            m.ghosts = m.ghosts.set(self.mm, fill(m.ghosts[self.mm], owed, version))
        m.copies += (m.copies - self.copies) * count
        effect = self.effect or self.leave
        if len(m.violations) > self.violated:
            before = self.compounds[head].refcount - 1
            m.violations += spurious_copies(
                self.mm, self.vpn + 1, self.old + 1, range(before, before - count, -1), large=True
            )
        if head >= 0:
            m.compounds = m.compounds.set(head, effect(m.compounds[head], count))
        m.say_again(told, count, (self.old, new), effect if head >= 0 else None)
        return count

    @property
    def leave(self) -> Effect:
        return partial(fewer_ptes, mm=self.mm)

    def seen_alike(self, pages: range) -> range:
        """As many of `pages` as are seen by some handle if this page is, and by none if not."""
        held = {pfn for handle in self.m.handles.values() for _, pfn in handle.pages}
        mine = self.old in held
        for by in range(len(pages)) if held else ():
            if (self.old + 1 + by in held) != mine:
                return pages[:by]
        return pages

    def follow_in_pmd(self, pages: range, changed: Touched) -> int:
        """`follow` where one PMD maps all of `pages`: only what they share may have changed."""
        m, effect = self.m, self.effect
        first = self.vpn - self.vpn % m.config.huge
        pmd = self.table.get(~first)
        still = (m.tables[self.mm], m.ghosts[self.mm], m.slots, m.lru)
        if (
            type(pmd) is not Pmd or effect is None
            or not all(map(is_, still, (self.table, self.ghosts, self.slots, self.lru)))
            or not all(map(is_, self.elsewhere, elsewhere(m)))
            or len(m.violations) > self.violated
            or not self.had_effect(pmd.pfn, effect)
        ):  # fmt: skip
            return 0
        count, page = len(pages), pmd.pfn + self.vpn - first
        m.compounds = m.compounds.set(pmd.pfn, effect(m.compounds[pmd.pfn], count))
        if holds(changed, page):
            touch(m.touched, range(page + 1, page + 1 + count))
        told = m.told_since(self.said)
        m.say_again(told, count, (page,), effect)
        return count

    def count_swapped(self, pte: Swapped, pages: range) -> int:
        """`count_alike` of swap entries: slots in order that hold the same, cached alike."""
        count = 0
        value = self.slots[pte.slot]
        while count < len(pages):
            left, slot = pages[count:], pte.slot + count + 1
            same = self.table.get(left.start) == nth(pte, count + 1)
            if not same or self.slots.get(slot) != nth(value, count + 1):
                break
            alike = extent(self.table, left)
            count += extent(self.slots, range(slot, slot + alike))
        if self.old >= 0:
            count = min(count, extent(self.folios, range(self.old, self.old + 1 + count)) - 1)
        return count

    def stayed_at_home(self, fresh: int) -> bool:
        """Did the turn change, and could it have read, only what is this page's own?"""
        m = self.m
        if fresh > 1 or not all(map(is_, self.elsewhere, elsewhere(m))):
            return False
        if m.slots is not self.slots and not (self.left_swap() or self.stayed_in_cache()):
            return False
        folio = self.folio
        if folio is not None:
            if folio.batches or folio.ksm:
                return False
            if folio.batch >= 0 and m.lru is not self.lru:
                # The pages behind it wait in a batch, too, and may leave it before their turn.
                return False
        if type(self.pte) is Present:
            assert folio is not None
            if folio.head == self.old:
                # What is said of a head may be said of its folio.
                return False
            if m.compounds is not self.compounds and not self.left_large(folio.head):
                return False
            if len(m.violations) > self.violated and not self.copied_in_vain(folio.head):
                return False
        elif len(m.violations) > self.violated or m.compounds is not self.compounds:
            return False
        elif type(self.pte) is Swapped:
            if m.slots is self.slots or (folio is not None and folio.head >= 0):
                return False
        elif type(self.pte) is not Zero and self.pte is not None:
            return False
        now = m.tables[self.mm]
        if now is not self.table:
            self.after = now.get(self.vpn)
            pmd = ~(self.vpn - self.vpn % m.config.huge)
            if now.get(pmd) is not self.table.get(pmd):
                return False
        kind = type(self.after)
        if kind is not Present and kind is not Zero:
            return False
        return only_appended(m, self.lru, fresh)

    def change_entries(self, count: int) -> None:
        m = self.m
        pte = self.after
        if pte is not None and pte != self.pte:
            vpns = range(self.vpn, self.vpn + 1 + count)
            m.tables = m.tables.set(self.mm, fill(m.tables[self.mm], vpns, pte))

    def left_swap(self) -> bool:
        """Did nothing happen to the swap device but that this page's slot is free?"""
        pte = self.pte
        if type(pte) is not Swapped or pte.slot in self.m.slots or self.slots[pte.slot].cache >= 0:
            return False
        return self.m.slots == self.slots.delete(pte.slot)

    def stayed_in_cache(self) -> bool:
        """Did nothing happen to the swap device but that this page's slot has an entry less?

        What is freed may have been so because the device is full, which it is less then.
        """
        pte = self.pte
        if type(pte) is not Swapped or pte.slot not in self.m.slots:
            return False
        value = self.m.slots[pte.slot]
        return (
            value.cache == (self.old if self.old >= 0 else self.m.next_pfn - 1)
            and not value.ksm
            and self.m.slots == self.slots.set(pte.slot, value)
        )

    def change_slots(self, slot: int, count: int) -> None:
        m = self.m
        if slot not in m.slots:
            m.slots = drop(m.slots, range(slot + 1, slot + 1 + count))
            return
        m.slots = fill(m.slots, range(slot, slot + 1 + count), m.slots[slot])
        touch(m.touched, range(~(slot + count), ~slot))

    def had_effect(self, head: int, effect: Effect) -> bool:
        """Did nothing happen to large folios but this to the one at `head`?"""
        before = self.compounds.get(head)
        return before is not None and self.m.compounds == self.compounds.set(
            head, effect(before, 1)
        )

    def copied_in_vain(self, head: int) -> bool:
        """Was it a page of a large folio that was copied although nobody else could see it?"""
        violations = self.m.violations[self.violated :]
        before = self.compounds.get(head)
        return before is not None and violations == spurious_copies(
            self.mm, self.vpn, self.old, range(before.refcount, before.refcount + 1), large=True
        )

    def left_large(self, head: int) -> bool:
        """Did a PTE less map this large folio, or had it the effect that was said?

        A turn that took a fault may have counted references, and its effect may be one more.
        """
        m = self.m
        calm = m.tables[self.mm] is self.table and m.folios is self.folios
        if self.effect is not None and calm and self.had_effect(head, self.effect):
            return True
        self.effect = None
        return self.compounds[head].slot < 0 and self.had_effect(head, self.leave)

    def may_leave(self, before: Compound) -> int:
        """How many PTEs more may leave a large folio before the answer can be another one.

        Somebody maps it whole: then no count of PTEs makes it anybody's own. Else the last mapping
        is treated otherwise, and with owner slots it must stay "maybe shared" that long, which ends
        when one owner has all mappings that are left.
        """
        left = before.mapcount - 1
        if before.maps:
            return left
        if not self.m.policy.owner_tracking:
            return left - 1
        if not before.shared:
            return 0
        return min([left - 1, *(left - held for mm, held in before.owners if mm != self.mm)])


def count_alike(
    folios: Pages[Folio], table: PageTable, pages: range, pte: Entry | None, folio: Folio | None
) -> int:
    """How many of `pages` go on in order from `pte`, the entry of the page before them.

    If it maps a page that is like `folio`, they shall do so, too.
    """
    count = 0
    while count < len(pages):
        left = pages[count:]
        entry = table.get(left.start)
        if type(pte) is not Present:
            if entry != pte:
                break
            count += extent(table, left)
        elif type(entry) is not Present or entry != nth(pte, count + 1):
            break
        else:
            alike = extent(folios, range(entry.pfn, entry.pfn + extent(table, left)))
            page = folios[entry.pfn]
            if page is not folio and page != nth(folio, count + 1):
                break
            count += alike
    return count


def spread(m: Draft, pfn: int, count: int) -> None:
    """What has become of the folio at `pfn` becomes of the `count` frames behind it."""
    pfns = range(pfn + 1, pfn + 1 + count)
    touch(m.touched, pfns)
    if pfn in m.folios:
        m.folios = fill(m.folios, pfns, nth(m.folios[pfn], 1))
    else:
        m.folios = drop(m.folios, pfns)


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
    fresh = m.folios[like]
    cpu = fresh.batch
    if cpu < 0:
        m.folios = fill(m.folios, range(like, frames.stop), fresh)
        return frames
    room = LRU_BATCH - len(m.lru[cpu])
    if count <= room:
        m.folios = fill(m.folios, range(like, frames.stop), fresh)
        fill_batch(m, cpu, frames)
        return frames
    m.lru_add_drain(cpu, room)
    batches, waiting = divmod(count - room - 1, LRU_BATCH)
    for _ in range(batches):
        m.say(reasons.DRAINED, -1, -1, -1, cpu, LRU_BATCH)
    waiting += 1
    behind = 1 + count - waiting
    m.folios = put_all(
        m.folios, [(like, behind, m.folios[like]), (like + behind, waiting, nth(fresh, behind))]
    )
    fill_batch(m, cpu, frames[-waiting:])
    return frames


def fill_batch(m: Draft, cpu: int, pfns: range) -> None:
    lru = m.lru
    m.lru = (*lru[:cpu], (*lru[cpu], *pfns), *lru[cpu + 1 :])
