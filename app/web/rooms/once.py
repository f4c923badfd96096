"""What hundreds ask for in the same second is made once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Once(Generic[Value]):
    """Work in flight by key, on one event loop: who comes while it is made waits for it."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[Value]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Value]]) -> Value:
        """What `make` returns, or raises."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._made(make))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # Others may wait for the same when this one's reader goes away.
        return await asyncio.shield(flight)

    async def _made(self, make: Callable[[], Awaitable[Value]]) -> Value:
        return await make()
