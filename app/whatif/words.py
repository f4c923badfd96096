"""What a step did, in one line: from the engine's own events, outcome and violations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.engine.draft import Violation
from app.engine.events import Event
from app.engine.outcome import Outcome
from app.trace.outcome import outcome_json, reads_in_words

Json = dict[str, Any]

WEIGHT = {
    "copy": 60, "reuse": 50, "share": 45, "hold": 40, "swap": 35, "move": 34, "split": 32,
    "install": 30, "refuse": 28, "keep": 26, "protect": 22, "unmap": 20, "drop": 18, "store": 16,
    "free": 14, "map": 12, "clear": 10, "decide": 8,
}  # fmt: skip
"""Which event tells best what a step did, and how telling a step of that kind is."""
VIOLATES = 100
READS = 15
STORES = 14


def verdict(violations: tuple[Violation, ...]) -> str:
    """The properties that are violated, each once; "" for none."""
    kinds = list(dict.fromkeys(v.kind for v in violations))
    return f"violates {', '.join(kinds)}" if kinds else ""


def told(
    text: str,
    outcome: Outcome,
    events: Sequence[Event],
    violations: tuple[Violation, ...],
    say: Callable[[Event], Json],
) -> tuple[str, int]:
    """(one line, how telling it is). `say` puts an event in words, as `trace/1` has it."""
    if outcome.error or (outcome.reason and not violations and not shows(events)):
        # Declined: what led there is not what a reader asks for.
        reason = outcome.reason or "it fails"
        words = f"{outcome.error}: {reason}" if outcome.error else reason
        lead = f"{verdict(violations)}; " if violations else ""
        return f"{lead}{words}", VIOLATES if violations else 0
    parts = []
    weight = 0
    if violations:
        parts.append(f"{verdict(violations)}: {violations[0].because}")
        weight += VIOLATES
    best = max(events, key=lambda event: WEIGHT.get(event.reason.kind, 0), default=None)
    if best is not None:
        weight += WEIGHT.get(best.reason.kind, 1)
        if not violations:
            alike = sum(event.reason.kind == best.reason.kind for event in events)
            more = f" (and {alike - 1} more)" if alike > 1 else ""
            parts.append(f"{say(best)['decision'].rstrip('.')}{more}")
    if reads := reads_in_words(outcome_json(outcome)):
        parts.append(reads)
        weight += READS
    if not parts and " write " in text:
        parts.append("stores without a fault: the page is mapped writable")
        weight += STORES
    return "; ".join(parts) or "changes nothing you can see", weight


def shows(events: Sequence[Event]) -> bool:
    """Did something happen that is more than a refusal and a drained batch?"""
    return any(event.reason.kind not in ("keep", "refuse", "count") for event in events)
