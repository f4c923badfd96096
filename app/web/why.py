"""The *why* panel: the micro-events of a step in order, and the one sentence that matters."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Json = dict[str, Any]

TITLES = {
    "fault": "Fault", "decide": "Decide", "copy": "Copy", "reuse": "Reuse", "install": "Install",
    "share": "Share", "keep": "Keep", "hold": "Take a reference", "drop": "Drop a reference",
    "store": "Store", "swap": "Swap", "free": "Free", "map": "Map", "unmap": "Unmap",
    "protect": "Protect", "split": "Split", "clear": "Clear", "move": "Move",
    "count": "Count", "refuse": "Refuse", "lazyfree": "May be discarded", "advise": "Advise",
    "lock": "Lock",
}  # fmt: skip
WEIGHT = (
    "copy", "reuse", "refuse", "keep", "share", "swap", "hold", "move", "install", "split",
    "protect",
)  # fmt: skip
"""Which event says best what the step did; the first one that is there leads."""
SHOWN = 24
"""Events listed in full; a fork of a thousand pages has thousands that are alike."""


class Micro(Struct, frozen=True):
    """One event. `css` is a class of the style sheet: "decide", "copy", "good", "bad" or "";
    `frame` and `slot` are labels of what it is about, or ""."""

    number: int
    title: str
    text: str
    because: str
    rule: str
    function: str
    source: str
    css: str
    frame: str = ""
    slot: str = ""


class Why(Struct, frozen=True):
    """`lead` has at most two sentences; `function` is the one that decided; `more` events are
    left out."""

    lead: str
    function: str
    events: tuple[Micro, ...]
    more: int


def why_of(step: Json) -> Why:
    """Explain a step of `trace/1`; step 0 has no events."""
    events: list[Json] = list(step.get("events", ()))
    violations: list[Json] = list(step.get("violations", ()))
    shown = [micro(i, event) for i, event in enumerate(events[:SHOWN], 1)]
    for violation in violations:
        shown.append(
            Micro(
                number=len(shown) + 1,
                title=f"Violates {violation['kind']}",
                text=str(violation["because"]),
                because="",
                rule=str(violation.get("predicate") or ""),
                function="",
                source="",
                css="bad",
            )
        )
    return Why(
        lead=lead_of(step, events, violations),
        function=decider(events),
        events=tuple(shown),
        more=max(0, len(events) - SHOWN) + int(step.get("untold", 0)),
    )


def micro(number: int, event: Json) -> Micro:
    kind = event["kind"]
    css = {"decide": "decide", "copy": "copy", "reuse": "good"}.get(kind, "")
    return Micro(
        number=number,
        title=TITLES.get(kind, kind.replace("-", " ").capitalize()),
        text=event["decision"],
        because=event["because"],
        rule=event.get("rule") or "",
        function=event["function"],
        source=event["source"],
        css=css,
        frame=event["frame"] or "",
        slot=event["slot"] or "",
    )


def decider(events: list[Json]) -> str:
    for event in events:
        if event["kind"] == "decide":
            return str(event["function"])
    return str(events[-1]["function"]) if events else ""


def lead_of(step: Json, events: list[Json], violations: list[Json]) -> str:
    """Cause before effect."""
    if "text" not in step:
        return "Nothing is mapped yet. Press → to play the first step."
    if violations:
        return sentence(str(violations[0]["because"]))
    done = next((e for kind in WEIGHT for e in events if e["kind"] == kind), None)
    # The decision that led to what was done, not that of another page of the same step.
    before = events[: events.index(done)] if done is not None else events
    frame = done["frame"] if done is not None else None
    alone = done is None or [e["kind"] for e in events].count(done["kind"]) == 1
    decided = [
        event
        for event in before
        if event["kind"] == "decide" and (alone or event["frame"] == frame)
    ]
    parts = []
    if decided:
        parts.append(f"{decided[-1]['decision'].rstrip('.')}: {decided[-1]['because']}")
    if done is not None:
        parts.append(
            done["decision"] if decided else f"{done['decision'].rstrip('.')}: {done['because']}"
        )
    elif events and not decided:
        parts.append(events[-1]["decision"])
    outcome = step.get("outcome", {})
    if not parts and outcome.get("error"):
        parts.append(f"{outcome['error']}: {outcome.get('reason') or 'the step failed'}")
    if not parts and outcome.get("value") is not None:
        parts.append(f"It reads {outcome['value']}. No page table changes")
    if not parts and " write " in f"{step['text']} ":
        parts.append("The page is mapped writable: the CPU stores without a fault")
    return " ".join(sentence(part) for part in parts) or "Nothing in memory changes."


def sentence(words: str) -> str:
    words = words.strip()
    return words if words.endswith((".", "?")) else f"{words}."
