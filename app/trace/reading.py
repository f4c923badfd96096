"""A thing at a step: its fields as pages show them, read from the same `trace/1` objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.engine.state import Area, HugeZero, Machine, Zero

from .frames import frame
from .ledger import ledger_of
from .names import Names
from .state import handle, page, swap_slot
from .subject import PAGE, Subject

Json = dict[str, Any]
Value = bool | int | str | None
Values = dict[str, Value]

FLAGS = (
    "anon", "swapcache", "swapbacked", "ksm", "dirty", "referenced", "active", "lru", "mlocked",
    "unevictable", "thp", "hugetlb", "compound_head", "compound_tail",
)  # fmt: skip
ZEROES = {"zero": Zero, "hzero": HugeZero}


def raw(machine: Machine, subject: Subject) -> Json | None:
    """The thing as `trace/1` writes it; None where it does not exist at this step."""
    name = subject.thing
    if subject.kind == "frame":
        if name in ZEROES:
            return {"flags": ["zero"]} if zero_mapped(machine, name) else None
        pfn = int(name[1:])
        return frame(machine, pfn, Names(machine)) if pfn in machine.folios else None
    if subject.kind == "slot":
        return swap_slot(machine, int(name[1:])) if int(name[1:]) in machine.slots else None
    if subject.kind == "handle":
        name = name.removeprefix("handle:")
        return handle(machine, name) if name in machine.handles else None
    if subject.kind == "page":
        found = place_of(machine, name)
        return None if found is None else page(machine, *found)
    return process(machine, name)


def place_of(machine: Machine, name: str) -> tuple[int, Area, int] | None:
    """(mm, range, page) of `A.buf[0]`, if the process lives and has such a range."""
    found = PAGE.fullmatch(name)
    assert found is not None
    owner = machine.processes.get(found[1])
    if owner is None or owner.mm < 0:
        return None
    area = machine.mms[owner.mm].areas.get(found[2])
    return None if area is None or int(found[3]) >= area.pages else (owner.mm, area, int(found[3]))


def zero_mapped(machine: Machine, name: str) -> bool:
    kind = ZEROES[name]
    return any(type(e) is kind for table in machine.tables.values() for e in table.values())


def process(machine: Machine, name: str) -> Json | None:
    found = machine.processes.get(name)
    if found is None or found.mm < 0:
        return None
    mm = machine.mms[found.mm]
    ranges = [
        f"{area}[{vma.lo - value.start}:{vma.hi - value.start}] {vma.prot}"
        for area in mm.order
        for value in (mm.areas[area],)
        for vma in value.vmas
    ]
    return {
        "cpu": found.cpu, "parent": found.parent or None, "pinned": mm.has_pinned,
        "ranges": ", ".join(ranges) or None,
    }  # fmt: skip


def values_of(subject: Subject, thing: Json) -> Values:
    """The fields of `subject.FIELDS` that this thing has, in their order."""
    return READERS[subject.kind](thing)


def frame_values(it: Json) -> Values:
    if "refcount" not in it:
        return {"zero": True}
    known = {*it["flags"], *it["noisy_flags"]}
    return {
        "value": it["value"],
        "exclusive": it["exclusive"],
        "bit56": it["mapcount"] == 1,
        "ref": it["refcount"],
        "map": it["mapcount"],
        "pin": it["pincount"],
        "holders": ", ".join(item.holders for item in ledger_of(it).items) or None,
        **{name: name in known for name in FLAGS},
        "order": it["order"],
        "head": it["head"],
    }


def page_values(it: Json) -> Values:
    swap = it["kind"] == "swap"
    here = it["kind"] == "present"
    return {
        "frame": it["frame"] or it["swap_offset_label"],
        "p": here,
        "w": bool(it.get("writable")),
        "d": bool(it.get("dirty")),
        "s": bool(it.get("soft_dirty")),
        "u": bool(it.get("uffd_wp")),
        "young": bool(it.get("young")),
        "exclusive": bool(it.get("exclusive_pte")),
        "swp_exclusive": bool(it.get("swap_exclusive")) if swap else None,
        "bit56": it["exclusively_mapped"],
        "by": it.get("mapped_by"),
        "vma": it["vma"],
        "value": it.get("value"),
    }


def slot_values(it: Json) -> Values:
    return {"count": it["count"], "cached": it["cached"], "value": it["value"]}


def handle_values(it: Json) -> Values:
    return {
        "kind": it["kind"],
        "owner": it["owner"],
        "write": it["write"],
        "longterm": it["longterm"],
        "frames": " ".join(it["frames"]),
        "pages": " ".join(place or "unmapped" for place in it["pages"]),
        "values": " ".join(map(str, it["values"])),
        "coherent": it["coherent"],
    }


def process_values(it: Json) -> Values:
    return dict(it)


READERS: dict[str, Callable[[Json], Values]] = {
    "frame": frame_values,
    "page": page_values,
    "slot": slot_values,
    "handle": handle_values,
    "process": process_values,
}


def shown(value: Value) -> str:
    """A value as pages and JSON print it: bits are 1 and 0, nothing is a dash."""
    if value is None:
        return "–"
    return str(int(value)) if isinstance(value, bool) else str(value)
