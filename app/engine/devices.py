"""The steps of a handle: what the device or pipe behind it does with the pages it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from . import operations as ops
from . import reasons
from .draft import Draft
from .gup import drop
from .outcome import Failed, Outcome
from .state import ZERO_PFN, ZEROES, Handle, Present, Swapped, Version


def handle_of(m: Draft, name: str) -> Handle:
    """EBADF when the step that should have made the handle failed."""
    handle = m.handles.get(name)
    if handle is None:
        raise Failed("EBADF", f"{name} holds nothing: the step that should have made it failed")
    return handle


def read(m: Draft, op: ops.HandleRead) -> Outcome:
    _, pfn = handle_of(m, op.actor).pages[op.page]
    data = ZEROES if pfn == ZERO_PFN else m.folios[pfn].data
    return Outcome(value=data.value)


def write(m: Draft, op: ops.HandleWrite) -> Outcome:
    """The device stores; no page table is asked. Coherent bytes are the owner's own."""
    handle = handle_of(m, op.actor)
    vpn, pfn = handle.pages[op.page]
    version = Version(op.value, handle.owner, m.clock)
    m.set_folio(pfn, replace(m.folios[pfn], data=version))
    m.say(reasons.DEVICE_WROTE, handle.owner, vpn, pfn, op.actor, op.value)
    if vpn >= 0 and handle.owner in m.tables and leads_to(m, handle.owner, vpn, pfn):
        m.set_ghost(handle.owner, vpn, version)
    return Outcome()


def leads_to(m: Draft, mm: int, vpn: int, pfn: int) -> bool:
    """Does the owner's page table lead to this frame, directly or through the swap cache?"""
    pte = m.pte(mm, vpn)
    if type(pte) is Present:
        return pte.pfn == pfn
    return type(pte) is Swapped and m.slots[pte.slot].cache == pfn


def release(m: Draft, op: ops.HandleRelease) -> Outcome:
    handle = handle_of(m, op.actor)
    drop(m, op.actor, [pfn for _, pfn in handle.pages], pin=handle.kind == "pin")
    m.handles = m.handles.delete(op.actor)
    return Outcome()


HANDLERS: dict[type[ops.Operation], Callable[[Draft, Any], Outcome]] = {
    ops.HandleRead: read,
    ops.HandleWrite: write,
    ops.HandleRelease: release,
}
