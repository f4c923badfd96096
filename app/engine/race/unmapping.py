"""Taking the exclusive bit away in micro-steps: swap-out, migration, KSM (`semantics.md` 5, U)."""

from __future__ import annotations

from msgspec.structs import replace

from app.engine import access, ksm, migrate, reasons, swapout
from app.engine import operations as ops
from app.engine.draft import Draft, Violation
from app.engine.flight import Flight
from app.engine.outcome import Outcome
from app.engine.reuse import is_exclusive
from app.engine.state import Migrating, Present, folio_of, ptes_of

from .traffic import (
    Program,
    Waits,
    add_hold,
    flush,
    lock_pte,
    next_page,
    others,
    refreshed,
    say,
    settle,
)


def start(m: Draft, f: Flight) -> Flight | None:
    """None where a page is none of the small anonymous pages that have micro-steps."""
    assert isinstance(f.op, ops.Swapout | ops.Reclaim | ops.Migrate)
    area = access.area_of(m, f.mm, f.op.place)
    pages = tuple(access.pages_of(area, f.op.place))
    for vpn in pages:
        pte = m.tables[f.mm].get(vpn)
        if type(pte) is not Present:
            return None
        page = m.folios[pte.pfn]
        if page.head >= 0 or not page.anon or not (page.swapbacked or migrates(f)):
            return None
    return replace(f, pages=pages, at="u0")


def migrates(f: Flight) -> bool:
    return type(f.op) is ops.Migrate


def u0(m: Draft, f: Flight) -> Flight:
    """Isolate, ask for pins early, and find a slot. Migration asks nothing yet."""
    vpn = f.pages[0]
    pte = m.pte(f.mm, vpn)
    assert isinstance(f.op, ops.Swapout | ops.Reclaim | ops.Migrate)
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    if type(pte) is not Present:
        return next_page(m, replace(f, why="no page"), "u0", "")
    if why := isolated(m, f, pte.pfn):
        say(m, "u0", f.mm, vpn, pte.pfn, why)
        return kept(m, f, why)
    if migrates(f):
        add_hold(m, pte.pfn, 1)
        say(m, "u0", f.mm, vpn, pte.pfn, "")
        return replace(f, pfn=pte.pfn, maps=ptes_of(m.folios[pte.pfn], pte.pfn), at="u1")
    if type(f.op) is ops.Swapout:
        area = access.area_of(m, f.mm, f.op.place)
        why = swapout.may_pageout(m, f.mm, area, vpn, {})[0]
    else:
        why = "locked in memory" if m.folios[pte.pfn].mlocked else ""
    why = why or swapout.prepare_unmap(m, pte.pfn)
    say(m, "u0", f.mm, vpn, pte.pfn, why)
    if why:
        return kept(m, f, why)
    return replace(f, pfn=pte.pfn, maps=ptes_of(m.folios[pte.pfn], pte.pfn), at="u1")


def isolated(m: Draft, f: Flight, pfn: int) -> str:
    """folio_isolate_lru() fails while somebody else has the folio off the LRU: who, or ""."""
    for other in others(m, f):
        if other.pfn == pfn and isinstance(other.op, ops.Swapout | ops.Reclaim | ops.Migrate):
            return f"not on the LRU: line {other.line} has it isolated"
    return ""


def kept(m: Draft, f: Flight, why: str) -> Flight:
    f = replace(f, outcome=Outcome(error="NOTMOVED" if migrates(f) else None, reason=why))
    return next_page(m, f, "u0", "")


def u1(m: Draft, f: Flight) -> Flight:
    mm, vpn = f.maps[0]
    f = lock_pte(m, f, mm, vpn)
    pte = m.pte(mm, vpn) if mm in m.tables else None
    if type(pte) is not Present or pte.pfn != f.pfn:
        return unmapped_already(m, f)
    swaps = isinstance(f.op, ops.Swapout | ops.Reclaim)
    if swaps and m.folios[f.pfn].slot < 0 and not swapout.add_to_swap(m, f.pfn):
        return kept(m, f, "no free swap slot")
    answer = pte.exclusive or m.folios[f.pfn].exclusive
    m.clear_pte(mm, vpn)
    m.touched.add(f.pfn)
    say(m, "u1", mm, vpn, f.pfn)
    return replace(f, pte=pte, answer=answer, at="u2")


def unmapped_already(m: Draft, f: Flight) -> Flight:
    """page_vma_mapped_walk() finds nothing: somebody else was here first."""
    if f.pfn not in m.folios or type(f.op) is ops.Ksm:
        return (
            replace(f, at="k6", pfn=-1, maps=(), locks=())
            if type(f.op) is ops.Ksm
            else (next_page(m, replace(f, pfn=-1), "u0", ""))
        )
    left = f.maps[1:]
    return replace(f, maps=left, locks=(), at="u1" if left else end_of(f))


def end_of(f: Flight) -> str:
    """What comes when no mapping is left."""
    return "m1" if migrates(f) else "v1"


