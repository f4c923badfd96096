"""A machine as `trace/1` shows it: `state.processes`, `frames`, `swap` and `handles`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from app.engine.draft import vma_of
from app.engine.safety import coherent
from app.engine.state import (
    GUP_PIN_COUNTING_BIAS,
    ZERO_PFN,
    Area,
    Folio,
    Machine,
    Present,
    Pte,
    Swapped,
    Zero,
)

Json = dict[str, Any]

RUN_LENGTH = 16
"""Ranges with more pages than this write equal neighbours as one entry."""


def frame_label(pfn: int) -> str:
    """Frames are numbered in order of first appearance, which is that of their allocation."""
    return "zero" if pfn == ZERO_PFN else f"f{pfn}"


def slot_label(slot: int) -> str:
    return f"s{slot}"


class Names:
    """Who an mm and a page are, in the scenario's words."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.process: dict[int, str] = {}
        for name in process_order(machine):
            self.process.setdefault(machine.processes[name].mm, name)

    def place(self, mm: int, vpn: int) -> str:
        """`A.buf[0]`, or "" for what is not mapped in a live process any more."""
        if mm not in self.machine.mms:
            return ""
        for name, area in self.machine.mms[mm].areas.items():
            if area.start <= vpn < area.start + area.pages:
                return f"{self.process.get(mm, '?')}.{name}[{vpn - area.start}]"
        return ""


def process_order(machine: Machine) -> list[str]:
    """Live processes in order of creation."""
    alive = [(p.order, name) for name, p in machine.processes.items() if p.mm >= 0]
    return [name for _, name in sorted(alive)]


def state(machine: Machine) -> Json:
    """The `state` object of a step, with all that only a simulation can see."""
    names = Names(machine)
    return {
        "processes": {name: ranges(machine, name) for name in process_order(machine)},
        "frames": frames(machine, names),
        "swap": {slot_label(slot): swap_slot(machine, slot) for slot in sorted(machine.slots)},
        "handles": {name: handle(machine, name) for name in sorted(machine.handles)},
    }


def ranges(machine: Machine, process: str) -> Json:
    mm = machine.processes[process].mm
    areas = machine.mms[mm].areas
    return {name: range_pages(machine, mm, areas[name]) for name in machine.mms[mm].order}


def range_pages(machine: Machine, mm: int, area: Area) -> list[Json]:
    if area.pages <= RUN_LENGTH:
        return [page(machine, mm, area, i) for i in range(area.pages)]
    return list(runs(machine, mm, area))


def page(machine: Machine, mm: int, area: Area, index: int) -> Json:
    """One page of a range: what pagemap shows, then what only the engine knows."""
    vpn = area.start + index
    pte = machine.tables[mm].get(vpn)
    vma = vma_of(area, vpn)
    out: Json = {
        "page": index,
        "kind": "none" if pte is None else "swap" if type(pte) is Swapped else "present",
        "frame": None,
        "exclusively_mapped": False,
        "uffd_wp": pte is not None and pte.uffd_wp,
        "swap_offset_label": None,
        "vma": vma.prot if vma is not None else None,
    }
    if type(pte) is Present:
        folio = machine.folios[pte.pfn]
        out |= {
            "frame": frame_label(pte.pfn),
            "exclusively_mapped": folio.mapcount == 1,
            "writable": pte.write,
            "dirty": pte.dirty,
            "young": pte.young,
            "soft_dirty": pte.soft_dirty,
            "exclusive_pte": pte.exclusive,
            "mapped_by": "pte",
            "value": folio.data.value,
        }
    elif type(pte) is Zero:
        out |= {"frame": "zero", "writable": False, "mapped_by": "pte", "value": 0}
    elif type(pte) is Swapped:
        out |= {
            "swap_offset_label": slot_label(pte.slot),
            "swap_exclusive": pte.exclusive,
            "soft_dirty": pte.soft_dirty,
            "value": slot_value(machine, pte.slot),
        }
    return out


