"""All recorded traces replayed: seconds of work that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from app.trace import recorded
from app.trace.conform import conform
from app.trace.recorded import Replayed, load

SAMPLE = ("zram/thp-munmap-partial", "zram/thp-splice-cve", "zram/fork-tree-7")


@cache
def replayed() -> tuple[Replayed, ...]:
    """Under the default policy."""
    return recorded.replay_all("linux")


def replay_all(policy: str, tell: Callable[[int], None] = print) -> tuple[Replayed, ...]:
    """In place of `app.trace.recorded.replay_all`: SAMPLE under `policy`, the rest as linux."""
    return tuple(
        Replayed(r.recording, conform(load(r.recording.key), policy))
        if r.recording.key in SAMPLE
        else r
        for r in replayed()
    )
