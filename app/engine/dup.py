"""What fork does with one page, or with many that are alike: mm/memory.c, include/linux/rmap.h."""

from __future__ import annotations

from itertools import islice

from immutables import MapMutation
from msgspec.structs import replace

from . import large, reasons
from .alike import allocate_alike, count_alike, entries_alike, only_appended, retell
from .draft import Draft, Violation
from .reuse import is_exclusive, observed
from .state import (
    GUP_PIN_COUNTING_BIAS,
    Compound,
    Entry,
    Folio,
    Present,
    Swapped,
    Vma,
    Zero,
    folio_of,
)

MutableTable = MapMutation[int, Entry]


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
    m: Draft, old: int, new: int, vma: Vma, entries: list[tuple[int, Entry]], at: int,
    theirs: dict[int, Entry],
) -> int:  # fmt: skip
    """Copy the page of `entries[at]`, and those behind it that are alike; returns how many those
    are."""
    vpn, pte = entries[at]
    assert type(pte) is Present
    folio = m.folios[pte.pfn]
    lru, violations = m.lru, len(m.violations)
    said = len(m.events) if m.events is not None else 0
    copy = theirs[vpn] = copy_present_page(m, old, new, vma, vpn, pte)
    waits = folio.batch >= 0 or folio.batches
    if waits or len(m.violations) > violations or not only_appended(m, lru, 1):
        return 0
    count = count_alike(m.folios, islice(entries, at + 1, None), vpn, pte, folio)
    if not count or len(m.folios) + count > m.config.memory:
        return 0
    told = m.events[said:] if m.events is not None else ()
    m.touched.update(allocate_alike(m, copy.pfn, count))
    theirs.update(entries_alike(vpn, copy, count))
    m.copies += count
    retell(m, told, count, (pte.pfn, copy.pfn))
    return count


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


def copy_nonpresent_pte(
    m: Draft, old: int, vpn: int, entry: Entry, ours: MutableTable, theirs: dict[int, Entry]
) -> None:
    """Linux copy_nonpresent_pte(), and the zero page; markers and page tables stay behind."""
    if type(entry) is Swapped:
        copy_swap_pte(m, old, vpn, entry, ours, theirs)
    elif type(entry) is Zero:
        m.say(reasons.FORK_ZERO, old, vpn)
        theirs[vpn] = Zero()


def copy_swap_pte(
    m: Draft, old: int, vpn: int, pte: Swapped, ours: MutableTable, theirs: dict[int, Entry]
) -> None:
    """A swap entry: one more entry names the slot."""
    slot = m.slots[pte.slot]
    m.set_slot(pte.slot, replace(slot, count=slot.count + 1))
    exclusive = pte.exclusive and not m.policy.fork_clears_swap
    reason = reasons.FORK_SWAP if pte.exclusive and not exclusive else reasons.FORK_SWAP_COUNT
    m.say(reason, old, vpn, -1, slot.count + 1, slot=pte.slot)
    if exclusive != pte.exclusive:
        ours[vpn] = replace(pte, exclusive=exclusive)
    theirs[vpn] = replace(pte, exclusive=exclusive, uffd_wp=False)


def set_folios(m: Draft, folios: dict[int, Folio]) -> None:
    m.folios = m.folios.update(folios)
    m.touched.update(folios)
