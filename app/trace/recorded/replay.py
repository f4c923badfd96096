"""All recorded traces replayed under a policy."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from app import policies
from app.trace.conform import Conformance, conform

from .store import Recording, packed, recording_of


class Replayed(Struct, frozen=True):
    """A recorded trace, and how far the engine agrees with it."""

    recording: Recording
    found: Conformance


def replay_all(
    policy: str, tell: Callable[[int], None] = lambda done: None
) -> tuple[Replayed, ...]:
    """In the order of `recordings`. Takes seconds; `tell` hears how many are done.

    Raises app.policies.UnknownPolicy.
    """
    policies.get(policy)
    done: list[Replayed] = []
    for document in packed():
        done.append(Replayed(recording_of(document), conform(document, policy)))
        tell(len(done))
    return tuple(
        sorted(done, key=lambda r: (r.recording.group, r.recording.name, r.recording.swap))
    )
