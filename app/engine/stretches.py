"""Neighbours that are alike, written to a map and read from it as one.

Whatever happens to 512 pages of a huge page happens here to a stretch of them: the first key, how
many there are, and the value at the first (`nth` is what stands at the others). A map becomes one
of blocks when many neighbours are written at once: machines of a few base pages never pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from immutables import Map

from .blocks import BITS, LAST, NOTHING, ORIGIN, SIZE, Block, Blocks, moves, nth
from .pages import Pages

V = TypeVar("V")

MANY = 32
"""Neighbours that make a map one of blocks when they are written at once."""

FEW = 4
"""Neighbours that are sooner looked at one by one than compared."""

EVERY_KEY = range(-(1 << 60), 1 << 60)

Stretch = tuple[int, int, V]
"""Neighbours that are alike: the first key, how many they are (one at least), the first value."""


def blocks_of(pages: Pages[V]) -> Blocks[V]:
    """`pages` in blocks."""
    if isinstance(pages, Blocks):
        return pages
    empty: Blocks[V] = Blocks(Map(), 0)
    return empty.update(pages.items()) if len(pages) else empty


def fill(pages: Pages[V], keys: range, value: V) -> Pages[V]:
    """`pages` with `value` at the first of `keys`, and what is alike (`nth`) at the others."""
    if not keys:
        return pages
    if isinstance(pages, Blocks) and len(keys) <= SIZE:
        edge = ((keys.start >> BITS) + 1) << BITS
        if edge < keys.stop:
            pages = pages.fill_in_block(range(edge, keys.stop), nth(value, edge - keys.start))
        return pages.fill_in_block(range(keys.start, min(edge, keys.stop)), value)
    return put_all(pages, [(keys.start, len(keys), value)])


def put_all(pages: Pages[V], stretches: list[Stretch[V]]) -> Pages[V]:
    """`fill` for each of `stretches`."""
    if len(stretches) == 1 and stretches[0][1] == 1:
        return pages.set(stretches[0][0], stretches[0][2])
    if isinstance(pages, Map):
        few: dict[int, V] = {}
        for first, count, value in stretches:
            few[first] = value
            if count > 1:
                if count >= MANY:
                    break
                few.update((first + by, nth(value, by)) for by in range(1, count))
        else:
            if len(few) < MANY:
                return pages.update(few) if few else pages
    out = blocks_of(pages).mutate()
    for first, count, value in stretches:
        if count == 1:
            out[first] = value
        else:
            out.fill(range(first, first + count), value)
    return out.finish()


def drop(pages: Pages[V], keys: range) -> Pages[V]:
    """`pages` without any of `keys`."""
    return drop_all(pages, [(keys.start, len(keys))])


def drop_all(pages: Pages[V], parts: list[tuple[int, int]]) -> Pages[V]:
    """`drop` for each of `parts`: first key, and how many."""
    if isinstance(pages, Blocks):
        changed = pages.mutate()
        for first, count in parts:
            changed.fill(range(first, first + count), None)
        return changed.finish()
    if len(parts) == 1 and parts[0][1] == 1:
        return pages.delete(parts[0][0]) if parts[0][0] in pages else pages
    out = pages.mutate()
    for first, count in parts:
        if count == 1:
            out.pop(first, None)
            continue
        keys = range(first, first + count)
        for key in keys if count <= len(pages) else [key for key in pages if key in keys]:
            out.pop(key, None)
    return out.finish()


def stretches(pages: Pages[V], first: int, count: int) -> Iterable[Stretch[V]]:
    """What is in `pages` of `count` keys from `first` on, in order: neighbours that are alike.

    Who reads on only as long as pages are alike does not pay for the others.
    """
    if count == 1:
        value = pages.get(first)
        return () if value is None else ((first, 1, value),)
    keys = range(first, first + count)
    if count <= FEW:
        return [(key, 1, value) for key in keys if (value := pages.get(key)) is not None]
    return over(pages, keys) if isinstance(pages, Blocks) else singles(pages, keys)


def every_stretch(pages: Pages[V]) -> list[Stretch[V]]:
    """`stretches` of all that there is."""
    if isinstance(pages, Blocks):
        return list(over(pages, EVERY_KEY))
    return [(key, 1, pages[key]) for key in sorted(pages)]


def over(pages: Blocks[V], keys: range) -> Iterator[Stretch[V]]:
    """`stretches` of blocks."""
    first = stop = keys.start
    last: V | None = None
    whole: Block[V] = NOTHING
    full = keys.stop - SIZE
    look = pages.blocks.get
    for number in numbers_over(pages, keys):
        block = look(number)
        base = number << BITS
        if block is whole and base == stop <= full:
            stop += SIZE
            continue
        if block is None:
            continue
        at, upto = max(keys.start - base, 0), min(keys.stop - base, SIZE)
        if base + at != stop and last is not None:
            yield first, stop - first, nth(last, first - ORIGIN)
            last = None
        if last is not None and block[at:upto] == (last,) * (upto - at):
            stop = base + upto
            whole = block
            continue
        whole = NOTHING
        for place in range(at, upto):
            value = block[place]
            if value is last or (value is not None and last is not None and value == last):
                continue
            key = base + place
            if last is not None:
                yield first, key - first, nth(last, first - ORIGIN)
            first, last = key, value
        stop = base + upto
    if last is not None:
        yield first, stop - first, nth(last, first - ORIGIN)


def numbers_over(pages: Blocks[V], keys: range) -> Iterable[int]:
    """The numbers of the blocks that `keys` lie in, in order; not all of them need be there."""
    first, last = keys.start >> BITS, (keys.stop - 1) >> BITS
    if last - first > len(pages.blocks):
        return sorted([number for number in pages.blocks if first <= number <= last])
    return range(first, last + 1)


def singles(pages: Pages[V], keys: range) -> Iterator[Stretch[V]]:
    """`stretches` of a map without blocks: neighbours that are the same value are alike."""
    some = keys if len(keys) <= len(pages) else sorted([key for key in pages if key in keys])
    first = stop = keys.start
    last: V | None = None
    for key in some:
        value = pages.get(key)
        if value is last and key == stop and not moves(value):
            stop += 1
            continue
        if last is not None:
            yield first, stop - first, last
        first, stop, last = key, key + 1, value
    if last is not None:
        yield first, stop - first, last


def extent(pages: Pages[V], keys: range) -> int:
    """How many of `keys`, from the first on, are alike: all in `pages` as one, or none in it."""
    if isinstance(pages, Blocks):
        return extent_of_blocks(pages, keys)
    first, stop = keys.start, keys.stop
    value = pages.get(first)
    if value is None and len(keys) > len(pages):
        return min([key for key in pages if first < key < stop], default=stop) - first
    key = first + 1
    while key < stop:
        after = pages.get(key)
        same = after is value and not moves(value)
        if not same and (after is None or value is None or after != nth(value, key - first)):
            break
        key += 1
    return key - first


def extent_of_blocks(pages: Blocks[V], keys: range) -> int:
    look = pages.blocks.get
    key, stop = keys.start, keys.stop
    number, at = key >> BITS, key & LAST
    block: Block[V] = look(number, NOTHING)
    value = block[at]
    whole = (value,) * SIZE
    key -= at
    while True:
        if block is not whole:
            upto = min(SIZE, stop - key)
            if block[at:upto] != whole[at:upto]:
                while block[at] is value or block[at] == value:
                    at += 1
                return key + at - keys.start
            if upto - at == SIZE:
                whole = block
        key += SIZE
        if key >= stop:
            return stop - keys.start
        number, at = number + 1, 0
        block = look(number, NOTHING)
