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

    def drop(self, key: Key) -> None:
        """Let go of the value, if there is one."""
        with self._lock:
            if key in self._values:
                self._weight -= self._weigh(self._values.pop(key))


class Busy(Exception):
    """As much work waits as may wait; `retry_after` is in seconds."""

    def __init__(self, what: str, waiting: int, retry_after: int) -> None:
        super().__init__(
            f"{waiting} {what} are waiting to be played, which is as many as may wait here. "
            f"Try again in {retry_after} s."
        )
        self.retry_after = retry_after


class MadeOnce(Generic[Key, Value]):
    """Work in flight by key: who asks for what is being made waits for the same result.

    At most `limit` are in flight. `what` names them for people, `retry_after` is what somebody
    is told who comes when it is full, in seconds.
    """

    def __init__(self, executor: Executor, limit: int, what: str, retry_after: int) -> None:
        self._executor = executor
        self._limit = limit
        self._what = what
        self._retry_after = retry_after
        self._flights: dict[Key, Future[Value]] = {}
        # Work that is done before its callback is added calls it at once, under this lock.
        self._lock = RLock()

    def submit(self, key: Key, make: Callable[[], Value]) -> Future[Value]:
        """Raises Busy when there is no room and nobody makes this already."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                if len(self._flights) >= self._limit:
                    raise Busy(self._what, self._limit, self._retry_after)
                flight = self._executor.submit(make)
                self._flights[key] = flight
                flight.add_done_callback(lambda _: self._landed(key))
            return flight

    def _landed(self, key: Key) -> None:
        with self._lock:
            self._flights.pop(key, None)
