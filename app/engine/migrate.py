"""Compaction moves pages: mm/migrate.c, through migration entries that live within the step."""

from __future__ import annotations

from msgspec.structs import replace

from . import large, reasons
from .draft import Draft
from .neighbours import mapped_alike
from .reuse import is_exclusive
from .state import Folio, Present, folio_of
from .stretches import Stretch, drop, fill, put_all, stretches
from .touched import touch


def migrate(m: Draft, mm: int, pages: range) -> tuple[int, list[str]]:
    """Move what these pages map; returns how many folios moved, and why others did not."""
    for cpu in range(m.config.cpus):
        m.lru_add_drain(cpu)
    moved = 0
    refused: list[str] = []
    done: set[int] = set()
    for vpn in pages:
        pte = m.pte(mm, vpn)
        if type(pte) is not Present or pte.pfn in done:
            continue
        head = m.folios[pte.pfn].head
        why = migrate_folio(m, mm, vpn, pte)
        at = m.pte(mm, vpn)
        assert type(at) is Present
        done.update(range(at.pfn, at.pfn + 1))
        if head >= 0:
            # One folio, one move: its other pages went with it, or stayed with it.
            now = m.folios[at.pfn].head
            done.update(range(now, now + m.config.huge))
        if why:
            refused.append(why)
        else:
            moved += 1
    return moved, refused


def migrate_folio(m: Draft, mm: int, vpn: int, pte: Present) -> str:
    """Linux migrate_pages() of one folio; why it stays, or ""."""
    folio = folio_of(m, pte.pfn)
    page = m.folios[pte.pfn]
    if m.policy.unmap_checks_pinned and folio.maybe_pinned and is_exclusive(m, pte):
        m.say(reasons.MIGRATE_PINNED, mm, vpn, pte.pfn)
        return "may be pinned"
    cached = (m.config.huge if page.head >= 0 else 1) if folio.slot >= 0 else 0
    expected = folio.mapcount + cached + (page.inode is not None)
    if folio.refcount != expected:
        why = f"refcount {folio.refcount} != {expected}: somebody else holds it"
        m.say(reasons.MIGRATE_REFUSED, mm, vpn, pte.pfn, why)
        return why
    pages = m.config.huge if page.head >= 0 else 1
    if len(m.folios) + pages > m.config.memory:
        m.say(reasons.MIGRATE_REFUSED, mm, vpn, pte.pfn, "no free page frame")
        return "no free page frame"
    entries = "readable"
    if is_exclusive(m, pte):
        entries = "writable" if pte.write else "readable_exclusive"
    old = page.head if page.head >= 0 else pte.pfn
    new = m.next_pfn
    m.next_pfn = new + pages
    m.say(reasons.MIGRATED, mm, vpn, old, folio.refcount, entries, to=new)
    move_mappings(m, old, new)
    move_frames(m, old, new, pages)
    return ""


def move_mappings(m: Draft, old: int, new: int) -> None:
    """remove_migration_ptes(): every entry comes back with the new frame, and its own bits."""
    by = new - old
    head = m.folios[old].head
    count = m.compounds[head].pages if head >= 0 else 1
    keeps = m.policy.migration_keeps
    for pfn, same, page in mapped_alike(m, old, count):
        for mm, at in page.maps:
            pte = m.tables[mm][pfn + at]
            assert type(pte) is Present
            back = replace(pte, pfn=pfn + by, exclusive=pte.exclusive and keeps)
            vpns = range(pfn + at, pfn + at + same)
            m.tables = m.tables.set(mm, fill(m.tables[mm], vpns, back))
    if head < 0:
        return
    for mm, first in m.compounds[head].maps:
        view = m.pte(mm, first)
        assert type(view) is Present
        m.set_pte(mm, first, replace(view, pfn=new, exclusive=view.exclusive and keeps))


def move_frames(m: Draft, old: int, new: int, count: int) -> None:
    """folio_migrate_mapping() and folio_migrate_copy(): references, bytes and flags follow."""
    head = m.folios[old].head
    keeps = m.policy.migration_keeps
    slot = folio_of(m, old).slot
    by = new - old
    moved: list[Stretch[Folio]] = []
    for pfn, same, page in stretches(m.folios, old, count):
        maps = tuple([(mm, at - by) for mm, at in page.maps])
        exclusive = page.exclusive and keeps
        after = replace(page, maps=maps, exclusive=exclusive, head=new if head >= 0 else -1)
        moved.append((pfn + by, same, after))
        if page.inode is not None:
            m.inodes = m.inodes.set(page.inode, pfn + by)
    m.folios = put_all(drop(m.folios, range(old, old + count)), moved)
    if slot >= 0:
        m.slots = put_all(m.slots, [
            (at, same, replace(value, cache=new + at - slot))
            for at, same, value in stretches(m.slots, slot, count)
        ])  # fmt: skip
    touch(m.touched, range(old, old + count))
    touch(m.touched, range(new, new + count))
    if head >= 0:
        value = m.compounds[head]
        m.compounds = m.compounds.delete(head)
        large.set_compound(m, new, value)
