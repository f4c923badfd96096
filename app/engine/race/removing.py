"""munmap, exit, MADV_DONTNEED, uffd-wp, collapse and PMD split, with their TLB flushes."""

from __future__ import annotations

from msgspec.structs import replace

from app.engine import access, collapse, kernel, tasks
from app.engine import operations as ops
from app.engine.draft import Draft
from app.engine.flight import Flight
from app.engine.outcome import Outcome
from app.engine.state import Present

from .storing import give_back
from .traffic import (
    Program,
    await_threads,
    check_lock,
    check_pte,
    flush,
    lock_mm,
    lock_pte,
    others,
    refreshed,
    say,
    settle,
)


def pages_of(m: Draft, f: Flight) -> range:
    op = f.op
    assert isinstance(op, ops.Munmap | ops.Madvise | ops.UffdWp | ops.SplitPmd | ops.Collapse)
    area = access.area_of(m, f.mm, op.place)
    return access.pages_of(area, op.place)


def start_zap(m: Draft, f: Flight) -> Flight | None:
    """None without a base page to zap: then there is nothing to interleave."""
    mode = "read" if type(f.op) is ops.Madvise else "write"
    table = m.tables[f.mm]
    wanted = sorted(v for v in table if v >= 0) if type(f.op) is ops.Exit else pages_of(m, f)
    small = tuple(
        vpn for vpn in wanted
        if type(pte := table.get(vpn)) is Present and m.folios[pte.pfn].head < 0
    )  # fmt: skip
    if not small or (type(f.op) is ops.Exit and m.mms[f.mm].users > 1):
        return None
    f = lock_mm(m, f, mode)
    if type(f.op) is ops.Exit:
        await_threads(m, f)
    return replace(f, pages=small, at="z1")


def z1(m: Draft, f: Flight) -> Flight:
    for vpn in f.pages:
        check_pte(m, f, f.mm, vpn)
    taken = []
    for vpn in f.pages:
        pte = m.tables[f.mm].get(vpn)
        if type(pte) is not Present:
            continue
        f = lock_pte(m, f, f.mm, vpn)
        m.clear_pte(f.mm, vpn)
        m.touched.add(pte.pfn)
        taken.append((vpn, pte.pfn))
        say(m, "z1", f.mm, vpn, pte.pfn)
    return replace(f, taken=tuple(taken), at="z2" if m.policy.zap_flushes_first else "z3")


def z2(m: Draft, f: Flight) -> Flight:
    if not m.policy.zap_flushes_first:
        await_rest(m, f)
    flush(m, f.mm, f.pages)
    say(m, "z2", f.mm, f.pages[0])
    f = refreshed(m, f)
    return replace(f, at="z3") if m.policy.zap_flushes_first else rest(m, f)


def z3(m: Draft, f: Flight) -> Flight:
    for vpn, pfn in f.taken:
        page = m.folios[pfn]
        maps = tuple(at for at in page.maps if at != (f.mm, vpn - pfn))
        m.set_folio(pfn, replace(page, maps=maps, holds=page.holds + 1))
        say(m, "z3", f.mm, vpn, pfn)
    return replace(f, at="z4")


def z4(m: Draft, f: Flight) -> Flight:
    if m.policy.zap_flushes_first:
        await_rest(m, f)
    say(m, "z4", f.mm, f.pages[0])
    for vpn, pfn in f.taken:
        give_back(m, f.mm, vpn, pfn)
        m.forget(f.mm, vpn)
    return rest(m, f) if m.policy.zap_flushes_first else replace(f, at="z2")


def await_rest(m: Draft, f: Flight) -> None:
    """The rest runs as a whole: nobody may hold the lock of a PTE in it. Raises Waits."""
    wanted = None if type(f.op) is ops.Exit else pages_of(m, f)
    for other in others(m, f):
        for mm, vpn in other.locks:
            if mm == f.mm and (wanted is None or vpn in wanted):
                check_lock(m, f, mm, vpn)


