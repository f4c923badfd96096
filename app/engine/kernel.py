"""The steps of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from . import access, advice, collapse, ksm, large, migrate, reasons, swaplarge, swapout
from . import operations as ops
from .draft import Draft
from .neighbours import neighbours
from .outcome import Failed, Outcome
from .state import Present, folio_of


def do_swapout(m: Draft, op: ops.Swapout) -> Outcome:
    """MADV_PAGEOUT by the process."""
    mm = access.enter(m, op.process)
    pages = access.pages_of(access.area_of(m, mm, op.place), op.place)
    return Outcome(reason=advice.madvise(m, mm, op.place.area, pages, "pageout"))


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
        pte = m.pte(mm, vpn)
        if type(pte) is not Present or not m.folios[pte.pfn].anon:
            skipped.append("no anonymous page")
            continue
        head = m.folios[pte.pfn].head
        if folio_of(m, pte.pfn).slot >= 0:
            skipped.append("in the swap cache already")
        elif not (swaplarge.add_to_swap(m, head) if head >= 0 else swapout.add_to_swap(m, pte.pfn)):
            skipped.append("no free swap slot")
    return reported(skipped)


def do_migrate(m: Draft, op: ops.Migrate) -> Outcome:
    """NOTMOVED or PARTIAL, as the recorder of the golden traces says it."""
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    moved, refused = migrate.migrate(m, mm, access.pages_of(area, op.place))
    error = None if moved and not refused else "PARTIAL" if moved else "NOTMOVED"
    reason = "; ".join(dict.fromkeys(refused)) or ("" if moved else "no page is mapped there")
    return Outcome(error=error, reason=reason)


def do_ksm(m: Draft, op: ops.Ksm) -> Outcome:
    merged = ksm.merge_pass(m)
    return Outcome(reason="" if merged else "nothing was merged")


def do_split(m: Draft, op: ops.Split) -> Outcome:
    """split_folio() of every large folio mapped there; EAGAIN where a reference forbids it."""
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    found = False
    refused: dict[int, str] = {}
    for _, pte in neighbours(m, mm, access.pages_of(area, op.place)):
        head = m.folios[pte.pfn].head if type(pte) is Present else -1
        if head < 0 or head in refused:
            continue
        found = True
        why = large.split_folio(m, head)
        if why:
            refused[head] = why
            if m.compounds[head].hugetlb:
                continue
            for owner, first in m.compounds[head].maps:
                large.split_pmd(m, owner, first)
    if not found:
        return Outcome(reason="no large folio is mapped there")
    whys = "; ".join(dict.fromkeys(refused.values()))
    return Outcome(error="EAGAIN" if refused else None, reason=whys)


def do_split_pmd(m: Draft, op: ops.SplitPmd) -> Outcome:
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    if any(vma.hugetlb for vma in area.vmas):
        return Outcome(error="EINVAL", reason="hugetlb mappings have no PTEs")
    firsts = m.pmds(mm, access.pages_of(area, op.place))
    for first in firsts:
        large.split_pmd(m, mm, first)
    return Outcome(reason="" if firsts else "no huge PMD maps it")


def do_collapse(m: Draft, op: ops.Collapse) -> Outcome:
    mm = access.enter(m, op.process)
    area = access.area_of(m, mm, op.place)
    pages = access.pages_of(area, op.place)
    size = m.config.huge
    whole = range(pages.start - pages.start % size, -(-pages.stop // size) * size)
    for vma in advice.overlapping(area, whole):
        part = range(max(vma.lo, whole.start), min(vma.hi, whole.stop))
        collapse.madvise_collapse(m, mm, area, vma, part)
    return Outcome()


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
        pte = m.pte(mm, vpn)
        if type(pte) is not Present:
            raise Failed("EFAULT", "no page is mapped there")
        page = m.folios[pte.pfn]
        if page.head < 0:
            m.set_folio(pte.pfn, replace(page, holds=page.holds + count if count else 0))
        else:
            value = m.compounds[page.head]
            held = replace(value, holds=value.holds + count if count else 0)
            large.set_compound(m, page.head, held)
        m.say(reasons.HOLD, mm, vpn, pte.pfn, count, folio_of(m, pte.pfn).refcount)
    return Outcome()


HANDLERS: dict[type[ops.Operation], Callable[[Draft, Any], Outcome]] = {
    ops.Swapout: do_swapout,
    ops.Reclaim: do_reclaim,
    ops.Swapcache: do_swapcache,
    ops.Migrate: do_migrate,
    ops.Ksm: do_ksm,
    ops.Split: do_split,
    ops.SplitPmd: do_split_pmd,
    ops.Collapse: do_collapse,
    ops.Drain: drain,
    ops.Hold: hold,
    ops.Unhold: unhold,
}
