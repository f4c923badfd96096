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


def must_vma(m: Draft, mm: int, area: Area | None, vpn: int, need: str) -> Vma:
    """The VMA for a load ("r") or a store ("w"); SIGSEGV where the CPU would raise it."""
    vma = vma_of(area, vpn) if area is not None else None
    if vma is None:
        m.say(reasons.SEGV, mm, vpn, -1, "no VMA")
        raise Failed("SIGSEGV", "no VMA")
    if not vma.readable or (need == "w" and not vma.writable):
        m.say(reasons.SEGV, mm, vpn, -1, f"protection {vma.prot}")
        raise Failed("SIGSEGV", f"protection {vma.prot}")
    return vma


def load(m: Draft, mm: int, area: Area | None, vpn: int) -> tuple[int, int]:
    """A load from one page: (value, page faults taken)."""
    vma = must_vma(m, mm, area, vpn, "r")
    pte = m.tables[mm].get(vpn)
    faults = 0
    if pte is None or (type(pte) is not Present and type(pte) is not Zero):
        pte = read_fault(m, mm, vpn, vma)
        faults = 1
    elif type(pte) is Present and not pte.young:
        m.set_pte(mm, vpn, replace(pte, young=True))
    return content(m, pte).value, faults


def content(m: Draft, pte: Pte | None) -> Version:
    """What a present PTE shows."""
    return m.folios[pte.pfn].data if type(pte) is Present else ZEROES


def store(m: Draft, mm: int, area: Area | None, vpn: int, value: int) -> int:
    """A store to one page; returns the page faults taken."""
    vma = must_vma(m, mm, area, vpn, "w")
    pte = m.tables[mm].get(vpn)
    faults = 0
    if type(pte) is not Present or not pte.write:
        pte = write_fault(m, mm, vpn, vma)
        faults = 1
    put_value(m, mm, vpn, vma, pte, value)
    return faults


def put_value(m: Draft, mm: int, vpn: int, vma: Vma, pte: Present, value: int) -> None:
    """The bytes arrive: the folio has a new version, and so has the ideal machine's page."""
    version = Version(value, mm, m.clock)
    m.set_folio(pte.pfn, replace(m.folios[pte.pfn], data=version))
    if not vma.shared:
        m.set_ghost(mm, vpn, version)
    if pte.write and not (pte.dirty and pte.young):
        m.set_pte(mm, vpn, replace(pte, dirty=True, young=True, soft_dirty=True))
