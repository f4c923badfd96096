"""Loads and stores: what a task, a debugger or a device does with memory."""

from __future__ import annotations

from msgspec.structs import replace

from . import reasons
from .alike import together
from .draft import Draft
from .faults import read_fault, write_fault
from .neighbours import change_pages
from .operations import Place
from .outcome import Failed
from .state import ZEROES, Area, Entry, HugeZero, Pmd, Present, Pte, Version, Vma, Zero, vma_of
from .stretches import Stretch, fill, put_all, stretches
from .touched import touch


def enter(m: Draft, process: str) -> int:
    """The mm of a live process; the operation runs on that process's CPU."""
    task = m.processes.get(process)
    if task is None or task.mm < 0:
        raise Failed("ESRCH", f"{process} does not run")
    m.cpu = task.cpu
    return task.mm


def area_of(m: Draft, mm: int, place: Place, error: str = "ENOMEM") -> Area:
    """The range that `place` names; Failed(`error`) if the step that should have made it failed."""
    area = m.mms[mm].areas.get(place.area)
    if area is None:
        raise Failed(error, f"{place.area} is not mapped")
    return area


def pages_of(area: Area, place: Place) -> range:
    return range(area.start + place.lo, area.start + place.hi)


def find(area: Area | None, vpn: int) -> Vma | None:
    """The VMA behind a page of a range that may be gone."""
    return vma_of(area, vpn) if area is not None else None


def load(m: Draft, mm: int, area: Area | None, vpn: int) -> tuple[int, int]:
    """A load from one page: (value, page faults taken)."""
    vma = find(area, vpn)
    if vma is None or vma.prot == "none":
        raise refused(m, mm, vpn, vma)
    pte = m.pte(mm, vpn)
    if type(pte) is Present:
        if not pte.young:
            m.set_pte(mm, vpn, replace(pte, young=True))
        return m.folios[pte.pfn].data.value, 0
    if type(pte) is Zero:
        return 0, 0
    return content(m, read_fault(m, mm, vpn, vma, pte)).value, 1


def refused(m: Draft, mm: int, vpn: int, vma: Vma | None) -> Failed:
    """SIGSEGV, as the CPU would raise it."""
    why = "no VMA" if vma is None else f"protection {vma.prot}"
    m.say(reasons.SEGV, mm, vpn, -1, why)
    return Failed("SIGSEGV", why)


def content(m: Draft, pte: Pte | None) -> Version:
    """What a present PTE shows."""
    return m.folios[pte.pfn].data if type(pte) is Present else ZEROES


def store(m: Draft, mm: int, area: Area | None, vpn: int, value: int) -> int:
    """A store to one page; returns the page faults taken."""
    vma = find(area, vpn)
    if vma is None or vma.prot != "rw":
        raise refused(m, mm, vpn, vma)
    pte = m.pte(mm, vpn)
    faults = 0
    while type(pte) is not Present or not pte.write:
        pte = write_fault(m, mm, vpn, vma, pte)
        faults += 1
    put_value(m, mm, vpn, vma, pte, value)
    return faults


def store_pages(m: Draft, mm: int, area: Area | None, pages: range, value: int) -> tuple[int, int]:
    """A store to the first of `pages`, and to those that can be done with it: (faults, pages)."""
    if frames := without_fault(m, mm, area, pages, write=True):
        put_values(m, mm, pages.start, frames, value)
        return 0, sum(map(len, frames))
    vma = find(area, pages.start)
    if vma is None:
        return store(m, mm, area, pages.start, value), 1
    faults, done = together(
        m, mm, vma, range(pages.start, min(pages.stop, vma.hi)),
        lambda vpn: store(m, mm, area, vpn, value),
    )  # fmt: skip
    return faults * done, done


def load_pages(m: Draft, mm: int, area: Area | None, pages: range) -> tuple[list[int], int]:
    """As `store_pages`: (values, faults)."""
    first = pages.start - pages.start % m.config.huge
    if type(m.tables[mm].get(~first)) is HugeZero and (vma := find(area, pages.start)):
        load(m, mm, area, pages.start)
        return [0] * len(range(pages.start, min(pages.stop, vma.hi, first + m.config.huge))), 0
    if frames := without_fault(m, mm, area, pages, write=False):
        values: list[int] = []
        for part in frames:
            for _, count, page in stretches(m.folios, part.start, len(part)):
                values += [page.data.value] * count
        return values, 0
    vma = find(area, pages.start)
    if vma is None:
        value, faults = load(m, mm, area, pages.start)
        return [value], faults
    (value, faults), done = together(
        m, mm, vma, range(pages.start, min(pages.stop, vma.hi)),
        lambda vpn: load(m, mm, area, vpn),
    )  # fmt: skip
    return [value] * done, faults * done


def without_fault(
    m: Draft, mm: int, area: Area | None, pages: range, *, write: bool
) -> list[range]:
    """What the processor does alone to the first of `pages`: the frames of as many as there are.

    A writable entry of a private mapping permits a store, any entry a load; accessed and dirty
    bits are set on the way. One PMD answers for all the pages that it maps.
    """
    vma = find(area, pages.start)
    if vma is None or vma.prot == "none" or (write and (vma.prot == "r" or vma.shared)):
        return []
    table = m.tables[mm]
    first = pages.start - pages.start % m.config.huge
    pmd = table.get(~first)
    stop = min(pages.stop, vma.hi)
    if type(pmd) is Pmd:
        if not pmd.young or (write and not (pmd.write and pmd.dirty)):
            return []
        by = pmd.pfn - first
        return [range(pages.start + by, min(stop, first + m.config.huge) + by)]
    frames: list[range] = []
    marked: list[Stretch[Entry]] = []
    at = pages.start
    pte = table.get(at)
    if type(pte) is not Present or (write and not pte.write):
        return frames
    for here, count, pte in stretches(table, at, stop - at):
        if here != at or type(pte) is not Present or (write and not pte.write):
            break
        if not pte.young or (write and not pte.dirty):
            marked.append((here, count, stored_to(pte) if write else replace(pte, young=True)))
        pfns = range(pte.pfn, pte.pfn + count)
        if frames and frames[-1].stop == pfns.start:
            pfns = range(frames.pop().start, pfns.stop)
        frames.append(pfns)
        at += count
    if marked:
        m.tables = m.tables.set(mm, put_all(table, marked))
    return frames


def stored_to(pte: Present) -> Present:
    """The entry after the processor has set its bits for a store."""
    return replace(pte, dirty=True, young=True, soft_dirty=True)


def put_values(m: Draft, mm: int, vpn: int, frames: list[range], value: int) -> None:
    """One store after the other to the pages from `vpn` on, which these frames hold."""
    version = Version(value, mm, m.clock)
    for part in frames:
        m.folios = change_pages(m.folios, part, lambda page: replace(page, data=version))
        touch(m.touched, part)
    vpns = range(vpn, vpn + sum(map(len, frames)))
    m.ghosts = m.ghosts.set(mm, fill(m.ghosts[mm], vpns, version))


def put_value(m: Draft, mm: int, vpn: int, vma: Vma, pte: Present, value: int) -> None:
    """The bytes arrive: the folio has a new version, and so has the ideal machine's page."""
    version = Version(value, mm, m.clock)
    m.set_folio(pte.pfn, replace(m.folios[pte.pfn], data=version))
    if not vma.shared:
        m.ghosts = m.ghosts.set(mm, m.ghosts[mm].set(vpn, version))
    if pte.write and not (pte.dirty and pte.young):
        m.set_pte(mm, vpn, stored_to(pte))
