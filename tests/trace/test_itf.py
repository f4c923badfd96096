"""Runs in the Informal Trace Format, as the reader of Apalache's author takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from itf_py import trace_from_json

from app.scenario import library, parse
from app.trace import play
from app.trace.itf import TYPES, itf_trace

Json = dict[str, Any]
LINK = "http://host/r/x/1"
LIBRARY = {shipped.slug: shipped.scenario for shipped in library()}


def read(text: str, policy: str = "linux") -> Any:
    run = play(parse(text), policy)
    return trace_from_json(json.loads(json.dumps(itf_trace(run, len(run), LINK))))


def shape(value: object) -> str:
    """The type of a value as `TYPES` writes it; of what is empty "?"."""
    match value:
        case bool():
            return "Bool"
        case str():
            return "Str"
        case {"#bigint": text}:
            assert str(int(text)) == text
            return "Int"
        case {"#tup": items}:
            return f"<<{', '.join(map(shape, items))}>>"
        case {"#set": items}:
            assert len({json.dumps(item) for item in items}) == len(items)
            return f"Set({one_of(map(shape, items))})"
        case {"#map": pairs}:
            assert len({json.dumps(key) for key, _ in pairs}) == len(pairs)
            keys, values = (one_of(shape(pair[at]) for pair in pairs) for at in (0, 1))
            return f"{keys} -> {values}"
        case list():
            return f"Seq({one_of(map(shape, value))})"
        case dict():
            assert not [key for key in value if key.startswith("#")]
            return f"{{ {', '.join(f'{key}: {shape(one)}' for key, one in value.items())} }}"
    raise AssertionError(f"{value!r} is no expression of the format")


def one_of(shapes: Any) -> str:
    """The one type that all have, what is empty aside."""
    found = set(shapes)
    whole = {text for text in found if "?" not in text}
    assert len(whole) <= 1, whole
    return whole.pop() if whole else min(found, default="?")


def fits(found: str, declared: str) -> bool:
    """A type with empty collections in it fits if the rest does."""
    if found == declared or (found == "? -> ?" and " -> " in declared):
        return True
    if "?" not in found:
        return False
    before, _, after = found.partition("?")
    return declared.startswith(before) and declared.endswith(after.rpartition("?")[2])


@pytest.mark.parametrize("slug", sorted(LIBRARY)[::4])
def test_every_value_has_the_declared_type(slug: str) -> None:
    scenario = LIBRARY[slug]
    run = play(scenario, scenario.policy or "linux")
    document = itf_trace(run, len(run), LINK)
    assert document["vars"] == list(TYPES)
    assert document["#meta"]["varTypes"] == TYPES
    for index, state in enumerate(document["states"]):
        assert state.pop("#meta") == {"index": index}
        assert list(state) == document["vars"]
        for name, value in state.items():
            assert fits(shape(value), TYPES[name]), (name, shape(value))
    assert len(trace_from_json(itf_trace(run, len(run), LINK)).states) == len(run) + 1


def test_what_a_reader_sees() -> None:
    trace = read("A mmap buf 2\nA write buf[0] 7\nA fork B\nA pin buf[0] p\nA read buf\n")
    first, *_, shared, pinned, last = trace.states
    assert (first.meta["index"], first.values["action"]) == (0, "")
    assert dict(first.values["pte"]) == {}
    assert shared.values["action"] == "A fork B"
    pte = shared.values["pte"]["A", "buf", 0]
    assert (pte.frame, pte.write) == ("f0", False)
    assert shared.values["pte"]["B", "buf", 0].frame == "f0"
    assert ("A", "buf", 1) not in shared.values["pte"]
    assert shared.values["vma"]["A", "buf", 1] == "rw"
    assert shared.values["page"]["f0"].mapcount == 2
    assert not shared.values["page"]["f0"].exclusive
    assert "anon" in shared.values["page"]["f0"].flags
    held = pinned.values["handle"]["p"]
    assert (held.owner, held.kind, list(held.frames)) == ("A", "pin", ["f1"])
    assert pinned.values["page"]["f1"].pincount == 1
    assert list(last.values["outcome"].values) == [7, 0]
    assert last.values["outcome"].error == ""
    assert trace.meta["source"] == LINK


def test_swap_entries_huge_pages_and_violations() -> None:
    text = "A mmap buf 1\nA write buf 3\nkernel drain\nkernel swapout A buf\nA fork B\n"
    state = read(text).states[-1].values
    entry = state["swap_pte"]["A", "buf", 0]
    assert (entry.slot, entry.exclusive) == ("s0", False)
    assert state["swap"]["s0"].count == 2
    assert state["swap"]["s0"].cached == ""
    huge = read("A mmap buf 512 thp\nA write buf 1\n").states[-1].values
    assert len(huge["pte"]) == 512
    assert huge["pte"]["A", "buf", 511].pmd
    assert huge["page"]["f511"].head == "f0"
    leak = read(LIBRARY["vmsplice-leak"].text, "mapcount")
    broken = [s.meta["index"] for s in leak.states if "isolation" in s.values["violations"]]
    assert broken == [7]


def test_a_migration_entry_and_a_marker() -> None:
    text = LIBRARY["race-migrate-fork"].text
    modes = [
        entry.mode
        for state in read(text).states
        for entry in state.values["migration_pte"].values()
    ]
    assert set(modes) == {"writable", "readable"}
    marked = read("A mmap buf 2\nA uffd_wp buf[1] on\n").states[-1].values
    assert marked["uffd_marker"] == frozenset({("A", "buf", 1)})


def test_up_to_a_step() -> None:
    run = play(LIBRARY["vmsplice-leak"], "linux")
    assert [s["#meta"]["index"] for s in itf_trace(run, 2, LINK)["states"]] == [0, 1, 2]
    assert itf_trace(run, 2, LINK)["states"] == itf_trace(run, len(run), LINK)["states"][:3]