def u2(m: Draft, f: Flight) -> Flight:
    mm, vpn = f.maps[0]
    flush(m, mm, [vpn])
    say(m, "u2", mm, vpn, f.pfn)
    return replace(refreshed(m, f), at="u3")


def u3(m: Draft, f: Flight) -> Flight:
    mm, vpn = f.maps[0]
    why = refusal(m, f, mm, vpn)
    say(m, "u3", mm, vpn, f.pfn, why or "no")
    if why:
        assert f.pte is not None
        m.set_pte(mm, vpn, f.pte)
        m.touched.add(f.pfn)
        if type(f.op) is ops.Ksm:
            return replace(f, at="k6", locks=(), pfn=-1, maps=())
        if migrates(f):
            return replace(f, why=why, maps=(), locks=(), pte=None, at="m3")
        m.putback_lru(f.pfn, m.config.cpus - 1)
        return kept(m, f, why)
    return replace(f, at="u4" if m.policy.unmap_clears_first else "u5")


def refusal(m: Draft, f: Flight, mm: int, vpn: int) -> str:
    if type(f.op) is not ops.Ksm:
        return swapout.refuse_pinned(m, f.pfn, mm, vpn, exclusive=bool(f.answer))
    folio = folio_of(m, f.pfn)
    expected = folio.mapcount + (folio.slot >= 0)
    pins = m.policy.unmap_checks_pinned and f.answer and folio.maybe_pinned
    if folio.refcount != expected or pins:
        return f"refcount {folio.refcount} != {expected}"
    return ""


def u4(m: Draft, f: Flight) -> Flight:
    clears = m.policy.ksm_clears if type(f.op) is ops.Ksm else m.policy.swapout_clears
    clears = clears or migrates(f)
    page = m.folios[f.pfn]
    if clears and page.exclusive:
        m.set_folio(f.pfn, replace(page, exclusive=False))
    say(m, "u4", *f.maps[0], f.pfn)
    if m.policy.unmap_clears_first:
        return replace(f, at="u5")
    return replace(f, at="k6", pfn=-1, maps=()) if type(f.op) is ops.Ksm else replace(f, at="u6")


def u5(m: Draft, f: Flight) -> Flight:
    mm, vpn = f.maps[0]
    assert type(f.pte) is Present
    if type(f.op) is ops.Ksm:
        bit = f.pte.exclusive and not m.policy.ksm_clears
        m.set_pte(mm, vpn, replace(f.pte, write=False, dirty=False, exclusive=bit))
        say(m, "u5", mm, vpn, f.pfn, "present, read-only")
    elif migrates(f):
        entry = migration_entry(m, f.pte, exclusive=bool(f.answer))
        m.set_pte(mm, vpn, entry)
        say(m, "u5", mm, vpn, f.pfn, f"a migration entry, {entry.mode}")
    else:
        swapout.install_swap_entry(m, f.pfn, mm, vpn, f.pte, exclusive=bool(f.answer))
        say(m, "u5", mm, vpn, f.pfn, "a swap entry")
    m.touched.add(f.pfn)
    late = not m.policy.unmap_clears_first and type(f.op) is not ops.Ksm
    return replace(f, at="u4" if late else "u6")


def u6(m: Draft, f: Flight) -> Flight:
    """KSM keeps the mapping, and drops the lock. Swap drops both, and takes the next one."""
    mm, vpn = f.maps[0]
    assert type(f.pte) is Present
    if type(f.op) is ops.Ksm:
        m.touched.add(f.pfn)
        if not m.policy.unmap_clears_first:
            return replace(f, locks=(), at="u4")
        return replace(f, locks=(), pfn=-1, maps=(), at="k6")
    swapout.drop_rmap(m, f.pfn, mm, vpn, f.pte)
    say(m, "u6", mm, vpn, f.pfn)
    left = f.maps[1:]
    return replace(f, maps=left, locks=(), pte=None, at="u1" if left else end_of(f))


def migration_entry(m: Draft, pte: Present, *, exclusive: bool) -> Migrating:
    """try_to_migrate_one(): the entry keeps the PTE's bits, and the exclusive bit as a policy has
    it do so."""
    kept = exclusive and m.policy.migration_keeps
    return Migrating(pte.pfn, pte.write, kept, pte.dirty, pte.young, pte.uffd_wp, pte.soft_dirty)


def m1(m: Draft, f: Flight) -> Flight:
    """folio_migrate_mapping(): nobody may hold the page but who isolated it, and the swap cache."""
    folio = m.folios[f.pfn]
    expected = 1 + (folio.slot >= 0)
    alone = folio.refcount == expected
    say(m, "m1", -1, -1, f.pfn, "yes" if alone else f"no, refcount {folio.refcount} > {expected}")
    if not alone:
        why = f"refcount {folio.refcount} != {expected}: somebody else holds it"
        return replace(f, why=why, at="m3")
    if len(m.folios) >= m.config.memory:
        return replace(f, why="no free page frame", at="m3")
    return replace(f, at="m2")


