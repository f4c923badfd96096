"""The steps of a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from . import access, advice, fork, mapping, move, uffd
from . import operations as ops
from .draft import Draft
from .gup import get_user_page, hold_pages
from .outcome import Failed, Outcome
from .state import Area, Mm, Present, Zero

DONE = Outcome()


def mmap(m: Draft, op: ops.Mmap) -> Outcome:
    mm = access.enter(m, op.actor)
    mapping.mmap(
        m,
        mm,
        op.area,
        op.pages,
        prot=op.prot,
        shared=op.shared,
        file=op.file,
        populate=op.populate,
        thp=op.thp,
        hugetlb=op.hugetlb,
    )
    return DONE


def write(m: Draft, op: ops.Write) -> Outcome:
    mm = access.enter(m, op.actor)
    place = op.place
    page = place.lo
    faults = 0
    while page < place.hi:
        area = m.mms[mm].areas.get(place.area)
        start = area.start if area is not None else 0
        try:
            if place.hi - page == 1:
                faults += access.store(m, mm, area, start + page, op.value)
                break
            left = range(start + page, start + place.hi)
            taken, done = access.store_pages(m, mm, area, left, op.value)
        except Failed as failed:
            return slice_failed(failed, place, page)
        faults += taken
        page += done
    return NO_FAULTS if faults == 0 else Outcome(faults=faults)


NO_FAULTS = Outcome(faults=0)


def slice_failed(failed: Failed, place: ops.Place, page: int) -> Outcome:
    at = page if place.hi - place.lo > 1 else None
    return Outcome(error=failed.error, at_page=at, reason=failed.reason)


def read(m: Draft, op: ops.Read) -> Outcome:
    mm = access.enter(m, op.actor)
    place = op.place
    values: list[int] = []
    page = place.lo
    faults = 0
    while page < place.hi:
        area = m.mms[mm].areas.get(place.area)
        start = area.start if area is not None else 0
        try:
            if place.hi - page == 1:
                value, taken = access.load(m, mm, area, start + page)
                seen_here = [value]
            else:
                left = range(start + page, start + place.hi)
                seen_here, taken = access.load_pages(m, mm, area, left)
        except Failed as failed:
            return slice_failed(failed, place, page)
        values += seen_here
        faults += taken
        page += len(seen_here)
    return seen(values, faults)


def seen(values: list[int], faults: int | None = None) -> Outcome:
    """The outcome of a load: one value when all pages agree, else one for each page."""
    if values.count(values[0]) == len(values):
        return Outcome(value=values[-1], faults=faults)
    return Outcome(values=tuple(values), faults=faults)


def do_fork(m: Draft, op: ops.Fork) -> Outcome:
    access.enter(m, op.actor)
    fork.fork(m, op.actor, op.child)
    return DONE


def do_vfork(m: Draft, op: ops.Vfork) -> Outcome:
    access.enter(m, op.actor)
    fork.vfork(m, op.actor, op.child)
    return DONE


def leave_mm(m: Draft, mm: int) -> None:
    value = m.mms[mm]
    if value.users > 1:
        m.mms = m.mms.set(mm, replace(value, users=value.users - 1))
    else:
        mapping.exit_mm(m, mm)


def exit_(m: Draft, op: ops.Exit) -> Outcome:
    mm = access.enter(m, op.actor)
    m.processes = m.processes.set(op.actor, replace(m.processes[op.actor], mm=-1, vfork=False))
    leave_mm(m, mm)
    return DONE


def exec_(m: Draft, op: ops.Exec) -> Outcome:
    mm = access.enter(m, op.actor)
    new = m.next_mm
    m.next_mm = new + 1
    empty: Any = type(m.tables)()
    m.mms = m.mms.set(new, Mm(empty))
    m.tables = m.tables.set(new, empty)
    m.ghosts = m.ghosts.set(new, empty)
    m.processes = m.processes.set(op.actor, replace(m.processes[op.actor], mm=new, vfork=False))
    leave_mm(m, mm)
    return DONE


def entered(
    m: Draft, process: str, place: ops.Place, error: str = "ENOMEM"
) -> tuple[int, Area, range]:
    mm = access.enter(m, process)
    area = access.area_of(m, mm, place, error)
    return mm, area, access.pages_of(area, place)


def munmap(m: Draft, op: ops.Munmap) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place)
    mapping.munmap(m, mm, op.place.area, pages)
    return DONE


def mprotect(m: Draft, op: ops.Mprotect) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place)
    mapping.mprotect(m, mm, op.place.area, pages, op.prot)
    return DONE


def mremap(m: Draft, op: ops.Mremap) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place, "EFAULT")
    move.mremap(m, mm, op.place.area, pages, op.target)
    return DONE


def madvise(m: Draft, op: ops.Madvise) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place)
    return Outcome(reason=advice.madvise(m, mm, op.place.area, pages, op.advice))


def mlock(m: Draft, op: ops.Mlock) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place)
    mapping.mlock(m, mm, op.place.area, pages)
    return DONE


def munlock(m: Draft, op: ops.Munlock) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place)
    mapping.munlock(m, mm, op.place.area, pages)
    return DONE


def hold(m: Draft, op: ops.Pin | ops.Get | ops.Splice) -> Outcome:
    """pin, get and splice: references that a handle keeps."""
    mm, area, pages = entered(m, op.actor, op.place, "EFAULT")
    if op.handle in m.handles:
        raise Failed("EBUSY", f"{op.handle} still holds what it took before")
    if type(op) is ops.Pin:
        kind, write, longterm, fast = "pin", op.write, op.longterm, op.fast
    elif type(op) is ops.Get:
        kind, write, longterm, fast = "get", op.write, False, op.fast
    else:
        kind, write, longterm, fast = "splice", False, False, True
    hold_pages(
        m, mm, op.actor, area, pages, op.handle, kind, write=write, longterm=longterm, fast=fast
    )
    return DONE


def remote_read(m: Draft, op: ops.PtraceRead | ops.VmRead) -> Outcome:
    """/proc/PID/mem (FOLL_GET | FOLL_FORCE) and process_vm_readv (a transient R/O FOLL_PIN)."""
    access.enter(m, op.actor)
    cpu = m.cpu
    force = type(op) is ops.PtraceRead
    mm, area, pages = entered(m, op.target, op.place, "EIO" if force else "EFAULT")
    m.cpu = cpu
    values = []
    for vpn in pages:
        pte = borrow(m, mm, area, vpn, pin=not force, write=False, force=force)
        values.append(access.content(m, pte).value)
    return seen(values)


def remote_write(m: Draft, op: ops.PtraceWrite | ops.VmWrite) -> Outcome:
    """/proc/PID/mem (FOLL_GET | FOLL_FORCE) and process_vm_writev (a transient R/W FOLL_PIN)."""
    access.enter(m, op.actor)
    cpu = m.cpu
    force = type(op) is ops.PtraceWrite
    mm, area, pages = entered(m, op.target, op.place, "EIO" if force else "EFAULT")
    m.cpu = cpu
    for vpn in pages:
        pte = borrow(m, mm, area, vpn, pin=not force, write=True, force=force)
        put_through(m, mm, vpn, pte, op.value)
    return DONE


def borrow(
    m: Draft, mm: int, area: Area, vpn: int, *, pin: bool, write: bool, force: bool = False
) -> Present | Zero:
    """A reference that is dropped again within the step. A pin leaves MMF_HAS_PINNED behind.

    Where nothing may be taken /proc/PID/mem says EIO, all others EFAULT.
    """
    try:
        pte = get_user_page(m, mm, area, vpn, pin=pin, write=write, force=force)
    except Failed as failed:
        raise Failed("EIO", failed.reason) if force else failed from failed
    if pin and not m.mms[mm].has_pinned:
        m.mms = m.mms.set(mm, replace(m.mms[mm], has_pinned=True))
    return pte


def put_through(m: Draft, mm: int, vpn: int, pte: Present | Zero, value: int) -> None:
    """A kernel copy into a page that GUP made this mm's own."""
    assert type(pte) is Present
    vma = m.vma(mm, vpn)
    assert vma is not None
    access.put_value(m, mm, vpn, vma, pte, value)


