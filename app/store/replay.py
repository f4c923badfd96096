"""Whether an engine of today plays a stored run as the engine of its day did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ReplayDiffers:
    """The first step that this engine plays otherwise; 0 is the state before the first step.

    `what` is "outcome", "state" or "length". For an outcome, `stored` and `replayed` are the words.
    """

    step: int
    what: str
    stored: str
    replayed: str

    def __str__(self) -> str:
        if self.what == "length":
            return f"stored with {self.stored} steps, played again it has {self.replayed}"
        return f"step {self.step}: the {self.what} was {self.stored}, now it is {self.replayed}"


def compare_replay(
    *,
    stored_outcomes: Sequence[str],
    stored_checksums: Sequence[bytes],
    outcomes: Sequence[str],
    checksums: Sequence[bytes],
) -> ReplayDiffers | None:
    """Return the first difference, or None.

    An outcome belongs to a step, a checksum to a state: `checksums[0]` is the state before the
    first step, `checksums[n]` and `outcomes[n - 1]` are those of step n.
    """
    words = zip(stored_outcomes, outcomes, strict=False)
    states = zip(stored_checksums, checksums, strict=False)
    for step, (was, now) in enumerate(states):
        if step > 0:
            word = next(words, None)
            if word is not None and word[0] != word[1]:
                return ReplayDiffers(step, "outcome", word[0], word[1])
        if was != now:
            return ReplayDiffers(step, "state", was.hex(), now.hex())
    if len(stored_outcomes) != len(outcomes) or len(stored_checksums) != len(checksums):
        step = min(len(stored_outcomes), len(outcomes)) + 1
        return ReplayDiffers(step, "length", str(len(stored_outcomes)), str(len(outcomes)))
    return None
