"""Steps of a played run as `trace/1`, with no more of each state than a page shows.

A machine may have 65,536 frames and a picture has room for a few dozen: writing out the rest
would cost a second a step. What is left is a step of `trace/1` like any other, so an imported
trace is shown by the same code.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from app.engine.draft import Violation
from app.engine.state import (
    Area,
    Folio,
    HugeZero,
    Machine,
    Marker,
    Migrating,
    Pages,
    PageTable,
    Pmd,
    Present,
    Pte,
    Swapped,
    Zero,
    walk,
)
from app.engine.stretches import every_stretch, extent
from app.trace import Run
from app.trace.explain import event_json, violation_json
from app.trace.frames import frame
from app.trace.names import Names, frame_label, process_order, slot_label, until
from app.trace.outcome import outcome_json
from app.trace.state import LABELLED, handle, page, swap_slot

from .evidence import owed_of, witnessed
from .layout import Layout, Row

Json = dict[str, Any]

MAX_EVENTS = 64
"""Events of a step that are put into words; a fork of many pages has thousands that are alike."""
MOST_PAGES = 2048
"""Pages of a strip that are all looked at in every step."""
CELLS = 512
"""Cells of a longer strip's picture."""


# -- a whole run, for its layout and timeline -------------------------------------------------


def survey(run: Run) -> Iterator[Json]:
    """Steps 0 to N with what `lay_out` and `timeline_of` read of them.

    What did not change since the step before is the same object again.
    """
    kept: dict[tuple[str, str], tuple[PageTable, Area, list[Json]]] = {}
    there: list[range] = []
    frames: list[str] = []
    slots, swap = run.steps[0].after.slots, {}
    for number, played in enumerate(run.steps):
        machine = played.after
        if there != (now := neighbourhoods(machine.folios)):
            there, frames = now, [frame_label(pfn) for pfns in now for pfn in pfns]
        if machine.slots is not slots:
            slots = machine.slots
            swap = {
                slot_label(slot): {"cached": frame_label(value.cache) if value.cache >= 0 else None}
                for slot, value in sorted(slots.items(), key=itemgetter(0))
            }
        step: Json = {
            "state": {
                "processes": {
                    name: dict(outlines(machine, name, kept)) for name in process_order(machine)
                },
                "frames": frames,
                "large": {head: folio.pages for head, folio in machine.compounds.items()},
                "swap": swap,
                "handles": {
                    name: {"kind": held.kind, "frames": [frame_label(pfn) for _, pfn in held.pages]}
                    for name, held in sorted(machine.handles.items())
                },
            }
        }
        if number:
            step |= {
                "text": run.scenario.steps[number - 1].text,
                "line": run.scenario.steps[number - 1].line,
                "outcome": {
                    "value": played.outcome.value,
                    "values": played.outcome.values,
                    "error": played.outcome.error,
                },
                "events": [{"kind": event.reason.kind} for event in played.events],
                "violations": [{"kind": violation.kind} for violation in played.violations],
            }
        yield step


def neighbourhoods(folios: Pages[Folio]) -> list[range]:
    """The frames that are there, in order, as ranges without a gap."""
    out: list[range] = []
    for pfn, count, _ in every_stretch(folios):
        first = out.pop().start if out and out[-1].stop == pfn else pfn
        out.append(range(first, pfn + count))
    return out


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
    """Pages `lo` to `hi` of a range: what maps them and how, neighbours merged."""
    out = []
    for start, end, prot in stretches(area, lo, hi):
        for first, last, pte in runs(table, huge, area.start, start, end):
            out.append(entry(pte, prot, first, last))
    return out


def stretches(area: Area, lo: int, hi: int) -> Iterator[tuple[int, int, str | None]]:
    """Pages of one protection; None where no VMA is left."""
    at = lo
    for vma in area.vmas:
        start, end = max(at, vma.lo - area.start), min(hi, vma.hi - area.start)
        if start >= end:
            continue
        if at < start:
            yield at, start, None
        yield start, end, vma.prot
        at = end
    if at < hi:
        yield at, hi, None


def runs(
    table: PageTable, huge: int, base: int, lo: int, hi: int
) -> Iterator[tuple[int, int, Pte | None]]:
    """(first, last, what maps the first): neighbours are not looked at page by page."""
    start, shown, at = lo, None, lo
    while at < hi:
        vpn = base + at
        pte: Pte | None = table.get(vpn)  # type: ignore[assignment]
        pmd = vpn - vpn % huge
        end = min(hi, pmd + huge - base)
        if pte is None and type(table.get(~pmd)) in (Pmd, HugeZero):
            pte = walk(table, huge, vpn)
        else:
            end = at + extent(table, range(vpn, base + end))
        if at == start:
            shown = pte
        elif not alike(shown, pte, at - start):
            yield start, at, shown
            start, shown = at, pte
        at = end
    if start < hi:
        yield start, hi, shown


def alike(one: Pte | None, other: Pte | None, by: int) -> bool:
    """Is `other`, `by` pages on, what goes on with `one`?"""
    if type(one) is not type(other):
        return False
    if type(one) is Present and type(other) is Present:
        return (
            one.pfn + by == other.pfn
            and one.write is other.write
            and one.dirty is other.dirty
            and one.soft_dirty is other.soft_dirty
            and one.uffd_wp is other.uffd_wp
            and one.exclusive is other.exclusive
            and one.huge is other.huge
        )
    if type(one) is Swapped and type(other) is Swapped:
        return (
            one.slot + by == other.slot
            and one.exclusive is other.exclusive
            and one.soft_dirty is other.soft_dirty
            and one.uffd_wp is other.uffd_wp
        )
    return one == other


