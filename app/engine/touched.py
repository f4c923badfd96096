"""What an operation wrote: numbers of frames and of slots, and ranges of them where there are many.

A step on 512 pages touches a few ranges of frames. Number by number they would cost more to write
down, and to look at again, than what was done to them.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

Touched = set[int | range]
"""Frames, and slots as ~slot, in any order; a range and a number may say the same."""


def touch(touched: Touched, numbers: range) -> None:
    if len(numbers) > 1:
        touched.add(numbers)
    elif numbers:
        touched.add(numbers.start)


def holds(touched: Touched, number: int) -> bool:
    return number in touched or any(isinstance(at, range) and number in at for at in touched)


def spans(touched: AbstractSet[int | range]) -> list[range]:
    """All of it in order, each number once: as few ranges as can be.

    Slots, which are negative, come before frames, and none is in one range with a frame.
    """
    parts = sorted(
        [(at.start, at.stop) if isinstance(at, range) else (at, at + 1) for at in touched]
    )
    out: list[range] = []
    for start, stop in parts:
        if out and start <= out[-1].stop and not start == 0 == out[-1].stop:
            if stop > out[-1].stop:
                out[-1] = range(out[-1].start, stop)
        else:
            out.append(range(start, stop))
    return out
