"""Loads and stores through TLBs, and write faults in micro-steps (`semantics.md` 5, W and R)."""

from __future__ import annotations

from msgspec.structs import replace

from app.engine import access, faults, reasons
from app.engine import operations as ops
from app.engine.draft import Draft, Violation
from app.engine.flight import Flight
from app.engine.lifting import lift
from app.engine.outcome import Outcome
from app.engine.reuse import may_reuse, set_exclusive
from app.engine.state import (
    ZEROES,
    Area,
    Folio,
    Present,
    Swapped,
    Version,
    Vma,
    folio_of,
)

from .traffic import (
    Program,
    Waits,
    add_hold,
    check_pte,
    filled,
    flush,
    lock_mm,
    lock_pte,
    next_page,
    others,
    refreshed,
    say,
    settle,
    translation,
)


def area_at(m: Draft, f: Flight) -> Area | None:
    assert isinstance(f.op, ops.Write | ops.Read)
    return m.mms[f.mm].areas.get(f.op.place.area)


def start(m: Draft, f: Flight) -> Flight:
    assert isinstance(f.op, ops.Write | ops.Read)
    area = access.area_of(m, f.mm, f.op.place)
    pages = tuple(access.pages_of(area, f.op.place))
    return replace(f, pages=pages, at="st" if type(f.op) is ops.Write else "ld")


def next_access(m: Draft, f: Flight) -> Flight:
    """The present page was stored to or loaded; the outcome is made behind the last one."""
    again = "st" if type(f.op) is ops.Write else "ld"
    f = next_page(m, replace(f, mmap=""), again, "")
    if f.at:
        return f
    outcome = Outcome(faults=f.faults)
    if f.values:
        outcome = access_outcome(f)
    return replace(f, outcome=outcome)


def access_outcome(f: Flight) -> Outcome:
    if len(set(f.values)) == 1:
        return Outcome(value=f.values[-1], faults=f.faults)
    return Outcome(values=f.values, faults=f.faults)


def gone(m: Draft, f: Flight, vpn: int, pfn: int) -> None:
    why = "a stale TLB entry leads to a page that was freed"
    m.violations.append(Violation("use-after-free", "K7", why, f.mm, vpn, pfn))


def st(m: Draft, f: Flight) -> Flight:
    """A store: through the TLB, else through the page table, else a fault."""
    assert type(f.op) is ops.Write
    vpn = f.pages[0]
    cached = translation(f, vpn)
    if cached is not None and cached.write:
        say(m, "st", f.mm, vpn, -1, "the TLB; no page table is asked")
        version = Version(f.op.value, f.mm, m.clock)
        if cached.pfn in m.folios:
            m.set_folio(cached.pfn, replace(m.folios[cached.pfn], data=version))
        else:
            gone(m, f, vpn, cached.pfn)
        m.set_ghost(f.mm, vpn, version)
        return next_access(m, f)
    area = area_at(m, f)
    vma = access.find(area, vpn)
    if vma is None or vma.prot != "rw":
        raise access.refused(m, f.mm, vpn, vma)
    pte = m.pte(f.mm, vpn)
    if type(pte) is Present and pte.write:
        say(m, "st", f.mm, vpn, pte.pfn, "the page table")
        access.put_value(m, f.mm, vpn, vma, pte, f.op.value)
        return next_access(m, filled(f, vpn, pte))
    return fault(m, f, vpn, area)


def fault(m: Draft, f: Flight, vpn: int, area: Area | None) -> Flight:
    """handle_pte_fault(): only what the races are about has micro-steps of its own."""
    f = lock_mm(m, f, "read")
    check_pte(m, f, f.mm, vpn)
    pte = m.pte(f.mm, vpn)
    vma = m.vma(f.mm, vpn)
    assert vma is not None
    if type(pte) is Swapped:
        say(m, "d1", f.mm, vpn, -1, marked(pte))
        return replace(f, mmap="", pte=pte, at="d2")
    small = type(pte) is Present and not pte.huge and m.folios[pte.pfn].anon
    if type(f.op) is ops.Write and small and not vma.shared:
        return r1(m, f)
    if type(f.op) is ops.Write:
        taken = access.store(m, f.mm, area, vpn, f.op.value)
    else:
        value, taken = access.load(m, f.mm, area, vpn)
        f = replace(f, values=(*f.values, value))
    settle(m)
    f = refreshed(m, f)
    return next_access(m, replace(f, faults=f.faults + taken))


def marked(pte: Swapped) -> str:
    return "marked exclusive" if pte.exclusive else "not marked exclusive"


