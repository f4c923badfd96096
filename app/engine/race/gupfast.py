"""GUP-fast: references taken without any lock (mm/gup.c: gup_fast())."""

from __future__ import annotations

from msgspec.structs import replace

from app.engine import access, gup
from app.engine import operations as ops
from app.engine.draft import Draft
from app.engine.faults import describe
from app.engine.flight import Flight
from app.engine.outcome import Failed
from app.engine.state import Handle, Present

from .traffic import Program, check_pte, detached, lock_mm, next_page, say, settle

Taking = ops.Pin | ops.Get | ops.Splice


def taking(f: Flight) -> Taking:
    assert isinstance(f.op, Taking)
    return f.op


def kind_of(op: Taking) -> str:
    return "pin" if type(op) is ops.Pin else "get" if type(op) is ops.Get else "splice"


def writes(op: Taking) -> bool:
    return not isinstance(op, ops.Splice) and op.write


def start(m: Draft, f: Flight) -> Flight:
    op = taking(f)
    if op.handle in m.handles:
        raise Failed("EBUSY", f"{op.handle} still holds what it took before")
    area = access.area_of(m, f.mm, op.place)
    pages = tuple(access.pages_of(area, op.place))
    return replace(f, pages=pages, at="g0" if type(op) is ops.Pin else "g1")


def g0(m: Draft, f: Flight) -> Flight:
    """MMF_HAS_PINNED first, then the sequence count."""
    mm = m.mms[f.mm]
    if not mm.has_pinned:
        m.mms = m.mms.set(f.mm, replace(mm, has_pinned=True))
    seq = mm.write_protect_seq
    say(m, "g0", -1, -1, -1, f"{seq}, odd: a fork runs" if seq % 2 else seq)
    if seq % 2 and m.policy.gup_seq:
        return replace(f, at="slow")
    return replace(f, at="g1", seq=seq)


def g1(m: Draft, f: Flight) -> Flight:
    op, vpn = taking(f), f.pages[0]
    pte = None if detached(m, f.mm, vpn) else m.pte(f.mm, vpn)
    say(m, "g1", f.mm, vpn, -1, describe(pte))
    vma = m.vma(f.mm, vpn)
    readable = vma is not None and vma.readable
    write = writes(op) or (m.policy.gup_breaks_cow and vma is not None and vma.cow)
    if type(pte) is not Present or not readable or (write and not pte.write):
        return undo(m, f)
    return replace(f, pte=pte, pfn=pte.pfn, at="g2" if m.policy.gup_grabs_first else "g3")


def g2(m: Draft, f: Flight) -> Flight:
    op, vpn = taking(f), f.pages[0]
    assert type(f.pte) is Present
    frozen = any(other.frozen == f.pfn for other in m.flights)
    if f.pfn not in m.folios or frozen:
        return undo(m, f)
    say(m, "g2", f.mm, vpn, f.pfn)
    gup.grab(m, f.mm, vpn, f.pte, op.handle, pin=type(op) is ops.Pin)
    f = replace(f, taken=(*f.taken, (vpn, f.pfn)))
    return replace(f, at="g3") if m.policy.gup_grabs_first else checked(m, f)


def g3(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    assert type(f.pte) is Present
    gone = detached(m, f.mm, vpn) and (f.pte.huge or m.policy.gup_rechecks_pmd)
    same = not gone and m.pte(f.mm, vpn) == f.pte
    say(m, "g3", f.mm, vpn, f.pfn, "unchanged" if same else "changed")
    if not same:
        return undo(m, f)
    return checked(m, f) if m.policy.gup_grabs_first else replace(f, at="g2")


def checked(m: Draft, f: Flight) -> Flight:
    return taken(m, f) if writes(taking(f)) else replace(f, at="g4")


def g4(m: Draft, f: Flight) -> Flight:
    op, vpn = taking(f), f.pages[0]
    vma = m.vma(f.mm, vpn)
    pin = type(op) is ops.Pin
    longterm = type(op) is ops.Pin and op.longterm
    stale = vma is not None and gup.must_unshare(
        m, f.mm, vpn, vma, f.pte, pin=pin, longterm=longterm
    )
    say(m, "g4", f.mm, vpn, f.pfn, "yes" if stale else "no")
    return undo(m, f) if stale else taken(m, f)


def taken(m: Draft, f: Flight) -> Flight:
    """This page is done; behind the last one the sequence count is asked again."""
    if len(f.pages) > 1 or type(f.op) is ops.Pin:
        return next_page(m, f, "g1", "g5")
    return finish(m, next_page(m, f, "", ""))


def g5(m: Draft, f: Flight) -> Flight:
    now = m.mms[f.mm].write_protect_seq
    say(m, "g5", -1, -1, -1, now, f.seq)
    if now != f.seq and m.policy.gup_seq:
        return undo(m, f)
    return finish(m, f)


def undo(m: Draft, f: Flight) -> Flight:
    """Give back what was taken; the slow path takes the lock."""
    op = taking(f)
    for _, pfn in f.taken:
        if pfn in m.folios:
            gup.drop(m, op.handle, [pfn], pin=type(op) is ops.Pin)
    return replace(f, at="slow", taken=(), pte=None, pfn=-1)


def finish(m: Draft, f: Flight) -> Flight:
    op = taking(f)
    longterm = type(op) is ops.Pin and op.longterm
    handle = Handle(f.mm, op.actor, kind_of(op), writes(op), longterm, True, f.taken, m.clock)
    m.handles = m.handles.set(op.handle, handle)
    m.touched.update(pfn for _, pfn in f.taken)
    return replace(f, at="")


def slow(m: Draft, f: Flight) -> Flight:
    """__gup_longterm_locked(): the whole of it under the mmap lock."""
    op = taking(f)
    lock_mm(m, f, "read")
    area = access.area_of(m, f.mm, op.place)
    pages = access.pages_of(area, op.place)
    for vpn in pages:
        check_pte(m, f, f.mm, vpn)
    say(m, "slow")
    longterm = type(op) is ops.Pin and op.longterm
    gup.hold_pages(
        m, f.mm, op.actor, area, pages, op.handle, kind_of(op),
        write=writes(op), longterm=longterm, fast=True,
    )  # fmt: skip
    settle(m)
    return replace(f, at="")


PROGRAM: dict[str, Program] = {
    "g0": g0, "g1": g1, "g2": g2, "g3": g3, "g4": g4, "g5": g5, "slow": slow,
}  # fmt: skip
