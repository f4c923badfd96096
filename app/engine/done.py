"""What one operation did, all of it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from msgspec import Struct

from .events import Again, Event, spelled_out
from .frames import Violation
from .outcome import Outcome
from .state import Machine
from .touched import spans


class Step(Struct, frozen=True, gc=False):
    """The machine afterwards, the outcome, and why.

    `touched` are the frames whose folio the operation wrote or freed, and the slots (as ~slot)
    whose count it changed: numbers, and ranges of them.
    """

    after: Machine
    outcome: Outcome
    told: tuple[Event | Again, ...] = ()
    violations: tuple[Violation, ...] = ()
    touched: AbstractSet[int | range] = frozenset()

    @property
    def written(self) -> list[range]:
        """What it touched, in order: as few ranges as can be, slots (negative) before frames."""
        return spans(self.touched)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every decision, in order."""
        return spelled_out(self.told)
