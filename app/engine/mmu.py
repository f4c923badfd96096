"""What the processor does by itself: a load or a store that the page table permits.

No kernel code runs then, so nothing is decided, counted or explained, and there is nothing to
draft: most steps of most programs end here. Everything else (another page in the same step, a
fault, an access bit to set) is `access`, which is the same load and store seen from the kernel.
Both find their entry in the same few lines, in place: half of all steps would pay for a call more.
"""

from __future__ import annotations

from msgspec.structs import replace

from .done import Step
from .operations import Read, Write
from .outcome import Outcome
from .state import Machine, Present, Version

HIT = Outcome(faults=0)
"""A store that was no business of the kernel's."""


def load(machine: Machine, op: Read) -> Step | None:
    """A load from one page that is mapped and young, or None: then somebody has work to do."""
    place = op.place
    lo = place.lo
    if place.hi - lo != 1:
        return None
    try:
        mm = machine.processes[op.actor].mm
        area = machine.mms[mm].areas[place.area]
        vpn = area.start + lo
        pte = machine.tables[mm][vpn]
    except KeyError:
        return None
    if type(pte) is not Present or not pte.young:
        return None
    for vma in area.vmas:
        if vma.lo <= vpn < vma.hi:
            break
    else:
        return None
    if vma.prot == "none":
        return None
    after = replace(machine, clock=machine.clock + 1)
    return Step(after, Outcome(machine.folios[pte.pfn].data.value, None, None, 0))


def store(machine: Machine, op: Write) -> Step | None:
    """A store to one private page that is writable, dirty and young, or None."""
    place = op.place
    lo = place.lo
    if place.hi - lo != 1:
        return None
    try:
        mm = machine.processes[op.actor].mm
        area = machine.mms[mm].areas[place.area]
        vpn = area.start + lo
        pte = machine.tables[mm][vpn]
    except KeyError:
        return None
    if type(pte) is not Present or not (pte.write and pte.dirty and pte.young):
        return None
    for vma in area.vmas:
        if vma.lo <= vpn < vma.hi:
            break
    else:
        return None
    if vma.prot != "rw" or vma.shared:
        return None
    clock = machine.clock + 1
    pfn = pte.pfn
    version = Version(op.value, mm, clock)
    folios, ghosts = machine.folios, machine.ghosts
    after = replace(
        machine,
        clock=clock,
        folios=folios.set(pfn, replace(folios[pfn], data=version)),
        ghosts=ghosts.set(mm, ghosts[mm].set(vpn, version)),
    )
    return Step(after, HIT, (), (), {pfn})
