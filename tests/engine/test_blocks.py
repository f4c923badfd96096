"""Maps that are kept in blocks answer as a plain map would, whatever was written to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map

from app.engine import stretches as maps
from app.engine.blocks import Blocks, nth
from app.engine.entries import Present, Swapped, Zero
from app.engine.folios import ZEROES, Folio, Slot
from app.engine.pages import Pages
from app.engine.stretches import drop, every_stretch, extent, fill, put_all, stretches

VALUES = (
    Zero(),
    Zero(),
    Present(70, True, True),
    Present(71, True, True),
    Swapped(5, False),
    Folio(ZEROES),
    Folio(ZEROES, slot=9),
    Slot(1, ZEROES),
    Slot(1, ZEROES, cache=3),
)
"""Equal ones that are two objects, and such as name the next thing at the next key."""

KEYS = st.integers(-40, 100)
RANGES = st.tuples(KEYS, st.integers(1, 90)).map(lambda pair: range(pair[0], sum(pair)))
WRITTEN = st.one_of(RANGES, KEYS.map(lambda key: range(key, key)))
CHANGES = st.one_of(
    st.tuples(st.just("set"), KEYS, st.sampled_from(VALUES)),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("fill"), WRITTEN, st.sampled_from(VALUES)),
    st.tuples(st.just("drop"), WRITTEN),
    st.tuples(st.just("update"), st.dictionaries(KEYS, st.sampled_from(VALUES), max_size=5)),
    st.tuples(st.just("mutate"), st.lists(KEYS, max_size=5), st.sampled_from(VALUES)),
)


def changed(pages: Pages[Any], model: dict[int, Any], change: tuple[Any, ...]) -> Pages[Any]:
    """What `change` makes of `pages`; `model` is changed along."""
    match change:
        case "set", key, value:
            model[key] = value
            return pages.set(key, value)
        case "delete", key:
            if model.pop(key, None) is None:
                with pytest.raises(KeyError):
                    pages.delete(key)
                return pages
            return pages.delete(key)
        case "fill", keys, value:
            model.update({key: nth(value, key - keys.start) for key in keys})
            return fill(pages, keys, value)
        case "drop", keys:
            for key in keys:
                model.pop(key, None)
            return drop(pages, keys)
        case "update", entries:
            model.update(entries)
            return pages.update(entries)
        case "mutate", keys, value:
            out = pages.mutate()
            for key in keys:
                assert out.get(key) == model.get(key)
                if key in out:
                    assert out.pop(key) == model.pop(key)
                else:
                    out[key] = model[key] = value
                assert (key in out) == (key in model)
            return out.finish()
    raise AssertionError(change)


def spread_out(parts: Any) -> list[tuple[int, Any]]:
    return [(first + by, nth(value, by)) for first, count, value in parts for by in range(count)]


@given(changes=st.lists(CHANGES, max_size=12), keys=RANGES, many=st.sampled_from((1, 8, 32)))
@settings(max_examples=300, deadline=None)
def test_blocks_answer_as_a_dict(changes: list[Any], keys: range, many: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "MANY", many)
        pages: Pages[Any] = Map()
        model: dict[int, Any] = {}
        for change in changes:
            before, kept = pages, dict(model)
            pages = changed(pages, model, change)
            assert dict(before.items()) == kept, "a map changed that somebody may hold"
    assert len(pages) == len(model)
    assert dict(pages.items()) == model
    assert sorted(pages) == sorted(model)
    assert all(pages.get(key) == model.get(key) for key in range(-50, 200))
    assert all((key in pages) == (key in model) for key in range(-50, 200))
    assert pages == Map(model)
    assert Map(model) == pages
    assert hash(pages) == hash(Map(model))
    assert spread_out(every_stretch(pages)) == sorted(model.items(), key=lambda item: item[0])
    part = [(key, model[key]) for key in keys if key in model]
    assert spread_out(stretches(pages, keys.start, len(keys))) == part
    alike = extent(pages, keys)
    first = model.get(keys.start)
    assert 1 <= alike <= len(keys)
    for by in range(alike):
        expected = None if first is None else nth(first, by)
        assert model.get(keys.start + by) == expected


def test_a_huge_page_is_one_stretch_and_one_block() -> None:
    """The point of it: 512 pages that are alike are written and read as one."""
    pages: Pages[Any] = fill(Map(), range(1024, 1536), Present(7, True, True))
    assert isinstance(pages, Blocks)
    assert list(stretches(pages, 1024, 512)) == [(1024, 512, Present(7, True, True))]
    assert len({id(block) for block in pages.blocks.values()}) == 1
    one_differs = pages.set(1030, Present(600, False, False))
    assert [(first, count) for first, count, _ in stretches(one_differs, 1024, 512)] == [
        (1024, 6), (1030, 1), (1031, 505),
    ]  # fmt: skip
    assert pages[1030] == Present(13, True, True)


def test_few_neighbours_stay_a_plain_map() -> None:
    """Machines of a few base pages do not pay for huge ones."""
    pages: Pages[Any] = put_all(Map(), [(0, 3, Zero()), (9, 1, Present(1, True, True))])
    assert isinstance(pages, Map)
    assert dict(pages.items()) == {0: Zero(), 1: Zero(), 2: Zero(), 9: Present(1, True, True)}