def entry(pte: Pte | None, prot: str | None, lo: int, hi: int) -> Json:
    """One entry as `trace/1` has it, less what a layout does not ask for."""
    out: Json = {"page": lo} if hi == lo + 1 else {"pages": f"{lo}:{hi}"}
    out |= {"kind": "none", "vma": prot, "frame": None, "swap_offset_label": None}
    out["uffd_wp"] = pte is not None and pte.uffd_wp
    if type(pte) is Present:
        out |= {
            "kind": "present",
            "frame": ranged(frame_label(pte.pfn), hi - lo),
            "writable": pte.write,
            "dirty": pte.dirty,
            "soft_dirty": pte.soft_dirty,
            "exclusive_pte": pte.exclusive,
            "mapped_by": "pmd" if pte.huge else "pte",
        }
    elif type(pte) is Zero:
        out |= {"kind": "present", "frame": "hzero" if pte.huge else "zero", "writable": False}
        out["mapped_by"] = "pmd" if pte.huge else "pte"
    elif type(pte) is Swapped:
        out |= {
            "kind": "swap",
            "swap_offset_label": ranged(slot_label(pte.slot), hi - lo),
            "swap_exclusive": pte.exclusive,
            "soft_dirty": pte.soft_dirty,
        }
    elif type(pte) is Migrating:
        label = ranged(frame_label(pte.pfn), hi - lo)
        out |= {"kind": "swap", "migration": pte.mode, "migrating": label}
    elif type(pte) is Marker:
        out["marker"] = True
    return out


def ranged(label: str, count: int) -> str | None:
    return label if count == 1 else until(label, count)


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
    events = played.events
    told = [
        event
        for i, event in enumerate(events)
        if i < MAX_EVENTS
        or (event.reason.kind == "copy" and event.pfn >= 0 and layout.place(frame_label(event.pfn)))
    ]
    step |= {
        "index": number - 1,
        "line": source.line,
        "text": source.text,
        "outcome": outcome_json(played.outcome),
        "events": [event_json(event, source.op.actor, before, played.after) for event in told],
        "untold": len(events) - len(told),
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
    frames: Json = {}
    swap: Json = {}
    for item in layout.items.values():
        lo, hi = item.start, item.start + item.pages
        if item.label[0] == "f":
            frames |= frames_of(machine, names, lo, hi)
        else:
            swap |= slots_of(machine, lo, hi)
    return {
        "processes": {name: rows_of(machine, name, layout) for name in process_order(machine)},
        "frames": frames,
        "swap": swap,
        "handles": {name: handle(machine, name) for name in sorted(machine.handles)},
    }


def frames_of(machine: Machine, names: Names, lo: int, hi: int) -> Json:
    """Live frames from `lo` to `hi`, equal neighbours as one entry."""
    out: Json = {}
    start, shape, last = lo, None, None
    step = stride(hi - lo)
    for pfn in range(lo, hi, step):
        page = machine.folios.get(pfn)
        if page is last and page is not None and page.head >= 0:
            continue  # pages of a large folio that are alike are one value
        last = page
        found = None if page is None else page_shape(page, pfn)
        if found != shape:
            if shape is not None:
                out[run_label("f", start, pfn)] = frame(machine, start, names)
            start, shape = pfn, found
    if shape is not None:
        out[run_label("f", start, hi)] = frame(machine, start, names)
    return out


def page_shape(page: Folio, pfn: int) -> tuple[object, ...]:
    """What two neighbouring frames must have in common to be told as one."""
    if page.head >= 0:
        return page.head, page.exclusive, page.data.value, page.maps, page.ksm
    slot = page.slot - pfn if page.slot >= 0 else None
    return (
        page.exclusive, page.data.value, page.maps, page.gets, page.pins, page.holds, page.batch,
        slot, page.batches, page.anon, page.ksm, page.mlocked, page.swapbacked, page.inode is None,
    )  # fmt: skip


def slots_of(machine: Machine, lo: int, hi: int) -> Json:
    """Slots in use from `lo` to `hi`, equal neighbours as one entry."""
    out: Json = {}
    start, shown = lo, None
    for slot in range(lo, hi, stride(hi - lo)):
        found = swap_slot(machine, slot) if slot in machine.slots else None
        if found is not None and shown is not None and slot > start:
            cached = shown["cached"]
            expected = cached and frame_label(int(cached[1:]) + slot - start)
            if {**shown, "cached": expected} == found:
                continue
        elif found is shown:
            continue
        if shown is not None:
            out[run_label("s", start, slot)] = shown
        start, shown = slot, found
    if shown is not None:
        out[run_label("s", start, hi)] = shown
    return out


def stride(pages: int) -> int:
    """Of a strip of very many pages every n-th is looked at: as many as it has cells."""
    return 1 if pages <= MOST_PAGES else -(-pages // CELLS)


def run_label(letter: str, lo: int, hi: int) -> str:
    return f"{letter}{lo}" if hi == lo + 1 else f"{letter}{lo}:{letter}{hi}"


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
    last = page(machine, mm, area, hi - 1)
    out: Json = {"pages": f"{row.lo}:{hi}"}
    for key, value in first.items():
        if key in LABELLED and value != last[key]:
            out[key] = until(value, hi - row.lo)
        elif key != "page":
            out[key] = value
    return [out]