def dio_write(m: Draft, op: ops.DioWrite) -> Outcome:
    mm, area, pages = entered(m, op.actor, op.place, "EFAULT")
    values = [
        access.content(m, borrow(m, mm, area, vpn, pin=True, write=False)).value for vpn in pages
    ]
    return replace(seen(values), value=None, values=None)


def dio_read(m: Draft, op: ops.DioRead) -> Outcome:
    mm, area, pages = entered(m, op.actor, op.place, "EFAULT")
    for vpn in pages:
        put_through(m, mm, vpn, borrow(m, mm, area, vpn, pin=True, write=True), op.value)
    return DONE


def uffd_wp(m: Draft, op: ops.UffdWp) -> Outcome:
    mm, _, pages = entered(m, op.actor, op.place, "EINVAL" if op.on else "ENOENT")
    uffd.protect(m, mm, op.place.area, pages, on=op.on, sigbus=op.sigbus)
    return DONE


def clear_refs(m: Draft, op: ops.ClearRefs) -> Outcome:
    uffd.clear_refs(m, access.enter(m, op.actor))
    return DONE


def cpu(m: Draft, op: ops.Cpu) -> Outcome:
    access.enter(m, op.actor)
    m.processes = m.processes.set(op.actor, replace(m.processes[op.actor], cpu=op.cpu))
    return DONE


HANDLERS: dict[type[ops.Operation], Callable[[Draft, Any], Outcome]] = {
    ops.Mmap: mmap,
    ops.Write: write,
    ops.Read: read,
    ops.Fork: do_fork,
    ops.Vfork: do_vfork,
    ops.Exit: exit_,
    ops.Exec: exec_,
    ops.Munmap: munmap,
    ops.Mprotect: mprotect,
    ops.Mremap: mremap,
    ops.Madvise: madvise,
    ops.Mlock: mlock,
    ops.Munlock: munlock,
    ops.Pin: hold,
    ops.Get: hold,
    ops.Splice: hold,
    ops.PtraceRead: remote_read,
    ops.PtraceWrite: remote_write,
    ops.VmRead: remote_read,
    ops.VmWrite: remote_write,
    ops.DioWrite: dio_write,
    ops.DioRead: dio_read,
    ops.Cpu: cpu,
    ops.UffdWp: uffd_wp,
    ops.ClearRefs: clear_refs,
}
