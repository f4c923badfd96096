"""`state.frames` of `trace/1`: every live frame, its flags, and the ledger of its folio."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from app.engine.state import (
    GUP_PIN_COUNTING_BIAS,
    Compound,
    Folio,
    HugeZero,
    Machine,
    Zero,
    folio_of,
    mapcount,
    ptes_of,
)

from .names import Names, frame_label, slot_label, until

Json = dict[str, Any]

RUN_LENGTH = 16
"""More equal neighbours than this are one entry."""


def frames(machine: Machine, names: Names) -> Json:
    """Every live frame; long runs of equal pages of a large folio are one entry, `f1:f512`."""
    out: Json = {}
    for _, group in groupby(sorted(machine.folios), Shapes(machine)):
        pfns = list(group)
        if len(pfns) > RUN_LENGTH:
            label = until(frame_label(pfns[0]), len(pfns))
            assert label is not None
            out[label] = frame(machine, pfns[0], names)
        else:
            out |= {frame_label(pfn): frame(machine, pfn, names) for pfn in pfns}
    kinds = {type(entry) for table in machine.tables.values() for entry in table.values()}
    if Zero in kinds:
        out["zero"] = {"flags": ["zero"], "noisy_flags": []}
    if HugeZero in kinds:
        out["hzero"] = {"flags": ["thp", "zero"], "noisy_flags": []}
    return out


class Shapes:
    """What two neighbouring frames must have in common to be told as one run."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.count = -1

    def __call__(self, pfn: int) -> tuple[object, ...]:
        self.count += 1
        page = self.machine.folios[pfn]
        if page.head < 0:
            return (pfn,)
        first = pfn == page.head
        return (pfn - self.count, page.head, first, page.maps, page.exclusive, page.data.value)


def flags(machine: Machine, pfn: int) -> list[str]:
    """The compared flags of /proc/kpageflags, in the order of `trace-format.md`."""
    page = machine.folios[pfn]
    folio = folio_of(machine, pfn)
    large = type(folio) is Compound
    hugetlb = type(folio) is Compound and folio.hugetlb
    has = {
        "anon": page.anon,
        "exclusive": page.exclusive,
        "swapcache": folio.slot >= 0,
        "swapbacked": folio.swapbacked,
        "ksm": page.ksm,
        "thp": large and not hugetlb,
        "compound_head": large and pfn == page.head,
        "compound_tail": large and pfn != page.head,
        "hugetlb": hugetlb,
        "mlocked": folio.mlocked,
    }
    return [name for name, yes in has.items() if yes]


def noisy_flags(folio: Folio | Compound) -> list[str]:
    has = {
        "active": folio.active,
        "dirty": folio.dirty,
        "lru": type(folio) is Compound or (type(folio) is Folio and folio.lru),
        "referenced": folio.referenced,
        "unevictable": folio.mlocked,
    }
    return [name for name, yes in has.items() if yes]


def frame(machine: Machine, pfn: int, names: Names) -> Json:
    """One frame. Of a page of a large folio refcount, pincount and ledger are the folio's."""
    page = machine.folios[pfn]
    folio = folio_of(machine, pfn)
    large = type(folio) is Compound
    return {
        "mapcount": mapcount(machine, pfn),
        "flags": flags(machine, pfn),
        "noisy_flags": noisy_flags(folio),
        "refcount": folio.refcount,
        "pincount": folio.pincount,
        "ledger": large_ledger(machine, page.head, names) if large else ledger(page, pfn, names),
        "order": folio.pages.bit_length() - 1 if type(folio) is Compound else 0,
        "head": frame_label(page.head if large else pfn),
        "exclusive": page.exclusive,
        "value": page.data.value,
    } | (shared_by(folio, names) if type(folio) is Compound else {})


def shared_by(folio: Compound, names: Names) -> Json:
    """What the kernel keeps once for all pages of a large folio."""
    return {
        "entire_mapcount": len(folio.maps),
        "partially_mapped": folio.partly,
        "maybe_mapped_shared": folio.shared,
        "mm_owners": [
            {"mm": names.process.get(mm, "?"), "mapcount": count} for mm, count in folio.owners
        ],
    }


def ledger(folio: Folio, pfn: int, names: Names) -> list[Json]:
    """A small folio's references; their counts add up to its refcount."""
    items: list[Json] = [
        {"holder": names.place(mm, vpn), "kind": "map", "count": 1}
        for mm, vpn in ptes_of(folio, pfn)
    ]
    items += taken(folio, GUP_PIN_COUNTING_BIAS)
    if folio.slot >= 0:
        items.append({"holder": slot_label(folio.slot), "kind": "swapcache", "count": 1})
    if folio.batch >= 0:
        items.append({"holder": f"cpu {folio.batch}", "kind": "lru_add", "count": 1})
    items.extend({"holder": f"cpu {cpu}", "kind": name, "count": 1} for cpu, name in folio.batches)
    if folio.inode is not None:
        items.append({"holder": "page cache", "kind": "pagecache", "count": 1})
    return items + held(folio)


def large_ledger(machine: Machine, head: int, names: Names) -> list[Json]:
    """A large folio's references: one for a PMD, one for each PTE (told in runs of neighbours)."""
    known = names.ledgers.get(head)
    if known is not None:
        return known
    folio = machine.compounds[head]
    items: list[Json] = [
        {"holder": names.place(mm, first, folio.pages), "kind": "map", "count": 1}
        for mm, first in folio.maps
    ]
    for mm, first, last in pte_runs(machine, head, folio.pages):
        holder = names.place(mm, first, last - first)
        items.append({"holder": holder, "kind": "map", "count": last - first})
    items += taken(folio, 1)
    if folio.slot >= 0:
        slots = until(slot_label(folio.slot), folio.pages)
        items.append({"holder": slots, "kind": "swapcache", "count": folio.pages})
    if folio.inode is not None:
        items.append({"holder": "page cache", "kind": "pagecache", "count": 1})
    names.ledgers[head] = items + held(folio)
    return names.ledgers[head]


def pte_runs(machine: Machine, head: int, pages: int) -> list[tuple[int, int, int]]:
    """(mm, first, last) of PTEs with neighbouring vpns that map pages of one large folio."""
    ends: dict[tuple[int, int], int] = {}
    for pfn in range(head, head + pages):
        for mm, vpn in ptes_of(machine.folios[pfn], pfn):
            at = mm, vpn
            ends[mm, vpn + 1] = ends.pop(at, vpn)
    out: list[tuple[int, int, int]] = []
    for mm, first, last in sorted((mm, first, last) for (mm, last), first in ends.items()):
        if out and out[-1][0] == mm and out[-1][2] == first:
            out[-1] = (mm, out[-1][1], last)
        else:
            out.append((mm, first, last))
    return out


def taken(folio: Folio | Compound, weight: int) -> list[Json]:
    """What handles hold. A pin weighs 1024 on a small folio, and 1 on a large one."""
    return [
        {"holder": name, "kind": kind, "count": each * handles.count(name)}
        for handles, kind, each in ((folio.pins, "pin", weight), (folio.gets, "get", 1))
        for name in dict.fromkeys(handles)
    ]


def held(folio: Folio | Compound) -> list[Json]:
    if not folio.holds:
        return []
    return [{"holder": "nobody in particular", "kind": "hold", "count": folio.holds}]
