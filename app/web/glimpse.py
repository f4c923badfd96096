"""Steps of a played run as `trace/1`, with no more of each state than a page shows.

A machine may have 65,536 frames and a picture has room for a few dozen: writing out the rest
would cost a second a step. What is left is a step of `trace/1` like any other, so an imported
trace is shown by the same code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.engine.draft import Violation, vma_of
from app.engine.state import Area, Machine, PageTable, Present, Swapped, Vma, Zero, walk
from app.trace import Run
from app.trace.explain import event_json, violation_json
from app.trace.frames import frame
from app.trace.names import Names, frame_label, process_order, slot_label, until
from app.trace.run import outcome_json
from app.trace.state import LABELLED, RUN_LENGTH, handle, page, swap_slot

from .evidence import owed_of, witnessed
from .layout import Layout, Row

Json = dict[str, Any]
Shape = tuple[str, int, str | None]

MAX_EVENTS = 64
"""Events of a step that are put into words; a fork of many pages has thousands that are alike."""


# -- a whole run, for its layout and timeline -------------------------------------------------


def survey(run: Run) -> Iterator[Json]:
    """Steps 0 to N with what `lay_out` and `timeline_of` read of them.

    A range that did not change since the step before is the same object again.
    """
    kept: dict[tuple[str, str], tuple[PageTable, Area, list[Json]]] = {}
    for number, played in enumerate(run.steps):
        machine = played.after
        step: Json = {
            "state": {
                "processes": {
                    name: dict(outlines(machine, name, kept)) for name in process_order(machine)
                },
                "frames": [frame_label(pfn) for pfn in sorted(machine.folios)],
                "swap": {
                    slot_label(slot): {"cached": frame_label(cache) if cache >= 0 else None}
                    for slot, cache in sorted((s, v.cache) for s, v in machine.slots.items())
                },
                "handles": {
                    name: {"kind": held.kind, "frames": [frame_label(pfn) for _, pfn in held.pages]}
                    for name, held in sorted(machine.handles.items())
                },
            }
        }
        if number:
            step |= {
                "text": run.scenario.steps[number - 1].text,
                "outcome": {"value": played.outcome.value, "error": played.outcome.error},
                "events": [{"kind": event.reason.kind} for event in played.events],
                "violations": [{"kind": violation.kind} for violation in played.violations],
            }
        yield step


def outlines(
    machine: Machine, process: str, kept: dict[tuple[str, str], tuple[PageTable, Area, list[Json]]]
) -> Iterator[tuple[str, list[Json]]]:
    """The ranges of a process, by name."""
    mm = machine.processes[process].mm
    table = machine.tables[mm]
    for name in machine.mms[mm].order:
        area = machine.mms[mm].areas[name]
        known = kept.get((process, name))
        if known is None or known[0] is not table or known[1] is not area:
            known = (table, area, outline(table, machine.config.huge, area, 0, area.pages))
            kept[process, name] = known
        yield name, known[2]


def outline(table: PageTable, huge: int, area: Area, lo: int, hi: int) -> list[Json]:
    """Pages `lo` to `hi` of a range: kind, protection and what they map, neighbours merged."""
    out: list[Json] = []
    start, shape = lo, shape_of(table, huge, area, lo)
    for index in range(lo + 1, hi + 1):
        found = shape_of(table, huge, area, index) if index < hi else None
        if found != shape or area.pages <= RUN_LENGTH:
            out.append(entry(shape, start, index))
            if found is not None:
                start, shape = index, found
    return out


def shape_of(table: PageTable, huge: int, area: Area, index: int) -> Shape:
    """Kind, label less index, protection: equal for neighbours that are one entry."""
    vpn = area.start + index
    pte = walk(table, huge, vpn)
    prot = protection(area, vpn)
    if type(pte) is Present:
        return "present", pte.pfn - index, prot
    if type(pte) is Swapped:
        return "swap", pte.slot - index, prot
    if type(pte) is Zero:
        return "hzero" if pte.huge else "zero", 0, prot
    return "none", 0, prot


def protection(area: Area, vpn: int) -> str | None:
    vma: Vma | None = area.vmas[0] if len(area.vmas) == 1 else vma_of(area, vpn)
    return vma.prot if vma is not None and vma.lo <= vpn < vma.hi else None


def entry(shape: Shape, lo: int, hi: int) -> Json:
    kind, base, prot = shape
    out: Json = {"page": lo} if hi == lo + 1 else {"pages": f"{lo}:{hi}"}
    out |= {"kind": kind, "vma": prot, "frame": None, "swap_offset_label": None}
    if kind in ("zero", "hzero"):
        out |= {"kind": "present", "frame": kind}
    elif kind != "none":
        label = frame_label if kind == "present" else slot_label
        first = label(base + lo)
        out["frame" if kind == "present" else "swap_offset_label"] = (
            first if hi == lo + 1 else until(first, hi - lo)
        )
    return out


# -- one step, for its page -------------------------------------------------------------------


def glimpse(run: Run, number: int, layout: Layout) -> tuple[Json, Json | None]:
    """A step and the one before it (None for step 0), as far as `layout` draws them."""
    played = run.steps[number]
    step: Json = {
        "state": drawn(played.after, layout),
        "expectations": [finding.json() for finding in played.expectations],
    }
    if number == 0:
        return step, None
    source = run.scenario.steps[number - 1]
    before = run.steps[number - 1].after
    wrong = [*((number, v) for v in played.violations), *witnessed(run, number)]
    drawn_pfns = {int(label[1:]) for label in layout.items if label[0] == "f"}
    told = [
        event
        for i, event in enumerate(played.events)
        if i < MAX_EVENTS or (event.reason.kind == "copy" and event.pfn in drawn_pfns)
    ]
    step |= {
        "index": number - 1,
        "line": source.line,
        "text": source.text,
        "outcome": outcome_json(played.outcome),
        "events": [event_json(event, source.op.actor, before, played.after) for event in told],
        "untold": len(played.events) - len(told),
        "violations": [violation_json(v, played.after, before) for v in played.violations],
        "wrong": [seen(run, number, at, v) for at, v in wrong],
        "notes": [note.text for note in source.notes],
    }
    return step, {"state": drawn(before, layout)}


def seen(run: Run, number: int, at: int, violation: Violation) -> Json:
    """A violation of step `at`, as the drawing of step `number` needs it: with what is owed."""
    after, before = run.steps[number].after, run.steps[number - 1].after
    out = violation_json(violation, after, before)
    owed = owed_of(run, at, violation)
    return out if owed is None else out | {"owed": {"value": owed}}


def drawn(machine: Machine, layout: Layout) -> Json:
    """The `state` of `trace/1`, less what the layout has no place for."""
    names = Names(machine)
    frames = [pfn for label in layout.items if label[0] == "f" and (pfn := int(label[1:])) >= 0]
    slots = [int(label[1:]) for label in layout.items if label[0] == "s"]
    return {
        "processes": {name: rows_of(machine, name, layout) for name in process_order(machine)},
        "frames": {
            frame_label(pfn): frame(machine, pfn, names) for pfn in frames if pfn in machine.folios
        },
        "swap": {slot_label(s): swap_slot(machine, s) for s in slots if s in machine.slots},
        "handles": {name: handle(machine, name) for name in sorted(machine.handles)},
    }


def rows_of(machine: Machine, process: str, layout: Layout) -> Json:
    mm = machine.processes[process].mm
    areas = machine.mms[mm].areas
    out: Json = {name: [] for name in machine.mms[mm].order}
    for row in layout.rows:
        area = areas.get(row.area)
        if area is not None and row.lo < area.pages:
            out[row.area] += entries(machine, mm, area, row)
    return out


def entries(machine: Machine, mm: int, area: Area, row: Row) -> list[Json]:
    """What covers a row: pages that always look alike are told by the first and the last."""
    hi = min(row.hi, area.pages)
    if row.folded:
        return outline(machine.tables[mm], machine.config.huge, area, row.lo, hi)
    first = page(machine, mm, area, row.lo)
    if hi == row.lo + 1:
        return [first]
    out: Json = {"pages": f"{row.lo}:{hi}"}
    for key, value in first.items():
        if key != "page":
            out[key] = until(value, hi - row.lo) if key in LABELLED else value
    return [out]
