"""The cyclic collector, and why a run is played without it.

A machine is made of frozen values that only ever point to older ones, so playing makes no cycles:
every look of the collector at the states that are kept finds nothing, and costs a tenth of the run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_pauses = 0


@contextmanager
def collector_paused() -> Iterator[None]:
    """Leave cycles alone for a while; the last of several pauses at a time ends them all.

    A collector that was off stays off.
    """
    global _pauses
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
                if not _pauses:
                    gc.enable()
