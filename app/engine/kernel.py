"""The steps of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from . import access, reasons, swapout
from . import operations as ops
from .draft import Draft
from .outcome import Failed, Outcome
from .state import Present


def do_swapout(m: Draft, op: ops.Swapout) -> Outcome:
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    return reported(swapout.pageout(m, mm, area, access.pages_of(area, op.place)))


def do_reclaim(m: Draft, op: ops.Reclaim) -> Outcome:
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    return reported(swapout.reclaim(m, mm, access.pages_of(area, op.place)))


def reported(skipped: list[str]) -> Outcome:
    return Outcome(reason="; ".join(dict.fromkeys(skipped)))


def do_swapcache(m: Draft, op: ops.Swapcache) -> Outcome:
    """Only add_to_swap(): the page stays mapped, with one more reference."""
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    skipped = []
    for vpn in access.pages_of(area, op.place):
        pte = m.tables[mm].get(vpn)
        if type(pte) is not Present or not m.folios[pte.pfn].anon:
            skipped.append("no anonymous page")
        elif m.folios[pte.pfn].slot >= 0:
            skipped.append("in the swap cache already")
        elif not swapout.add_to_swap(m, pte.pfn):
            skipped.append("no free swap slot")
    return reported(skipped)


def drain(m: Draft, op: ops.Drain) -> Outcome:
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    return Outcome()


def hold(m: Draft, op: ops.Hold) -> Outcome:
    return change_holds(m, op, op.count)


def unhold(m: Draft, op: ops.Unhold) -> Outcome:
    return change_holds(m, op, 0)


def change_holds(m: Draft, op: ops.Hold | ops.Unhold, count: int) -> Outcome:
    """`count` more speculative references, or (0) none any more."""
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    for vpn in access.pages_of(area, op.place):
        pte = m.tables[mm].get(vpn)
        if type(pte) is not Present:
            raise Failed("EFAULT", "no page is mapped there")
        folio = m.folios[pte.pfn]
        folio = replace(folio, holds=folio.holds + count if count else 0)
        m.set_folio(pte.pfn, folio)
        m.say(reasons.HOLD, mm, vpn, pte.pfn, count, folio.refcount)
    return Outcome()


HANDLERS: dict[type[ops.Operation], Callable[[Draft, Any], Outcome]] = {
    ops.Swapout: do_swapout,
    ops.Reclaim: do_reclaim,
    ops.Swapcache: do_swapcache,
    ops.Drain: drain,
    ops.Hold: hold,
    ops.Unhold: unhold,
}
