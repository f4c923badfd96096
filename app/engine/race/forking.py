"""fork() in micro-steps: copy_page_range() with write_protect_seq, page by page."""

from __future__ import annotations

from msgspec.structs import replace

from app.engine import dup, fork
from app.engine import operations as ops
from app.engine.draft import Draft
from app.engine.flight import Flight
from app.engine.state import Migrating, Present, Vma
from app.engine.stretches import put_all

from .traffic import (
    Program,
    add_hold,
    check_lock,
    check_pte,
    flush,
    lock_mm,
    next_page,
    pinned,
    refreshed,
    say,
)


def start(m: Draft, f: Flight) -> Flight:
    """The mmap lock for write; the child's VMAs; the entries that are to be copied, in order."""
    op = f.op
    assert type(op) is ops.Fork
    f = lock_mm(m, f, "write")
    new, copied = fork.dup_mm(m, op.actor, op.child)
    pages: list[int] = []
    for vma in copied:
        pages += [~first for first in m.pmds(f.mm, range(vma.lo, vma.hi))]
        table = m.tables[f.mm]
        pages += sorted(vpn for vpn in table if vma.lo <= vpn < vma.hi)
    f = replace(f, pages=tuple(pages), child=new, at="f0")
    small = bool(pages) and small_page(m, f) is not None
    return replace(f, at="f2") if small and not m.policy.fork_seq_first else f


def small_page(m: Draft, f: Flight) -> Present | None:
    pte = m.tables[f.mm].get(f.pages[0])
    return pte if type(pte) is Present else None


def bump(m: Draft, f: Flight) -> int:
    mm = m.mms[f.mm]
    m.mms = m.mms.set(f.mm, replace(mm, write_protect_seq=mm.write_protect_seq + 1))
    return mm.write_protect_seq + 1


def f0(m: Draft, f: Flight) -> Flight:
    say(m, "f0", -1, -1, -1, bump(m, f))
    return replace(f, at="f1" if f.pages else "f6")


def f1(m: Draft, f: Flight) -> Flight:
    """A base page begins; any other entry is copied at once."""
    key = f.pages[0]
    vpn = key if key >= 0 else ~key
    entry = m.tables[f.mm].get(key)
    if type(entry) is Migrating:
        check_lock(m, f, f.mm, vpn)
        inherit(m, f, vpn)
        share_migration_entry(m, f, vpn, entry)
        return next_page(m, f, "f1", "f6")
    check_pte(m, f, f.mm, vpn)
    pte = small_page(m, f)
    if pte is None:
        copy_whole(m, f, key, vpn)
        return next_page(m, f, "f1", "f6")
    add_hold(m, pte.pfn, 1)
    say(m, "f1", f.mm, vpn, pte.pfn)
    locks = ((f.mm, vpn), (f.child, vpn))
    at = "f2" if f.answer is None else "f3"
    return replace(f, pte=pte, pfn=pte.pfn, locks=locks, at=at)


def inherit(m: Draft, f: Flight, vpn: int) -> None:
    """A store of another thread that came before the page was copied came before the fork."""
    version = m.ghosts[f.mm].get(vpn)
    if version is not None:
        m.set_ghost(f.child, vpn, version)


def share_migration_entry(m: Draft, f: Flight, vpn: int, entry: Migrating) -> None:
    """copy_nonpresent_pte(): both sides' entries come back read-only and not exclusive."""
    shared = replace(entry, write=False, exclusive=False)
    if m.policy.fork_clears or m.policy.fork_protects:
        m.set_pte(f.mm, vpn, shared)
    m.set_pte(f.child, vpn, replace(shared, young=False, uffd_wp=False))
    say(m, "fm", f.mm, vpn, entry.pfn, entry.mode)


def copy_whole(m: Draft, f: Flight, key: int, vpn: int) -> None:
    vma = vma_at(m, f, vpn)
    theirs: dup.Theirs = []
    one = replace(vma, lo=vpn, hi=vpn + (1 if key >= 0 else m.config.huge))
    for page in range(one.lo, one.hi):
        inherit(m, f, page)
    if key < 0:
        fork.copy_huge_pmds(m, f.mm, f.child, one, theirs)
        say(m, "f", f.mm, vpn)
    if key >= 0 or not m.pmds(f.mm, range(vpn, vpn + 1)):
        fork.copy_page_range(m, f.mm, f.child, one, theirs)
        say(m, "f", f.mm, vpn)
    table = m.tables[f.child]
    m.tables = m.tables.set(f.child, put_all(table, theirs))


def vma_at(m: Draft, f: Flight, vpn: int) -> Vma:
    vma = m.vma(f.mm, vpn)
    assert vma is not None
    return vma


def f2(m: Draft, f: Flight) -> Flight:
    """folio_needs_cow_for_dma(); without `fork-seq-first` it is asked before f0."""
    early = f.pte is None
    pte = small_page(m, f)
    assert pte is not None
    copy = dup.may_need_copy(m, f.mm, pte) and pinned(m, pte.pfn)
    say(m, "f2", f.mm, f.pages[0], pte.pfn, "yes" if copy else "no")
    return replace(f, answer=copy, at="f0" if early else "f3")


def f3(m: Draft, f: Flight) -> Flight:
    vpn = f.pages[0]
    assert type(f.pte) is Present
    if f.answer:
        copy = dup.copy_present_page(m, f.mm, f.child, vma_at(m, f, vpn), vpn, f.pte)
        add_hold(m, f.pfn, -1)
        m.set_pte(f.child, vpn, copy)
        inherit(m, f, vpn)
        return next_page(m, f, "f1", "f6")
    dup.dup_rmap(m, f.mm, f.child, vpn, f.pte)
    add_hold(m, f.pfn, -1)
    say(m, "f3", f.mm, vpn, f.pfn)
    return replace(f, at="f4")


def f4(m: Draft, f: Flight) -> Flight:
    now = small_page(m, f)
    assert now is not None
    m.set_pte(f.mm, f.pages[0], dup.shared_ptes(m, now)[0])
    say(m, "f4", f.mm, f.pages[0], f.pfn)
    return replace(f, at="f5")


def f5(m: Draft, f: Flight) -> Flight:
    assert type(f.pte) is Present
    m.set_pte(f.child, f.pages[0], dup.shared_ptes(m, f.pte)[1])
    say(m, "f5", f.child, f.pages[0], f.pfn)
    return next_page(m, f, "f1", "f6")


def f6(m: Draft, f: Flight) -> Flight:
    say(m, "f6", -1, -1, -1, bump(m, f))
    return replace(f, at="f7")


def f7(m: Draft, f: Flight) -> Flight:
    """What a concurrent store left in a page that the child has, too, came before the fork."""
    if m.policy.fork_flushes:
        flush(m, f.mm, [t.vpn for other in m.flights for t in other.tlb])
        f = refreshed(m, f)
    say(m, "f7", -1, -1, -1, "flushed" if m.policy.fork_flushes else "not flushed")
    for vpn, pte in m.tables[f.child].items():
        # The parent's own entry need not be there any more: reclaim may be about to replace it.
        if type(pte) is Present and m.folios[pte.pfn].data == m.ghosts[f.mm].get(vpn):
            inherit(m, f, vpn)
            m.touched.add(pte.pfn)
    fork.forget_get_promises(m, f.mm)
    return replace(f, at="")


PROGRAM: dict[str, Program] = {
    "f0": f0, "f1": f1, "f2": f2, "f3": f3, "f4": f4, "f5": f5, "f6": f6, "f7": f7,
}  # fmt: skip
