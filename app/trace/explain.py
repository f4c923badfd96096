"""Events and violations in words: the engine's constants with names and numbers filled in."""

from __future__ import annotations

from typing import Any

from app.engine.draft import Violation
from app.engine.events import Event
from app.engine.state import Machine

from .names import Names, frame_label, slot_label
from .singular import singular

Json = dict[str, Any]


def event_json(event: Event, actor: str, before: Machine, after: Machine) -> Json:
    """One micro-event of `trace/1`."""
    place = place_name(event.mm, event.vpn, before, after)
    words = {
        "f": frame_label(event.pfn) if event.pfn >= 0 else "",
        "to": frame_label(event.to) if event.to >= 0 else "",
        "s": slot_label(event.slot) if event.slot >= 0 else "",
        "place": place or "the page",
        "folio": event.folio,
    }
    reason = event.reason
    return {
        "kind": reason.kind,
        "actor": actor,
        "place": place or None,
        "frame": words["f"] or None,
        "to": words["to"] or None,
        "slot": words["s"] or None,
        "function": reason.function,
        "decision": singular(reason.decision.format(*event.numbers, **words)),
        "because": singular(reason.because.format(*event.numbers, **words)),
        "rule": reason.rule or None,
        "source": reason.source,
    }


def place_name(mm: int, vpn: int, before: Machine, after: Machine) -> str:
    """A page by name; one that the step itself unmapped is named as it was before."""
    if mm < 0:
        return ""
    return Names(after).place(mm, vpn) or Names(before).place(mm, vpn)


def violation_json(violation: Violation, after: Machine, before: Machine) -> Json:
    out: Json = {
        "kind": violation.kind,
        "predicate": violation.predicate,
        "because": violation.because,
        "place": place_name(violation.mm, violation.vpn, before, after) or None,
        "frame": frame_label(violation.pfn) if violation.pfn >= 0 else None,
    }
    if violation.handle:
        out["handle"] = violation.handle
        out["page"] = violation.page
    if violation.saw >= 0:
        out["saw"] = {"value": violation.saw}
    if violation.owed >= 0:
        out["owed"] = {"value": violation.owed}
    return out
