"""Where a run comes from, and the runs that were made from it."""

from __future__ import annotations

from msgspec import Struct

from app.service import LoadedRun, RunService
from app.service.runs import StoredRun
from app.urls import run_url, step_url

from .timeline import Leave

BRANCHES = 50
"""Branches that a page lists."""


class Origin(Struct, frozen=True):
    """The run that one is based on; `words` say what is different, `leaves` where."""

    run: str
    step: int
    href: str
    words: str
    leaves: int | None


class Branch(Struct, frozen=True):
    """A run that was made from another one, behind its step `step`. `href` leads to where."""

    run: str
    step: int
    href: str
    words: str
    bad: str


def origin_of(loaded: LoadedRun) -> Origin | None:
    if loaded.stored.based_on is None:
        return None
    run, step = loaded.stored.based_on
    if loaded.leaves is None:
        words = "the same text under another policy"
    elif loaded.leaves == 0:
        words = "another text"
    elif loaded.leaves >= loaded.last:
        words = f"its first {loaded.last} steps" if loaded.last > 1 else "its first step"
    else:
        words = f"another text from step {loaded.leaves + 1} on"
    return Origin(run, step, step_url(run, step), words, loaded.leaves)


def leave_of(origin: Origin | None) -> Leave | None:
    """A mark in the timeline; none where the texts have nothing in common, or everything."""
    if origin is None or not origin.leaves:
        return None
    words = f"Leaves run {origin.run} after step {origin.leaves}"
    return Leave(origin.leaves, step_url(origin.run, origin.leaves), words)


async def branches_of(runs: RunService, stored: StoredRun) -> tuple[Branch, ...]:
    """Other texts, and the same one under another policy, in the order of their steps."""
    found = await runs.based_on(stored.id, BRANCHES)
    return tuple(branch(stored, other) for other in found)


def branch(stored: StoredRun, other: StoredRun) -> Branch:
    step = other.based_on[1] if other.based_on else 0
    bad = ", ".join(other.violations)
    if other.text == stored.text:
        return Branch(other.id, step, step_url(other.id, step), f"under {other.policy}", bad)
    mine, theirs = stored.text.split("\n"), other.text.split("\n")
    pairs = zip(mine, theirs, strict=False)
    line = next((b for a, b in pairs if a != b), "")
    if not line and len(theirs) > len(mine):
        line = theirs[len(mine)]
    words = line.strip().removeprefix("# ")[:60] or "a part of the text"
    at = step + 1 if step < other.steps else 0
    return Branch(other.id, step, step_url(other.id, at) if at else run_url(other.id), words, bad)
