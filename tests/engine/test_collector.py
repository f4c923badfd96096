"""States that are kept are not looked at by the cyclic collector; nothing else is lost to it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from app.engine import collector
from app.engine.collector import ASIDE, LONG, collector_paused


class Knot:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_last_pause_ends_them_all() -> None:
    with collector_paused(1):
        with collector_paused(1):
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused(LONG):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_a_long_run_keeps_is_set_aside_and_a_short_one_is_not() -> None:
    before = gc.get_freeze_count()
    with collector_paused(LONG - 1):
        kept: list[list[int]] = [[1]]
    assert gc.get_freeze_count() == before
    with collector_paused(LONG):
        kept.append([2])
    assert gc.get_freeze_count() > before
    assert not any(kept is one for one in gc.get_objects())


def test_what_is_set_aside_goes_when_nobody_refers_to_it() -> None:
    with collector_paused(LONG):
        kept = {Knot}
        gone = weakref.ref(kept)
    del kept
    assert gone() is None


def test_garbage_that_went_along_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_aside", 0)
    knot = Knot()
    gone = weakref.ref(knot)
    with collector_paused(LONG):
        pass
    del knot
    gc.collect()
    assert gone() is not None, "it was set aside"
    for _ in range(ASIDE - 1):
        with collector_paused(LONG):
            pass
    assert gone() is None
