"""Loads and stores: what a task, a debugger or a device does with memory."""

from __future__ import annotations

from msgspec.structs import replace

from . import reasons
from .draft import Draft, vma_of
from .faults import read_fault, write_fault
from .operations import Place
from .outcome import Failed
from .state import ZEROES, Area, Present, Pte, Version, Vma, Zero


def enter(m: Draft, process: str) -> int:
    """The mm of a live process; the operation runs on that process's CPU."""
    task = m.processes.get(process)
    if task is None or task.mm < 0:
        raise Failed("ESRCH", f"{process} does not run")
    m.cpu = task.cpu
    return task.mm


def area_of(m: Draft, mm: int, place: Place) -> Area:
    """The range that `place` names in this mm; ENOMEM, as mmap(2) says it, if it is gone."""
    area = m.mms[mm].areas.get(place.area)
    if area is None:
        raise Failed("ENOMEM", f"{place.area} is not mapped")
    return area


def pages_of(area: Area, place: Place) -> range:
    return range(area.start + place.lo, area.start + place.hi)


def load(m: Draft, mm: int, area: Area | None, vpn: int) -> tuple[int, int]:
    """A load from one page: (value, page faults taken)."""
    vma = find(area, vpn)
    if vma is None or vma.prot == "none":
        raise refused(m, mm, vpn, vma)
    pte = m.tables[mm].get(vpn) or m.pte(mm, vpn)
    if type(pte) is Present:
        if not pte.young:
            m.set_pte(mm, vpn, replace(pte, young=True))
        return m.folios[pte.pfn].data.value, 0
    if type(pte) is Zero:
        return 0, 0
    return content(m, read_fault(m, mm, vpn, vma)).value, 1


def find(area: Area | None, vpn: int) -> Vma | None:
    """The VMA behind a page; nearly every range has just one."""
    if area is None:
        return None
    vmas = area.vmas
    if len(vmas) == 1:
        vma = vmas[0]
        return vma if vma.lo <= vpn < vma.hi else None
    return vma_of(area, vpn)


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
    pte = m.tables[mm].get(vpn) or m.pte(mm, vpn)
    faults = 0
    while type(pte) is not Present or not pte.write:
        pte = write_fault(m, mm, vpn, vma)
        faults += 1
    put_value(m, mm, vpn, vma, pte, value)
    return faults


def put_value(m: Draft, mm: int, vpn: int, vma: Vma, pte: Present, value: int) -> None:
    """The bytes arrive: the folio has a new version, and so has the ideal machine's page."""
    version = Version(value, mm, m.clock)
    m.set_folio(pte.pfn, replace(m.folios[pte.pfn], data=version))
    if not vma.shared:
        m.ghosts = m.ghosts.set(mm, m.ghosts[mm].set(vpn, version))
    if pte.write and not (pte.dirty and pte.young):
        m.set_pte(mm, vpn, replace(pte, dirty=True, young=True, soft_dirty=True))
