"""A machine as `trace/1` shows it: `state.processes`, `frames`, `swap` and `handles`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from app.engine.draft import vma_of
from app.engine.safety import coherent
from app.engine.state import (
    ZERO_PFN,
    Area,
    Machine,
    Marker,
    Migrating,
    Present,
    Swapped,
    Zero,
    mapcount,
    walk,
)

from .frames import frames
from .names import Names, frame_label, process_order, slot_label, until

Json = dict[str, Any]

RUN_LENGTH = 16
"""Ranges with more pages than this write equal neighbours as one entry."""


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
    pte = walk(machine.tables[mm], machine.config.huge, vpn)
    vma = vma_of(area, vpn)
    out: Json = {
        "page": index,
        "kind": KINDS.get(type(pte), "none"),
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
            "exclusively_mapped": exclusively_mapped(machine, pte),
            "writable": pte.write,
            "dirty": pte.dirty,
            "young": pte.young,
            "soft_dirty": pte.soft_dirty,
            "exclusive_pte": pte.exclusive,
            "mapped_by": "pmd" if pte.huge else "pte",
            "value": folio.data.value,
        }
    elif type(pte) is Zero:
        mapped = "pmd" if pte.huge else "pte"
        label = "hzero" if pte.huge else "zero"
        out |= {"frame": label, "writable": False, "mapped_by": mapped, "value": 0}
    elif type(pte) is Swapped:
        out |= {
            "swap_offset_label": slot_label(pte.slot),
            "swap_exclusive": pte.exclusive,
            "soft_dirty": pte.soft_dirty,
            "value": slot_value(machine, pte.slot),
        }
    elif type(pte) is Migrating:
        out |= {
            "migration": pte.mode,
            "migrating": frame_label(pte.pfn),
            "dirty": pte.dirty,
            "young": pte.young,
            "soft_dirty": pte.soft_dirty,
            "value": machine.folios[pte.pfn].data.value,
        }
    elif type(pte) is Marker:
        out["marker"] = True
    if isinstance(pte, Present | Zero) and pte.huge:
        out["pmd"] = True
    return out


KINDS: dict[object, str] = {
    Present: "present",
    Zero: "present",
    Swapped: "swap",
    # As pagemap shows it.
    Migrating: "swap",
}


def exclusively_mapped(machine: Machine, pte: Present) -> bool:
    """pagemap's bit 56. Of what a PMD maps, pagemap asks the head page only."""
    asked = machine.folios[pte.pfn].head if pte.huge else pte.pfn
    return mapcount(machine, asked) == 1


def runs(machine: Machine, mm: int, area: Area) -> Iterator[Json]:
    """Equal neighbours of a long range as one entry: consecutive labels, or one that all share."""
    table, huge = machine.tables[mm], machine.config.huge

    def shape(index: int) -> tuple[object, ...]:
        vpn = area.start + index
        pte = walk(table, huge, vpn)
        vma = vma_of(area, vpn)
        prot = None if vma is None else vma.prot
        if type(pte) is Present:
            held = machine.folios[pte.pfn]
            return (
                prot, pte.pfn - index, pte.write, pte.dirty, pte.young, pte.exclusive, pte.uffd_wp,
                pte.soft_dirty, pte.huge, exclusively_mapped(machine, pte), held.data.value,
            )  # fmt: skip
        if type(pte) is Swapped:
            value = slot_value(machine, pte.slot)
            return (prot, pte.slot - index, pte.exclusive, pte.uffd_wp, pte.soft_dirty, value, "s")
        return (prot, pte)

    for _, group in groupby(range(area.pages), shape):
        indexes = list(group)
        entry = page(machine, mm, area, indexes[0])
        if len(indexes) > 1:
            del entry["page"]
            entry = {"pages": f"{indexes[0]}:{indexes[-1] + 1}"} | {
                key: until(value, len(indexes)) if key in LABELLED else value
                for key, value in entry.items()
            }
        yield entry


LABELLED = ("frame", "swap_offset_label", "migrating")


def slot_value(machine: Machine, slot: int) -> int:
    value = machine.slots[slot]
    return (machine.folios[value.cache].data if value.cache >= 0 else value.data).value


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
