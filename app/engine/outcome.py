"""What a step did, as its actor saw it."""

from __future__ import annotations

from msgspec import Struct


class Outcome(Struct, frozen=True, gc=False):
    """The outcome of one step (`trace-format.md`).

    value    what was read (the value common to a slice), or None
    values   the values of a slice whose pages differ, or None
    error    a signal or errno name (SIGSEGV, EFAULT, ...), NOTMOVED, PARTIAL, or None
    faults   page faults that the actor took; None where no load or store was made
    at_page  index in the range of the page at which a slice access failed, or None
    copies   pages copied in this step
    reason   why the step failed or what it skipped, in words
    """

    value: int | None = None
    values: tuple[int, ...] | None = None
    error: str | None = None
    faults: int | None = None
    at_page: int | None = None
    copies: int = 0
    reason: str = ""


class Failed(Exception):
    """The operation ends here with a signal or errno; what it did before stands."""

    def __init__(self, error: str, reason: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.reason = reason


class NotModelled(Exception):
    """The operation is part of the language, and not yet of the machine."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
