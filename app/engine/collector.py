"""The cyclic collector, and why a run is played without it.

A machine is made of frozen values that only ever point to older ones, so playing makes no cycles:
every look of the collector at the states that are kept finds nothing, and costs a fifth of the run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

LONG = 1000
"""Steps of a run whose states are not looked at afterwards either."""

ASIDE = 16
"""Long runs after which everything is looked at once."""

_lock = Lock()
_pauses = 0
_long = False
_aside = 0


@contextmanager
def collector_paused(steps: int) -> Iterator[None]:
    """Leave cycles alone for a while; the last of several pauses at a time ends them all.

    `steps` is how many states will be kept. A collector that was off stays off.
    """
    global _pauses, _long
    with _lock:
        ours = _pauses > 0 or gc.isenabled()
        if ours:
            _pauses += 1
            gc.disable()
    try:
        yield
    finally:
        if ours:
            with _lock:
                _pauses -= 1
                _long = _long or steps >= LONG
                if not _pauses:
                    if _long:
                        set_aside()
                    _long = False
                    gc.enable()


def set_aside() -> None:
    """What is there now is not looked at any more; it still goes when nobody refers to it.

    Cycles of others that become garbage go along. They are found when everything is looked at.
    """
    global _aside
    _aside += 1
    if _aside % ASIDE == 0:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
