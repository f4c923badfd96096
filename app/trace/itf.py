"""A run in the Informal Trace Format (Apalache, ADR 015): one state for each step, whole.

Readers of TLA+ tools take it: every value has one type, told in `#meta.varTypes`. What is not there
is "" or -1, as the format has no null; a page that nothing maps is not in the map.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.engine import ENGINE_VERSION

from .conform import expand, expand_frames
from .outcome import outcome_json
from .run import Run
from .state import state

Json = dict[str, Any]

PAGE_KEY = "<<Str, Str, Int>>"
TYPES = {
    "action": "Str",
    "outcome": "{ error: Str, values: Seq(Int), faults: Int, copies: Int }",
    "vma": f"{PAGE_KEY} -> Str",
    "pte": f"{PAGE_KEY} -> {{ frame: Str, write: Bool, dirty: Bool, young: Bool, "
    "soft_dirty: Bool, uffd_wp: Bool, exclusive: Bool, pmd: Bool }",
    "swap_pte": f"{PAGE_KEY} -> {{ slot: Str, exclusive: Bool, soft_dirty: Bool, uffd_wp: Bool }}",
    "migration_pte": f"{PAGE_KEY} -> {{ frame: Str, mode: Str }}",
    "uffd_marker": f"Set({PAGE_KEY})",
    "page": "Str -> { refcount: Int, mapcount: Int, pincount: Int, exclusive: Bool, "
    "flags: Set(Str), head: Str, order: Int, value: Int }",
    "swap": "Str -> { count: Int, cached: Str, value: Int }",
    "handle": "Str -> { owner: Str, kind: Str, write: Bool, longterm: Bool, frames: Seq(Str), "
    "coherent: Bool }",
    "violations": "Set(Str)",
}
"""The variables and their types, as Apalache writes types."""
FORMAT = "https://apalache-mc.org/docs/adr/015adr-trace.html"


def itf_trace(run: Run, last: int, link: str) -> Json:
    """The states up to step `last`, the one before the first step included."""
    return {
        "#meta": {
            "format": "ITF",
            "format-description": FORMAT,
            "description": run.scenario.title or "cowscope",
            "source": link,
            "policy": run.policy.name,
            "engine": ENGINE_VERSION,
            "varTypes": TYPES,
        },
        "vars": list(TYPES),
        "states": [state_at(run, index) for index in range(last + 1)],
    }


def state_at(run: Run, index: int) -> Json:
    played = run.steps[index]
    now = state(played.after)
    return {
        "#meta": {"index": index},
        "action": run.scenario.steps[index - 1].text if index else "",
        "outcome": outcome(outcome_json(played.outcome)),
        **entries(now["processes"]),
        "page": mapped(
            (label, page(frame)) for label, frame in expand_frames(now["frames"]).items()
            if "refcount" in frame
        ),
        "swap": mapped((slot, swap_slot(value)) for slot, value in now["swap"].items()),
        "handle": mapped((name, handle(value)) for name, value in now["handles"].items()),
        "violations": a_set(violation.kind for violation in played.violations),
    }  # fmt: skip


def number(value: int | None) -> Json:
    return {"#bigint": str(-1 if value is None else value)}


def mapped(pairs: Iterable[tuple[object, object]]) -> Json:
    return {"#map": [list(pair) for pair in pairs]}


def a_set(words: Iterable[object]) -> Json:
    return {"#set": list(dict.fromkeys(words))}


def outcome(found: Json) -> Json:
    value, values = found.get("value"), found.get("values")
    read = values if values is not None else [] if value is None else [value]
    return {
        "error": found.get("error") or "",
        "values": [number(one) for one in read],
        "faults": number(found.get("faults")),
        "copies": number(found.get("copies", 0)),
    }


def entries(processes: Json) -> Json:
    """The page-table entries of all processes, by kind."""
    vma, pte, swap, moving, marker = [], [], [], [], []
    for process, ranges in processes.items():
        for area, told in ranges.items():
            for it in expand(told):
                key = {"#tup": [process, area, number(it["page"])]}
                if it["vma"] is not None:
                    vma.append((key, it["vma"]))
                if it["kind"] == "present":
                    pte.append((key, present(it)))
                elif it.get("migration"):
                    moving.append((key, {"frame": it["migrating"], "mode": it["migration"]}))
                elif it["kind"] == "swap":
                    swap.append((key, swapped(it)))
                elif it.get("marker"):
                    marker.append(key)
    return {
        "vma": mapped(vma),
        "pte": mapped(pte),
        "swap_pte": mapped(swap),
        "migration_pte": mapped(moving),
        "uffd_marker": {"#set": marker},
    }


def present(it: Json) -> Json:
    return {
        "frame": it["frame"],
        "write": bool(it.get("writable")),
        "dirty": bool(it.get("dirty")),
        "young": bool(it.get("young")),
        "soft_dirty": bool(it.get("soft_dirty")),
        "uffd_wp": it["uffd_wp"],
        "exclusive": bool(it.get("exclusive_pte")),
        "pmd": it.get("mapped_by") == "pmd",
    }


def swapped(it: Json) -> Json:
    return {
        "slot": it["swap_offset_label"],
        "exclusive": bool(it.get("swap_exclusive")),
        "soft_dirty": bool(it.get("soft_dirty")),
        "uffd_wp": it["uffd_wp"],
    }


def page(frame: Json) -> Json:
    return {
        "refcount": number(frame["refcount"]),
        "mapcount": number(frame["mapcount"]),
        "pincount": number(frame["pincount"]),
        "exclusive": frame["exclusive"],
        "flags": a_set(frame["flags"]),
        "head": frame["head"],
        "order": number(frame["order"]),
        "value": number(frame["value"]),
    }


def swap_slot(slot: Json) -> Json:
    return {
        "count": number(slot["count"]),
        "cached": slot["cached"] or "",
        "value": number(slot["value"]),
    }


def handle(held: Json) -> Json:
    return {
        "owner": held["owner"],
        "kind": held["kind"],
        "write": held["write"],
        "longterm": held["longterm"],
        "frames": held["frames"],
        "coherent": held["coherent"],
    }
