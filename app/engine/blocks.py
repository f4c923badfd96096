"""Many neighbours at once: persistent maps by page number that are kept in blocks.

A huge page is 512 entries and 512 frames that mostly differ in nothing but their number. Written
one by one into persistent maps they cost 512 writes whenever something happens to all of them.
`Blocks` keeps SIZE neighbours as one tuple, so that a block of equal pages is written, and read, as
one thing, and one page more or less is a tuple more. `stretches` is how they are written and read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from immutables import Map, MapMutation
from msgspec import Struct
from msgspec.structs import replace

from .entries import Present, Swapped
from .folios import Folio, Slot

V = TypeVar("V")
T = TypeVar("T")

BITS = 5
SIZE = 1 << BITS
LAST = SIZE - 1

ORIGIN = 1 << 40
"""Far above all keys, so that a number that is named there is none that means "nothing"."""

Block = tuple[V | None, ...]
NOTHING: Block[Any] = (None,) * SIZE


def nth(value: V, by: int) -> V:
    """What stands `by` keys behind `value`, alike: what names frames or slots names the next ones.

    Everything else is the same value.
    """
    kind = type(value)
    thing: Any = value
    if kind is Folio:
        if thing.slot >= 0:
            thing = replace(thing, slot=thing.slot + by)
    elif kind is Present:
        thing = replace(thing, pfn=thing.pfn + by)
    elif kind is Swapped:
        thing = replace(thing, slot=thing.slot + by)
    elif kind is Slot and thing.cache >= 0:
        thing = replace(thing, cache=thing.cache + by)
    return thing  # type: ignore[no-any-return]


def moves(value: object) -> bool:
    """Is the same value something else at the next key?"""
    kind = type(value)
    if kind is Folio or kind is Slot:
        thing: Any = value
        return bool((thing.slot if kind is Folio else thing.cache) >= 0)
    return kind is Present or kind is Swapped


class Blocks(Struct, Generic[V], frozen=True, eq=False, gc=False):
    """See the module. A block holds what stands at its keys, as of the key ORIGIN, or None."""

    blocks: Map[int, Block[V]]
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: int) -> V:
        value = self.blocks[key >> BITS][key & LAST]
        if type(value) is Folio and value.slot < 0:
            # `nth` would say the same; most that is looked up by its key is this.
            return value
        if value is None:
            raise KeyError(key)
        return nth(value, key - ORIGIN)

    @overload
    def get(self, key: int) -> V | None: ...
    @overload
    def get(self, key: int, default: V | T) -> V | T: ...
    def get(self, key: int, default: Any = None) -> Any:
        value = self.blocks.get(key >> BITS, NOTHING)[key & LAST]
        return default if value is None else nth(value, key - ORIGIN)

    def __contains__(self, key: Any) -> bool:
        return self.blocks.get(key >> BITS, NOTHING)[key & LAST] is not None

    def items(self) -> Iterator[tuple[int, V]]:
        for number, block in self.blocks.items():
            for key, value in enumerate(block, number << BITS):
                if value is not None:
                    yield key, nth(value, key - ORIGIN)

    def __iter__(self) -> Iterator[int]:
        return (key for key, _ in self.items())

    def values(self) -> Iterator[V]:
        return (value for _, value in self.items())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Blocks):
            return self.count == other.count and self.blocks == other.blocks
        if not isinstance(other, Map):
            return NotImplemented
        return len(self) == len(other) and dict(self.items()) == dict(other.items())

    def __hash__(self) -> int:
        return hash(Map(self.items()))

    def __repr__(self) -> str:
        return f"Blocks({dict(self.items())!r})"

    def set(self, key: int, value: V) -> Blocks[V]:
        number, at = key >> BITS, key & LAST
        block = list(self.blocks.get(number, NOTHING))
        count = self.count + (block[at] is None)
        block[at] = nth(value, ORIGIN - key)
        return Blocks(self.blocks.set(number, tuple(block)), count)

    def fill_in_block(self, keys: range, value: V) -> Blocks[V]:
        """`fill` where all keys lie in one block."""
        number, at = keys.start >> BITS, keys.start & LAST
        upto = at + len(keys)
        block = list(self.blocks.get(number, NOTHING))
        count = self.count + absent(block[at:upto])
        block[at:upto] = [nth(value, ORIGIN - keys.start)] * (upto - at)
        return Blocks(self.blocks.set(number, tuple(block)), count)

    def delete(self, key: int) -> Blocks[V]:
        out = self.mutate()
        del out[key]
        return out.finish()

    def update(self, entries: Mapping[int, V] | Iterable[tuple[int, V]]) -> Blocks[V]:
        out = self.mutate()
        out.update(entries)
        return out.finish()

    def mutate(self) -> Mutation[V]:
        return Mutation(self)


class Mutation(Generic[V]):
    """`Blocks` while many keys change; `open` are the blocks that have, as lists."""

    __slots__ = ("blocks", "count", "open")

    def __init__(self, pages: Blocks[V]) -> None:
        self.blocks: MapMutation[int, Block[V]] = pages.blocks.mutate()
        self.count = pages.count
        self.open: dict[int, list[V | None]] = {}

    def seen(self, number: int) -> Sequence[V | None]:
        """The block to look at."""
        return self.open[number] if number in self.open else self.blocks.get(number, NOTHING)

    def block(self, number: int) -> list[V | None]:
        """The block to change."""
        found = self.open.get(number)
        if found is None:
            found = self.open[number] = list(self.blocks.get(number, NOTHING))
        return found

    @overload
    def get(self, key: int) -> V | None: ...
    @overload
    def get(self, key: int, default: V | T) -> V | T: ...
    def get(self, key: int, default: Any = None) -> Any:
        value = self.seen(key >> BITS)[key & LAST]
        return default if value is None else nth(value, key - ORIGIN)

    def __getitem__(self, key: int) -> V:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: Any) -> bool:
        return self.get(key) is not None

    def __setitem__(self, key: int, value: V) -> None:
        number, at = key >> BITS, key & LAST
        block = self.open.get(number)
        if block is None:
            block = self.block(number)
        if block[at] is None:
            self.count += 1
        block[at] = nth(value, ORIGIN - key)

    def __delitem__(self, key: int) -> None:
        self.pop(key)

    @overload
    def pop(self, key: int) -> V: ...
    @overload
    def pop(self, key: int, default: V | T) -> V | T: ...
    def pop(self, key: int, default: Any = NOTHING) -> Any:
        found = self.get(key)
        if found is None:
            if default is NOTHING:
                raise KeyError(key)
            return default
        self.block(key >> BITS)[key & LAST] = None
        self.count -= 1
        return found

    def update(self, entries: Mapping[int, V] | Iterable[tuple[int, V]]) -> None:
        for key, value in entries.items() if isinstance(entries, Mapping) else entries:
            self[key] = value

    def fill(self, keys: range, value: V | None) -> None:
        """`value` at the first of `keys` and what is alike at the others; None takes them out."""
        if not keys:
            return
        if value is not None:
            value = nth(value, ORIGIN - keys.start)
        start, stop = keys.start, keys.stop
        first, last = -(-start >> BITS), stop >> BITS
        if first > last:
            self.fill_part(first - 1, start & LAST, stop & LAST, value)
            return
        if start & LAST:
            self.fill_part(first - 1, start & LAST, SIZE, value)
        if first < last:
            self.fill_whole(range(first, last), value)
        if stop & LAST:
            self.fill_part(last, 0, stop & LAST, value)

    def fill_part(self, number: int, at: int, upto: int, value: V | None) -> None:
        block = self.block(number)
        self.count += absent(block[at:upto])
        block[at:upto] = [value] * (upto - at)
        if value is None:
            self.count -= upto - at

    def fill_whole(self, numbers: range, value: V | None) -> None:
        blocks, lists = self.blocks, self.open
        look = blocks.get
        before: Sequence[V | None] = NOTHING
        filled, count = 0, self.count
        whole = (value,) * SIZE
        for number in numbers:
            old: Sequence[V | None] = look(number, NOTHING)
            if lists and number in lists:
                old = lists.pop(number)
            if old is not before:
                before, filled = old, SIZE - absent(old)
            count -= filled
            if value is not None:
                blocks[number] = whole
            elif number in blocks:
                del blocks[number]
        self.count = count + (len(numbers) << BITS if value is not None else 0)

    def finish(self) -> Blocks[V]:
        for number, values in self.open.items():
            block = tuple(values)
            if block != NOTHING:
                self.blocks[number] = block
            elif number in self.blocks:
                del self.blocks[number]
        return Blocks(self.blocks.finish(), self.count)


def absent(places: Sequence[V | None]) -> int:
    """How many of them are empty."""
    first = places[0]
    if places.count(first) == len(places):
        # Mostly they are one and the same, which is seen at once.
        return len(places) if first is None else 0
    return sum([value is None for value in places])