def rest(m: Draft, f: Flight) -> Flight:
    """What has no micro-steps: the VMAs, large folios, swap entries."""
    op = f.op
    if type(op) is ops.Munmap:
        outcome = tasks.munmap(m, op)
    elif type(op) is ops.Madvise:
        outcome = tasks.madvise(m, op)
    else:
        assert type(op) is ops.Exit
        outcome = tasks.exit_(m, op)
    settle(m)
    return replace(f, at="", outcome=outcome)


def start_protect(m: Draft, f: Flight) -> Flight:
    return replace(lock_mm(m, f, "read"), at="p1")


def p1(m: Draft, f: Flight) -> Flight:
    assert type(f.op) is ops.UffdWp
    pages = tuple(pages_of(m, f))
    for vpn in pages:
        check_pte(m, f, f.mm, vpn)
    outcome = tasks.uffd_wp(m, f.op)
    say(m, "p1", f.mm, pages[0])
    return replace(f, unflushed=pages, outcome=outcome, at="p2")


def p2(m: Draft, f: Flight) -> Flight:
    flush(m, f.mm, f.unflushed)
    say(m, "p2", f.mm, f.unflushed[0])
    return replace(refreshed(m, f), unflushed=(), at="")


def start_collapse(m: Draft, f: Flight) -> Flight | None:
    """None where there is not exactly one range of present base pages to collapse."""
    size = m.config.huge
    pages = pages_of(m, f)
    first = pages.start - pages.start % size
    span = range(first, first + size)
    vma = m.vma(f.mm, first)
    plain = vma is not None and first + size <= vma.hi and not m.pmds(f.mm, span)
    entries = [m.tables[f.mm].get(vpn) for vpn in span]
    if not plain or pages.stop > span.stop or not all(type(e) is Present for e in entries):
        return None
    return replace(lock_mm(m, f, "write"), pages=tuple(span), at="c1")


def c1(m: Draft, f: Flight) -> Flight:
    for vpn in f.pages:
        check_pte(m, f, f.mm, vpn)
    flush(m, f.mm, f.pages)
    say(m, "c1", f.mm, f.pages[0])
    return replace(refreshed(m, f), detached=f.pages[0], at="c2")


def c2(m: Draft, f: Flight) -> Flight:
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    why = collapse.isolate(m, f.mm, f.pages[0])
    say(m, "c2", f.mm, f.pages[0], -1, why or "no")
    if why:
        return replace(f, detached=-1, at="", outcome=Outcome(error="EAGAIN", reason=why))
    return replace(f, at="c3")


def c3(m: Draft, f: Flight) -> Flight:
    """The answer of c2 stands: nobody can take a reference through the detached table."""
    vma = m.vma(f.mm, f.pages[0])
    assert vma is not None
    say(m, "c3", f.mm, f.pages[0])
    collapse.replace_pages(m, f.mm, vma, f.pages[0])
    settle(m)
    return replace(f, detached=-1, at="")


def start_split(m: Draft, f: Flight) -> Flight | None:
    firsts = m.pmds(f.mm, pages_of(m, f))
    area = m.vma(f.mm, firsts[0]) if firsts else None
    if len(firsts) != 1 or area is None or area.hugetlb:
        return None
    span = range(firsts[0], firsts[0] + m.config.huge)
    return replace(lock_mm(m, f, "read"), pages=tuple(span), at="x1")


def x1(m: Draft, f: Flight) -> Flight:
    check_pte(m, f, f.mm, f.pages[0])
    flush(m, f.mm, f.pages)
    say(m, "x1", f.mm, f.pages[0])
    return replace(refreshed(m, f), detached=f.pages[0], at="x2")


def x2(m: Draft, f: Flight) -> Flight:
    assert type(f.op) is ops.SplitPmd
    say(m, "x2", f.mm, f.pages[0])
    return replace(f, detached=-1, at="", outcome=kernel.do_split_pmd(m, f.op))


PROGRAM: dict[str, Program] = {
    "z1": z1, "z2": z2, "z3": z3, "z4": z4, "p1": p1, "p2": p2, "c1": c1, "c2": c2, "c3": c3,
    "x1": x1, "x2": x2,
}  # fmt: skip
