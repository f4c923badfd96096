"""What fork does with one page, or with many that are alike: mm/memory.c, include/linux/rmap.h."""

from __future__ import annotations

from msgspec.structs import replace

from . import large, reasons
from .alike import allocate_alike, only_appended
from .draft import Draft, Violation
from .reuse import is_exclusive, observed
from .state import (
    GUP_PIN_COUNTING_BIAS,
    Compound,
    Entry,
    Folio,
    Present,
    Slot,
    Swapped,
    Vma,
    Zero,
    folio_of,
)
from .stretches import Stretch, stretches
from .touched import touch

Theirs = list[Stretch[Entry]]
"""What a child gets: neighbours that are alike, and the first of their entries."""


def shared_page(page: Folio, mapping: tuple[int, int], clears: bool) -> Folio:
    return replace(page, maps=(*page.maps, mapping), exclusive=page.exclusive and not clears)


def may_need_copy(m: Draft, old: int, pte: Present) -> bool:
    """Linux folio_needs_cow_for_dma(), all but the count: can a pin of this page matter?"""
    policy = m.policy
    return (
        policy.fork_copies_pinned
        and m.folios[pte.pfn].anon
        and m.mms[old].has_pinned
        and (not policy.fork_asks_exclusive or is_exclusive(m, pte))
    )


def may_be_copied(m: Draft, old: int, pte: Present) -> bool:
    """Linux folio_needs_cow_for_dma()."""
    return may_need_copy(m, old, pte) and maybe_pinned_at_fork(folio_of(m, pte.pfn))


def maybe_pinned_at_fork(folio: Folio | Compound) -> bool:
    """folio_needs_cow_for_dma() asks after fork took a reference of its own."""
    if type(folio) is Compound:
        return folio.maybe_pinned
    return folio.refcount + 1 >= GUP_PIN_COUNTING_BIAS


def dup_rmap(m: Draft, old: int, new: int, vpn: int, pte: Present) -> None:
    """Linux folio_try_dup_anon_rmap_pte(): the bit goes, one mapping and reference more."""
    if m.events is not None:
        say_shared(m, old, vpn, pte)
    folio = m.folios[pte.pfn]
    mapping = (new, vpn - pte.pfn)
    m.set_folio(pte.pfn, shared_page(folio, mapping, clears=m.policy.fork_clears))
    if folio.head >= 0:
        large.add_mappings(m, folio.head, new, 1)


def say_shared(m: Draft, old: int, vpn: int, pte: Present) -> None:
    clears = m.folios[pte.pfn].anon and m.policy.bit != "none" and is_exclusive(m, pte)
    m.say(reasons.FORK_SHARES if clears else reasons.FORK_SHARES_AGAIN, old, vpn, pte.pfn)


def shared_ptes(m: Draft, pte: Present) -> tuple[Present, Present]:
    """The parent's and the child's PTE of a page that they share from now on."""
    policy = m.policy
    write = pte.write and not policy.fork_protects
    exclusive = pte.exclusive and not policy.fork_clears
    mine = pte
    if pte.write != write or pte.exclusive != exclusive:
        mine = replace(pte, write=write, exclusive=exclusive)
    return mine, replace(mine, young=False, uffd_wp=False)


def copy_present_pages(
    m: Draft, old: int, new: int, vma: Vma, vpns: range, pte: Present, theirs: Theirs
) -> int:
    """Copy the first page of `vpns`, whose folios are alike, and if it may be an example the
    others; returns how many were copied."""
    folio = m.folios[pte.pfn]
    lru, violations = m.lru, len(m.violations)
    said = m.said()
    copy = copy_present_page(m, old, new, vma, vpns.start, pte)
    count = len(vpns) - 1
    if (
        folio.batch >= 0 or folio.batches or len(m.violations) > violations
        or not only_appended(m, lru, 1) or len(m.folios) + count > m.config.memory
    ):  # fmt: skip
        count = 0
    theirs.append((vpns.start, 1 + count, copy))
    if count:
        told = m.told_since(said)
        touch(m.touched, allocate_alike(m, copy.pfn, count))
        m.copies += count
        m.say_again(told, count, (pte.pfn, copy.pfn))
    return 1 + count


def copy_present_page(m: Draft, old: int, new: int, vma: Vma, vpn: int, pte: Present) -> Present:
    """Linux copy_present_page(): the child gets its own page at once, the parent keeps its own."""
    child_vma = replace(vma, locked=False) if vma.locked else vma
    folio = folio_of(m, pte.pfn)
    pfn = m.alloc_anon(new, vpn, child_vma, m.folios[pte.pfn].data)
    m.copies += 1
    if type(folio) is Compound:
        why = f"pincount {folio.pincount}"
    else:
        why = f"refcount {folio.refcount} >= {GUP_PIN_COUNTING_BIAS}"
    m.say(reasons.FORK_COPIES, old, vpn, pte.pfn, why, to=pfn)
    # A pin of any page makes fork copy all pages of a large folio, by design.
    if type(folio) is Folio and not observed(m, pte.pfn, (old, vpn)):
        m.violations.append(
            Violation(
                "spurious-copy",
                "S1",
                f"copied for the child at refcount {folio.refcount} although no pin holds the page",
                old,
                vpn,
                pte.pfn,
            )
        )
    return Present(
        pfn,
        vma.writable,
        True,
        exclusive=m.policy.sets_pte,
        soft_dirty=True,
    )


def copy_nonpresent_ptes(
    m: Draft, old: int, stretch: Stretch[Entry], ours: Theirs, theirs: Theirs
) -> None:
    """Linux copy_nonpresent_pte(), and the zero page; markers and page tables stay behind."""
    vpn, count, entry = stretch
    if type(entry) is Swapped:
        copy_swap_ptes(m, old, vpn, count, entry, ours, theirs)
    elif type(entry) is Zero:
        said = m.said()
        m.say(reasons.FORK_ZERO, old, vpn)
        m.say_again(m.told_since(said), count - 1)
        theirs.append((vpn, count, Zero()))


def copy_swap_ptes(
    m: Draft, old: int, vpn: int, count: int, pte: Swapped, ours: Theirs, theirs: Theirs
) -> None:
    """Swap entries of slots in order: of each slot one more entry names it."""
    exclusive = pte.exclusive and not m.policy.fork_clears_swap
    reason = reasons.FORK_SWAP if pte.exclusive and not exclusive else reasons.FORK_SWAP_COUNT
    by = vpn - pte.slot
    slots: list[Stretch[Slot]] = []
    for first, same, slot in stretches(m.slots, pte.slot, count):
        slots.append((first, same, replace(slot, count=slot.count + 1)))
        if slot.cache >= 0:
            touch(m.touched, range(slot.cache, slot.cache + same))
        said = m.said()
        m.say(reason, old, first + by, -1, slot.count + 1, slot=first)
        m.say_again(m.told_since(said), same - 1)
    m.set_slots(slots)
    if exclusive != pte.exclusive:
        ours.append((vpn, count, replace(pte, exclusive=exclusive)))
    theirs.append((vpn, count, replace(pte, exclusive=exclusive, uffd_wp=False)))
