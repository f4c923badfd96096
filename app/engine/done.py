"""What one operation did, all of it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from msgspec import Struct

from .frames import Event, Violation
from .outcome import Outcome
from .state import Machine


class Step(Struct, frozen=True, gc=False):
    """The machine afterwards, the outcome, and why.

    `touched` are the frames whose folio the operation wrote or freed, and the slots (as ~slot)
    whose count it changed.
    """

    after: Machine
    outcome: Outcome
    events: tuple[Event, ...] = ()
    violations: tuple[Violation, ...] = ()
    touched: AbstractSet[int] = frozenset()