def runs(machine: Machine, mm: int, area: Area) -> Iterator[Json]:
    """Equal neighbours of a long range as one entry: consecutive labels, or one that all share."""
    table = machine.tables[mm]

    def shape(index: int) -> tuple[object, ...]:
        pte: Pte | None = table.get(area.start + index)
        if pte is None:
            return (vma_of(area, area.start + index),)
        one = page(machine, mm, area, index)
        base = index
        for key in ("frame", "swap_offset_label"):
            label = one[key]
            if label and label != "zero":
                one[key] = (label[0], int(label[1:]) - base)
        return tuple(sorted((k, str(v)) for k, v in one.items() if k != "page"))

    for _, group in groupby(range(area.pages), shape):
        indexes = list(group)
        first = page(machine, mm, area, indexes[0])
        if len(indexes) == 1:
            yield first
            continue
        last = page(machine, mm, area, indexes[-1])
        entry: Json = {"pages": f"{indexes[0]}:{indexes[-1] + 1}"}
        for key, value in first.items():
            if key == "page":
                continue
            entry[key] = value if value == last[key] else f"{value}:{last[key]}"
        yield entry


def slot_value(machine: Machine, slot: int) -> int:
    value = machine.slots[slot]
    return (machine.folios[value.cache].data if value.cache >= 0 else value.data).value


def flags(folio: Folio) -> list[str]:
    """The compared flags of /proc/kpageflags, in the order of `trace-format.md`."""
    has = {
        "anon": folio.anon,
        "exclusive": folio.exclusive,
        "swapcache": folio.slot >= 0,
        "swapbacked": folio.swapbacked,
        "ksm": folio.ksm,
        "mlocked": folio.mlocked,
    }
    return [name for name, yes in has.items() if yes]


def noisy_flags(folio: Folio) -> list[str]:
    has = {
        "active": folio.active,
        "dirty": folio.dirty,
        "lru": folio.lru,
        "referenced": folio.referenced,
        "unevictable": folio.mlocked,
    }
    return [name for name, yes in has.items() if yes]


def frames(machine: Machine, names: Names) -> Json:
    out = {frame_label(pfn): frame(machine, pfn, names) for pfn in sorted(machine.folios)}
    if any(type(pte) is Zero for table in machine.tables.values() for pte in table.values()):
        out["zero"] = {"flags": ["zero"], "noisy_flags": []}
    return out


def frame(machine: Machine, pfn: int, names: Names) -> Json:
    folio = machine.folios[pfn]
    return {
        "mapcount": folio.mapcount,
        "flags": flags(folio),
        "noisy_flags": noisy_flags(folio),
        "refcount": folio.refcount,
        "pincount": folio.pincount,
        "ledger": ledger(folio, names),
        "order": 0,
        "head": frame_label(pfn),
        "exclusive": folio.exclusive,
        "value": folio.data.value,
    }


def ledger(folio: Folio, names: Names) -> list[Json]:
    """The refcount's items; their counts add up to it."""
    items: list[Json] = [
        {"holder": names.place(mm, vpn), "kind": "map", "count": 1} for mm, vpn in folio.maps
    ]
    for handles, kind, weight in (
        (folio.pins, "pin", GUP_PIN_COUNTING_BIAS),
        (folio.gets, "get", 1),
    ):
        items.extend(
            {"holder": name, "kind": kind, "count": weight * handles.count(name)}
            for name in dict.fromkeys(handles)
        )
    if folio.slot >= 0:
        items.append({"holder": slot_label(folio.slot), "kind": "swapcache", "count": 1})
    if folio.batch >= 0:
        items.append({"holder": f"cpu {folio.batch}", "kind": "lru_add", "count": 1})
    items.extend({"holder": f"cpu {cpu}", "kind": name, "count": 1} for cpu, name in folio.batches)
    if folio.inode is not None:
        items.append({"holder": "page cache", "kind": "pagecache", "count": 1})
    if folio.holds:
        items.append({"holder": "nobody in particular", "kind": "hold", "count": folio.holds})
    return items


def swap_slot(machine: Machine, slot: int) -> Json:
    value = machine.slots[slot]
    return {
        "count": value.count,
        "cached": frame_label(value.cache) if value.cache >= 0 else None,
        "value": slot_value(machine, slot),
    }


def handle(machine: Machine, name: str) -> Json:
    value = machine.handles[name]
    names = Names(machine)
    return {
        "owner": value.process,
        "kind": value.kind,
        "write": value.write,
        "longterm": value.longterm,
        "frames": [frame_label(pfn) for _, pfn in value.pages],
        "pages": [names.place(value.owner, vpn) or None for vpn, _ in value.pages],
        "values": [
            0 if pfn == ZERO_PFN else machine.folios[pfn].data.value for _, pfn in value.pages
        ],
        "coherent": coherent(machine, name),
    }