def r1(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    f = lock_pte(m, f, f.mm, vpn)
    vma = m.vma(f.mm, vpn)
    pte = m.pte(f.mm, vpn)
    if vma is None or type(pte) is not Present or pte.write:
        return replace(f, locks=(), mmap="", at="st")
    say(m, "r1", f.mm, vpn, pte.pfn)
    pending = any(vpn in other.unflushed for other in others(m, f) if other.mm == f.mm)
    if pending and m.policy.fault_flushes:
        flush(m, f.mm, [vpn])
        f = refreshed(m, f)
        say(m, "pending", f.mm, vpn, pte.pfn)
    if pte.uffd_wp:
        lifted = lift(m, f.mm, vpn, vma, pte)
        assert type(lifted) is Present
        pte = lifted
    return replace(f, pte=pte, pfn=pte.pfn, faults=f.faults + 1, at="r2")


def r2(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    assert type(f.pte) is Present
    reuse = may_reuse(m, f.mm, vpn, f.pte)
    say(m, "r2", f.mm, vpn, f.pfn, "yes" if reuse else "no, it is copied")
    return replace(f, at="r3" if reuse else "w1")


def r3(m: Draft, f: Flight) -> Flight:
    assert type(f.pte) is Present
    pte = set_exclusive(m, f.pte)
    say(m, "r3", f.mm, f.pages[0], f.pfn)
    return replace(f, pte=pte, at="r4")


def r4(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    vma = m.vma(f.mm, vpn)
    assert vma is not None
    assert type(f.pte) is Present
    pte = faults.wp_page_reuse(m, f.mm, vpn, vma, f.pte, unshare=False)
    say(m, "r4", f.mm, vpn, f.pfn)
    return replace(filled(f, vpn, pte), locks=(), mmap="", pte=None, pfn=-1, at="st")


def w1(m: Draft, f: Flight) -> Flight:
    add_hold(m, f.pfn, 1)
    say(m, "w1", f.mm, f.pages[0], f.pfn)
    return replace(f, locks=(), at="w2")


def w2(m: Draft, f: Flight) -> Flight:
    """Allocate and copy. Nothing maps the copy yet; the fault's own reference keeps it."""
    vpn = f.pages[0]
    vma = m.vma(f.mm, vpn)
    assert vma is not None
    old = m.folios[f.pfn]
    if not vma.anon_vma:
        m.give_anon_vma(f.mm, vpn, vma)
    bit = m.policy.sets_page
    fresh = m.alloc(Folio(old.data, exclusive=bit, mlocked=vma.locked, holds=1))
    m.copies += 1
    m.say(reasons.COPIED, f.mm, vpn, f.pfn, old.data.value, to=fresh)
    say(m, "w2", f.mm, vpn, f.pfn, to=fresh)
    return replace(f, fresh=fresh, at="w3")


def w3(m: Draft, f: Flight) -> Flight:
    """Another fault may have changed the PTE meanwhile: then the copy was for nothing."""
    vpn = f.pages[0]
    f = lock_pte(m, f, f.mm, vpn)
    same = m.pte(f.mm, vpn) == f.pte
    say(m, "w3", f.mm, vpn, f.pfn, "unchanged" if same else "changed: give up and retry")
    if not same:
        add_hold(m, f.pfn, -1)
        add_hold(m, f.fresh, -1)
        m.copies -= 1
        return replace(f, locks=(), mmap="", pte=None, pfn=-1, fresh=-1, at="st")
    return replace(f, at="w4" if m.policy.copy_flushes_first else "w7")


def w4(m: Draft, f: Flight) -> Flight:
    m.clear_pte(f.mm, f.pages[0])
    say(m, "w4", f.mm, f.pages[0], f.pfn)
    return replace(f, at="w5")


def w5(m: Draft, f: Flight) -> Flight:
    flush(m, f.mm, [f.pages[0]])
    say(m, "w5", f.mm, f.pages[0], f.pfn)
    return replace(refreshed(m, f), at="w6")


def w6(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    vma = m.vma(f.mm, vpn)
    assert vma is not None
    bit = m.policy.sets_pte
    pte = Present(f.fresh, vma.writable, True, exclusive=bit)
    page = m.folios[f.fresh]
    old = m.folios.get(f.pfn)
    if old is not None and old.data.seq > page.data.seq and old.data.author == f.mm:
        why = f"the copy was made before {old.data.value} was stored to the old page: a lost store"
        m.violations.append(Violation(
            "isolation", "I1", why, f.mm, vpn, f.fresh, saw=page.data.value, owed=old.data.value,
        ))  # fmt: skip
    m.set_folio(f.fresh, replace(page, maps=((f.mm, vpn - f.fresh),), holds=page.holds - 1))
    m.set_pte(f.mm, vpn, pte)
    say(m, "w6", f.mm, vpn, f.fresh)
    if m.policy.copy_flushes_first:
        return replace(filled(f, vpn, pte), at="w7")
    return copied(m, filled(f, vpn, pte))


def w7(m: Draft, f: Flight) -> Flight:
    """The mapping goes; its reference stays until w8."""
    vpn = f.pages[0]
    before = folio_of(m, f.pfn)
    page = m.folios[f.pfn]
    ksm = page.ksm
    if page.head < 0:
        maps = tuple(at for at in page.maps if at != (f.mm, vpn - f.pfn))
        m.set_folio(f.pfn, replace(page, maps=maps, holds=page.holds + 1))
    if not ksm:
        faults.note_spurious(m, f.mm, vpn, f.pfn, before)
    say(m, "w7", f.mm, vpn, f.pfn)
    return replace(f, at="w8")


def w8(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    say(m, "w8", f.mm, vpn, f.pfn)
    give_back(m, f.mm, vpn, f.pfn)
    add_hold(m, f.pfn, -1)
    return copied(m, f) if m.policy.copy_flushes_first else replace(f, at="w4")


def give_back(m: Draft, mm: int, vpn: int, pfn: int) -> None:
    """The reference of a mapping that is gone: free_folio_and_swap_cache()."""
    page = m.folios[pfn]
    if page.head < 0:
        m.folios = m.folios.set(
            pfn, replace(page, maps=(*page.maps, (mm, vpn - pfn)), holds=page.holds - 1)
        )
    m.unmap_page(pfn, mm, vpn, m.vma(mm, vpn))


def copied(m: Draft, f: Flight) -> Flight:
    m.touched.update((f.pfn, f.fresh))
    return replace(f, locks=(), mmap="", pte=None, pfn=-1, fresh=-1, at="st")


def d2(m: Draft, f: Flight) -> Flight:
    """The device is read; the fault holds no lock meanwhile."""
    say(m, "d2", f.mm, f.pages[0])
    return replace(f, at="d3")


def d3(m: Draft, f: Flight) -> Flight:
    """The lock, and the entry again. Whoever decided on the entry as it was makes a mistake."""
    vpn = f.pages[0]
    f = lock_mm(m, f, "read")
    check_pte(m, f, f.mm, vpn)
    now, was = m.pte(f.mm, vpn), f.pte
    again = "st" if type(f.op) is ops.Write else "ld"
    if type(now) is not Swapped or type(was) is not Swapped or now.slot != was.slot:
        say(m, "d3", f.mm, vpn, -1, "another one: retry")
        return replace(f, mmap="", pte=None, at=again)
    vma = m.vma(f.mm, vpn)
    assert vma is not None
    if not m.policy.swapin_asks_locked:
        m.set_pte(f.mm, vpn, was)
    say(m, "d3", f.mm, vpn, -1, marked(now))
    if type(f.op) is ops.Write:
        pte = faults.write_fault(m, f.mm, vpn, vma, m.pte(f.mm, vpn))
    else:
        present = faults.read_fault(m, f.mm, vpn, vma, m.pte(f.mm, vpn))
        assert type(present) is Present
        pte = present
    return replace(filled(f, vpn, pte), mmap="", pte=None, faults=f.faults + 1, at=again)


def ld(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    cached = translation(f, vpn)
    area = area_at(m, f)
    if cached is not None:
        say(m, "ld", f.mm, vpn, -1, "the TLB; no page table is asked")
        if cached.pfn not in m.folios:
            gone(m, f, vpn, cached.pfn)
            return next_access(m, f)
        data = m.folios[cached.pfn].data
        owed = m.ghosts[f.mm].get(vpn, ZEROES)
        vma = m.vma(f.mm, vpn)
        if data.value != owed.value and data.author != f.mm and private(vma):
            why = f"reads {data.value} through a stale TLB entry; {owed.value} is owed"
            m.violations.append(Violation(
                "isolation", "I1", why, f.mm, vpn, cached.pfn, saw=data.value, owed=owed.value,
            ))  # fmt: skip
        return next_access(m, replace(f, values=(*f.values, data.value)))
    vma = access.find(area, vpn)
    if vma is None or vma.prot == "none":
        raise access.refused(m, f.mm, vpn, vma)
    pte = m.pte(f.mm, vpn)
    if type(pte) is Present:
        check_present(m, f, vpn)
        say(m, "ld", f.mm, vpn, pte.pfn, "the page table")
        value, _ = access.load(m, f.mm, area, vpn)
        return next_access(m, filled(replace(f, values=(*f.values, value)), vpn, pte))
    return fault(m, f, vpn, area)


def check_present(m: Draft, f: Flight, vpn: int) -> None:
    """A PMD that is invalid for a moment makes the walk fault, and the fault wait."""
    for other in others(m, f):
        if other.mm == f.mm and other.detached == vpn - vpn % m.config.huge:
            raise Waits(f"line {other.line} holds the PMD lock")


def private(vma: Vma | None) -> bool:
    return vma is None or not vma.shared


PROGRAM: dict[str, Program] = {
    "st": st, "ld": ld, "r1": r1, "r2": r2, "r3": r3, "r4": r4, "w1": w1, "w2": w2, "w3": w3,
    "w4": w4, "w5": w5, "w6": w6, "w7": w7, "w8": w8, "d2": d2, "d3": d3,
}  # fmt: skip