def m2(m: Draft, f: Flight) -> Flight:
    """folio_migrate_copy(): bytes, flags and swap cache are the new frame's from here on.

    The migration entries name the old frame until m3, so its last reference is kept until then.
    """
    new = m.next_pfn
    m.next_pfn = new + 1
    old = m.folios[f.pfn]
    migrate.move_frames(m, f.pfn, new, 1)
    m.set_folio(f.pfn, replace(old, slot=-1, dirty=False, active=False, mlocked=False))
    say(m, "m2", -1, -1, f.pfn, to=new)
    return replace(f, fresh=new, at="m3")


def m3(m: Draft, f: Flight) -> Flight:
    """remove_migration_ptes(): every entry that waits becomes a PTE again, of the new frame or,
    where the page could not move, of the old one."""
    pfn = f.fresh if f.fresh >= 0 else f.pfn
    for mm, vpn, entry in waiting(m, f.pfn):
        in_pte = entry.exclusive and m.policy.bit == "pte"
        m.set_pte(mm, vpn, Present(
            pfn, entry.write, entry.dirty, entry.young, in_pte, entry.uffd_wp, entry.soft_dirty,
        ))  # fmt: skip
        m.map_page(pfn, mm, vpn)
        if entry.exclusive and m.policy.bit == "page":
            m.set_folio(pfn, replace(m.folios[pfn], exclusive=True))
    say(m, "m3", -1, -1, f.pfn, to=pfn)
    for held in sorted({f.pfn, pfn}):
        add_hold(m, held, -1)
    error = "NOTMOVED" if f.why else None
    f = replace(f, outcome=Outcome(error=error, reason=f.why))
    return next_page(m, f, "u0", "")


def waiting(m: Draft, pfn: int) -> list[tuple[int, int, Migrating]]:
    """(mm, vpn) of every migration entry that names the frame."""
    return [
        (mm, vpn, pte)
        for mm, table in m.tables.items()
        for vpn, pte in table.items()
        if type(pte) is Migrating and pte.pfn == pfn
    ]


def v1(m: Draft, f: Flight) -> Flight:
    """folio_ref_freeze(): compare with one and set to zero, in one instant."""
    if f.pfn not in m.folios:
        return next_page(m, replace(f, pfn=-1), "u0", "")
    folio = m.folios[f.pfn]
    alone = folio.refcount == 1
    say(m, "v1", -1, -1, f.pfn, "yes" if alone else f"no, refcount {folio.refcount}")
    if not alone:
        swapout.remove_mapping(m, f.pfn)
        m.putback_lru(f.pfn, m.config.cpus - 1)
        return next_page(m, f, "u0", "")
    return replace(f, frozen=f.pfn if m.policy.reclaim_freezes else -1, at="v2")


def v2(m: Draft, f: Flight) -> Flight:
    if f.pfn not in m.folios:
        return next_page(m, replace(f, pfn=-1), "u0", "")
    folio = m.folios[f.pfn]
    say(m, "v2", -1, -1, f.pfn)
    if folio.refcount > 1:
        why = f"freed although {folio.refcount - 1} references are left"
        m.violations.append(Violation("use-after-free", "K7", why, pfn=f.pfn))
    swapout.remove_mapping(m, f.pfn)
    if f.pfn in m.folios:
        m.putback_lru(f.pfn, m.config.cpus - 1)
    return next_page(m, f, "u0", "")


def scan(m: Draft, f: Flight) -> Flight | None:
    """The first page that a KSM pass would write-protect, or None."""
    probe = Draft(m.publish(), m.policy, explain=True)
    ksm.merge_pass(probe)
    found = next((e for e in probe.told_since(0) if e.reason is reasons.KSM_PROTECTED), None)
    pte = m.pte(found.mm, found.vpn) if found is not None else None
    if found is None or type(pte) is not Present or m.folios[pte.pfn].head >= 0:
        return None
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    f = replace(f, mm=found.mm, pages=(found.vpn,), pfn=pte.pfn, maps=((found.mm, found.vpn),))
    return replace(f, answer=is_exclusive(m, pte), at="u1")


def k6(m: Draft, f: Flight) -> Flight:
    """Pages that somebody else has isolated are not merged: the pass waits for them."""
    busy = next((other for other in others(m, f) if other.locks or other.pfn >= 0), None)
    if busy is not None:
        raise Waits(f"line {busy.line} has a page isolated or locked")
    say(m, "k6")
    merged = ksm.merge_pass(m)
    settle(m)
    return replace(f, at="", outcome=Outcome(reason="" if merged else "nothing was merged"))


PROGRAM: dict[str, Program] = {
    "u0": u0, "u1": u1, "u2": u2, "u3": u3, "u4": u4, "u5": u5, "u6": u6, "v1": v1, "v2": v2,
    "k6": k6, "m1": m1, "m2": m2, "m3": m3,
}  # fmt: skip
