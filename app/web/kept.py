"""Answers that take seconds and never change: made once, off the event loop, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from app.service.cache import KeptByWeight, MadeOnce

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class KeptAnswers(Generic[Key, Value]):
    """The `most` answers used last. One thread makes them, so that pages keep their processor."""

    def __init__(self, what: str, most: int, waiting: int) -> None:
        self.kept: KeptByWeight[Key, Value] = KeptByWeight(most, lambda _: 1)
        self.made: MadeOnce[Key, Value] = MadeOnce(
            ThreadPoolExecutor(1, thread_name_prefix=what), waiting, what, 5
        )

    async def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Raises Busy when too many others are being made, and what `make` raises."""
        known = self.kept.get(key)
        if known is not None:
            return known
        # Shielded: the answer is kept even when nobody waits for it any more.
        return await asyncio.shield(
            asyncio.wrap_future(self.made.submit(key, lambda: self._make(key, make)))
        )

    def _make(self, key: Key, make: Callable[[], Value]) -> Value:
        known = self.kept.get(key)
        if known is None:
            known = make()
            self.kept.put(key, known)
        return known
