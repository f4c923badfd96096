"""The address space: mmap, munmap, mprotect, mlock (mm/vma.c, mm/mprotect.c)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from . import large, reasons
from .alike import together
from .draft import Draft, vma_of
from .faults import make_writable, read_fault
from .neighbours import neighbours
from .outcome import Failed
from .reuse import is_exclusive
from .state import (
    Area,
    Marker,
    Present,
    Pte,
    Swapped,
    Vma,
    ptes_of,
)
from .stretches import every_stretch
from .zap import zap_entries, zap_pages

ALIGN = 512
"""Ranges start on a multiple of this many pages, so that no two ever share a page table."""


def mmap(
    m: Draft,
    mm: int,
    name: str,
    pages: int,
    *,
    prot: str,
    shared: bool,
    file: bool,
    populate: bool,
    thp: bool = False,
    hugetlb: bool = False,
) -> None:
    """A new range of `pages` base pages; of hugetlb memory the VMA ends with a whole huge page."""
    start = new_range(m, mm, pages)
    length = -(-pages // m.config.huge) * m.config.huge if hugetlb else pages
    inode = -1
    if shared or file:
        inode = m.next_inode
        m.next_inode = inode + 1
    account = prot == "rw" and not (shared or hugetlb)
    vma = Vma(start, start + length, prot, shared, file, hugetlb, thp=thp, account=account)
    add_area(m, mm, name, Area(start, pages, (vma,), inode))
    m.say(reasons.MAPPED, mm, start, -1, name, pages, prot)
    if populate and vma.readable:
        populate_pages(m, mm, name, range(start, start + pages), write=vma.writable and not shared)


def new_range(m: Draft, mm: int, pages: int) -> int:
    value = m.mms[mm]
    start = value.next_vpn
    used = -(-pages // ALIGN) * ALIGN
    m.mms = m.mms.set(mm, replace(value, next_vpn=start + used + ALIGN))
    return start


def add_area(m: Draft, mm: int, name: str, area: Area) -> None:
    value = m.mms[mm]
    m.mms = m.mms.set(
        mm,
        replace(
            value,
            areas=value.areas.set(name, area),
            order=(*(n for n in value.order if n != name), name),
        ),
    )


def needs_fault(pte: Pte | None, *, write: bool) -> bool:
    if write:
        return type(pte) is not Present or not pte.write
    return pte is None or type(pte) is Swapped or type(pte) is Marker


def populate(m: Draft, mm: int, vma: Vma, write: bool, vpn: int) -> None:
    pte = m.pte(mm, vpn)
    if write:
        make_writable(m, mm, vpn, vma, pte)
    else:
        read_fault(m, mm, vpn, vma, pte)


def populate_pages(m: Draft, mm: int, name: str, pages: range, *, write: bool) -> None:
    """Linux faultin_page_range(): fault every page in, as for a load or for a store.

    It drains this CPU's batches at its end, however it ends.
    """
    try:
        while pages:
            vma = vma_of(m.mms[mm].areas[name], pages.start)
            if vma is None:
                raise Failed("ENOMEM", "no VMA")
            if not (vma.writable if write else vma.readable):
                raise Failed("EINVAL", f"protection {vma.prot}")
            here = range(pages.start, min(pages.stop, vma.hi))
            part, pte = next(neighbours(m, mm, here))
            done = len(part)
            if needs_fault(pte, write=write):
                _, done = together(m, mm, vma, here, partial(populate, m, mm, vma, write))
            pages = pages[done:]
    except Failed as failed:
        raise Failed("EFAULT", failed.reason) if failed.error == "SIGBUS" else failed from failed
    finally:
        m.lru_add_drain(m.cpu)


# -- taking away --------------------------------------------------------------------------------


def munmap(m: Draft, mm: int, name: str, pages: range) -> None:
    area = m.mms[mm].areas[name]
    refuse_part_of_hugetlb(m, area, pages)
    zap_pages(m, mm, area, pages)
    area = split_vmas(m, mm, area, pages)
    vmas = tuple(v for v in area.vmas if not (pages.start <= v.lo and v.hi <= pages.stop))
    m.set_area(mm, name, replace(area, vmas=vmas))


def exit_mm(m: Draft, mm: int) -> None:
    """Linux exit_mmap(): everything goes. Handles live on: they belong to files and devices."""
    table = m.tables[mm]
    areas = m.mms[mm].areas.values()
    m.tables = m.tables.delete(mm)
    zap_entries(
        m, mm, every_stretch(table),
        lambda vpn: vma_of(next(a for a in areas if a.start <= vpn < a.start + a.pages), vpn),
    )  # fmt: skip
    m.mms = m.mms.delete(mm)
    m.ghosts = m.ghosts.delete(mm)
    for name, handle in m.handles.items():
        if handle.owner == mm:
            pages = tuple((-1, pfn) for _, pfn in handle.pages)
            m.handles = m.handles.set(name, replace(handle, pages=pages))


# -- changing -----------------------------------------------------------------------------------


def refuse_part_of_hugetlb(m: Draft, area: Area, pages: range) -> None:
    """Raises Failed("EINVAL") for pages that are no whole hugetlb pages."""
    huge = m.config.huge
    if any(v.hugetlb for v in area.vmas) and (pages.start % huge or pages.stop % huge):
        raise Failed("EINVAL", f"hugetlb mappings change by whole pages of {huge}")


def split_vmas(m: Draft, mm: int, area: Area, pages: range) -> Area:
    """Linux split_vma() at both ends of `pages`; a huge PMD across a new edge is split, too."""
    lo, hi = pages.start, pages.stop
    vmas: list[Vma] = []
    for vma in area.vmas:
        cuts = sorted({vma.lo, vma.hi, *(c for c in (lo, hi) if vma.lo < c < vma.hi)})
        for cut in cuts[1:-1]:
            large.split_partial(m, mm, range(cut, cut + 1) if cut % m.config.huge else range(0))
        if len(cuts) == 2:
            vmas.append(vma)
        else:
            vmas.extend(replace(vma, lo=a, hi=b) for a, b in pairwise(cuts))
    return replace(area, vmas=tuple(vmas))


def change_vmas(m: Draft, mm: int, name: str, pages: range, **flags: Any) -> None:
    """Give the VMAs under `pages` these flags; split and merge as the kernel does.

    Raises Failed("ENOMEM") where a page of it has no VMA.
    """
    before = m.mms[mm].areas[name]
    area = change_wanted(m, mm, before, pages, flags)
    covered = sum(
        min(v.hi, pages.stop) - max(v.lo, pages.start)
        for v in area.vmas
        if v.lo < pages.stop and pages.start < v.hi
    )
    vmas = tuple(
        replace(v, **flags) if pages.start <= v.lo and v.hi <= pages.stop else v for v in area.vmas
    )
    m.set_area(mm, name, replace(area, vmas=merge_vmas(vmas)))
    if covered != len(pages):
        raise Failed("ENOMEM", "part of the range is not mapped")


def change_wanted(m: Draft, mm: int, area: Area, pages: range, flags: dict[str, Any]) -> Area:
    """VMAs that have the flags already are not split, so part of a hugetlb page may be meant."""
    touched = [v for v in area.vmas if v.lo < pages.stop and pages.start < v.hi]
    if all(replace(v, **flags) == v for v in touched):
        return area
    refuse_part_of_hugetlb(m, area, pages)
    return split_vmas(m, mm, area, pages)


def merge_vmas(vmas: tuple[Vma, ...]) -> tuple[Vma, ...]:
    """Linux vma_merge(): neighbours that differ in nothing are one.

    An anon_vma may be adopted (is_mergeable_anon_vma()), unless fork gave it ancestors.
    """
    merged: list[Vma] = []
    for vma in vmas:
        last = merged[-1] if merged else None
        if last is not None and last.hi == vma.lo and may_merge(last, vma):
            given = last if last.anon_vma else vma
            merged[-1] = replace(given, lo=last.lo, hi=vma.hi)
            continue
        merged.append(vma)
    return tuple(merged)


def may_merge(a: Vma, b: Vma) -> bool:
    """Linux is_mergeable_vma() and is_mergeable_anon_vma(), of neighbours."""
    if a.anon_vma and b.anon_vma:
        if a.anon_vma != b.anon_vma:
            return False
    elif a.ancestors or b.ancestors:
        return False
    like = replace(b, lo=a.lo, hi=a.hi, anon_vma=a.anon_vma, ancestors=a.ancestors)
    return like == a


def mprotect(m: Draft, mm: int, name: str, pages: range, prot: str) -> None:
    """mprotect(2): VMA after VMA, up to a hole (do_mprotect_pkey)."""
    for vma in mapped_up_to_hole(m, mm, name, pages):
        if vma.prot == prot:
            continue
        part = range(max(vma.lo, pages.start), min(vma.hi, pages.stop))
        change_protection(m, mm, name, part, prot, account=accounted(vma, prot))
        if vma.locked and vma.cow and not vma.writable and prot == "rw":
            # mprotect_fixup(): a private VM_LOCKED mapping that may be written breaks COW at once.
            populate_pages(m, mm, name, part, write=True)


def accounted(vma: Vma, prot: str) -> bool:
    """mprotect_fixup(): VM_ACCOUNT comes with the permission to write, and goes with it only where
    no anonymous page was ever (since 6.6)."""
    if prot == "rw":
        private = not (vma.shared or vma.hugetlb)
        return vma.account or (private and not vma.writable)
    anonymous = not (vma.shared or vma.file or vma.hugetlb)
    return vma.account and not (anonymous and not vma.anon_vma)


def change_protection(
    m: Draft, mm: int, name: str, pages: range, prot: str, *, account: bool
) -> None:
    """Linux change_pte_range(): W goes, or comes back to an exclusive page."""
    change_vmas(m, mm, name, pages, prot=prot, account=account)
    large.split_partial(m, mm, pages)
    for first in m.pmds(mm, pages):
        view = m.pte(mm, first)
        if type(view) is Present:
            change_present_pte(m, mm, first, view, vma_of(m.mms[mm].areas[name], first), prot)
    table = m.tables[mm]
    for vpn in pages:
        pte = table.get(vpn)
        if type(pte) is Present:
            change_present_pte(m, mm, vpn, pte, vma_of(m.mms[mm].areas[name], vpn), prot)


def change_present_pte(
    m: Draft, mm: int, vpn: int, pte: Present, vma: Vma | None, prot: str
) -> None:
    assert vma is not None
    if prot != "rw":
        if pte.write:
            m.set_pte(mm, vpn, replace(pte, write=False))
            m.say(reasons.PROTECTED, mm, vpn, pte.pfn, "write-protected", f"mprotect {prot}")
        return
    if pte.write:
        return
    if vma.shared:
        m.set_pte(mm, vpn, replace(pte, write=True))
        return
    if vma.hugetlb:
        m.say(reasons.NOT_UPGRADED, mm, vpn, pte.pfn, "hugetlb never upgrades")
        return
    upgrade_pte(m, mm, vpn, pte)


def upgrade_pte(m: Draft, mm: int, vpn: int, pte: Present) -> None:
    """Linux can_change_private_pte_writable(): W without a fault for what is surely our own."""
    if not m.policy.upgrades:
        m.say(reasons.NOT_UPGRADED, mm, vpn, pte.pfn, "this policy never upgrades")
    elif pte.uffd_wp or not m.folios[pte.pfn].anon or not is_exclusive(m, pte):
        m.say(reasons.NOT_UPGRADED, mm, vpn, pte.pfn, "not exclusive")
    else:
        m.set_pte(mm, vpn, replace(pte, write=True))
        m.say(reasons.UPGRADED, mm, vpn, pte.pfn)


def mlock(m: Draft, mm: int, name: str, pages: range) -> None:
    """mlock(2): VM_LOCKED, then every page faulted in; a writable private one breaks COW.

    Raises Failed("ENOMEM") where no page may be accessed, or none is mapped.
    """
    apply_vma_lock_flags(m, mm, name, pages, locked=True)
    for vma in m.mms[mm].areas[name].vmas:
        part = range(max(vma.lo, pages.start), min(vma.hi, pages.stop))
        if part and not vma.readable:
            m.lru_add_drain(m.cpu)
            raise Failed("ENOMEM", f"protection {vma.prot}: nothing can be faulted in")
        if part:
            try:
                populate_pages(m, mm, name, part, write=vma.writable and vma.cow)
            except Failed as failed:
                raise Failed("ENOMEM", failed.reason) from failed
    m.say(reasons.LOCKED, mm, pages.start, -1, name, "locked", "every page was faulted in")


def apply_vma_lock_flags(m: Draft, mm: int, name: str, pages: range, *, locked: bool) -> None:
    """VMA after VMA up to a hole: mlock_fixup() of those that are not as wanted."""
    for vma in mapped_up_to_hole(m, mm, name, pages):
        part = range(max(vma.lo, pages.start), min(vma.hi, pages.stop))
        if vma.locked == locked or vma.hugetlb:
            continue
        change_vmas(m, mm, name, part, locked=locked)
        m.lru_add_drain(m.cpu)
        for same, pte in neighbours(m, mm, part):
            if type(pte) is Present:
                set_mlocked(m, pte, len(same), locked)
        m.lru_add_drain(m.cpu)


def mapped_up_to_hole(m: Draft, mm: int, name: str, pages: range) -> Iterator[Vma]:
    """The VMAs under `pages`, in order. Raises Failed("ENOMEM") where a page of it has none."""
    reached = pages.start
    for vma in m.mms[mm].areas[name].vmas:
        if vma.hi <= pages.start or pages.stop <= vma.lo:
            continue
        if vma.lo > reached:
            break
        reached = vma.hi
        yield vma
    if reached < pages.stop:
        raise Failed("ENOMEM", "part of the range is not mapped")


def set_mlocked(m: Draft, pte: Present, count: int, locked: bool) -> None:
    """Linux mlock_folio() of pages that are mapped alike, `pte` the first.

    A large folio is mlocked through its PMD, not by single pages.
    """
    page = m.folios[pte.pfn]
    if page.head < 0:
        asked = large.locking(m)
        for pfn in range(pte.pfn, pte.pfn + count) if not locked and asked else ():
            still = any(m.locked(mm, vpn) for mm, vpn in ptes_of(page, pfn))
            m.set_folio(pfn, replace(m.folios[pfn], mlocked=still))
        if locked or not asked:
            m.set_folios([(pte.pfn, count, replace(page, mlocked=locked))])
    elif pte.huge or not locked:
        value = m.compounds[page.head]
        if value.mlocked != locked:
            large.set_compound(m, page.head, replace(value, mlocked=locked))


def munlock(m: Draft, mm: int, name: str, pages: range) -> None:
    apply_vma_lock_flags(m, mm, name, pages, locked=False)
    m.say(reasons.LOCKED, mm, pages.start, -1, name, "unlocked", "VM_LOCKED is clear")
