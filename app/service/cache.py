"""Values kept in memory up to a weight, and made once however many ask at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from threading import RLock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class KeptByWeight(Generic[Key, Value]):
    """The values used last, up to `capacity` in weight. Safe to share between threads."""

    def __init__(self, capacity: int, weigh: Callable[[Value], int]) -> None:
        self._capacity = capacity
        self._weigh = weigh
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._weight = 0
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def weight(self) -> int:
        return self._weight

    def get(self, key: Key) -> Value | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        """Keep `value`, and let go of those not used for longest; a value too heavy is not kept."""
        with self._lock:
            if key in self._values:
                self._weight -= self._weigh(self._values.pop(key))
            weight = self._weigh(value)
            if weight > self._capacity:
                return
            self._values[key] = value
            self._weight += weight
            while self._weight > self._capacity:
                _, dropped = self._values.popitem(last=False)
                self._weight -= self._weigh(dropped)


class MadeOnce(Generic[Key, Value]):
    """Work in flight by key: who asks for what is being made waits for the same result."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._flights: dict[Key, Future[Value]] = {}
        # Work that is done before its callback is added calls it at once, under this lock.
        self._lock = RLock()

    def submit(self, key: Key, make: Callable[[], Value]) -> Future[Value]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._executor.submit(make)
                self._flights[key] = flight
                flight.add_done_callback(lambda _: self._landed(key))
            return flight

    def _landed(self, key: Key) -> None:
        with self._lock:
            self._flights.pop(key, None)
