"""What holds for every program: the ledger, the counts, purity, and what `linux` promises."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import policies
from app.engine import step
from app.engine.state import GUP_PIN_COUNTING_BIAS, Machine, Pmd, Present, Swapped, ptes_of
from app.scenario import parse
from app.trace import play
from app.trace.state import state
from tests.strategies import programs

NAMES = [*policies.names(), "refcount@5.9", "refcount@5.11", "linux@5.19"]


def entries(machine: Machine) -> tuple[dict[int, list[tuple[int, int]]], dict[int, int]]:
    """Present entries by frame and swap entries by slot, read off the page tables."""
    mapped: dict[int, list[tuple[int, int]]] = {}
    swapped: dict[int, int] = {}
    for mm, table in machine.tables.items():
        for vpn, pte in table.items():
            if type(pte) is Present:
                mapped.setdefault(pte.pfn, []).append((mm, vpn))
            elif type(pte) is Pmd:
                mapped.setdefault(~pte.pfn, []).append((mm, ~vpn))
            elif type(pte) is Swapped:
                swapped[pte.slot] = swapped.get(pte.slot, 0) + 1
    return mapped, swapped


def check_machine(machine: Machine) -> None:
    mapped, swapped = entries(machine)
    named = {pfn if pfn >= 0 else ~pfn for pfn in mapped}
    assert named <= set(machine.folios), "a page table names a freed frame"
    for head, value in machine.compounds.items():
        pages = [machine.folios[pfn] for pfn in range(head, head + value.pages)]
        assert all(page.head == head for page in pages), "a large folio lacks a page"
        assert sorted(value.maps) == sorted(mapped.get(~head, [])), "PMDs are not the entries"
        assert value.ptes == sum(len(page.maps) for page in pages), "large_mapcount is wrong"
        assert value.refcount > 0, "a large folio without references is alive"
        by_mm = Counter(mm for page in pages for mm, _ in page.maps)
        by_mm.update(mm for mm, _ in value.maps)
        # Less where a process had mapped it before a slot was free: only what came since is in it.
        assert all(by_mm[mm] >= count for mm, count in value.owners), "an owner slot is wrong"
        if len(by_mm) > 1:
            assert value.shared, "two mms map it and the owner tracking does not say so"
    for pfn, folio in machine.folios.items():
        assert sorted(ptes_of(folio, pfn)) == sorted(mapped.get(pfn, [])), "mapcount is not entries"
        if folio.head >= 0:
            assert folio.head in machine.compounds, "a page of no large folio"
            continue
        assert folio.refcount > 0, "a frame without references is alive"
        if folio.slot >= 0:
            assert machine.slots[folio.slot].cache == pfn, "the swap cache does not know its folio"
        in_batches = [e for batch in machine.lru for e in batch if e == pfn]
        assert len(in_batches) == (folio.batch >= 0), "the LRU batch and the folio disagree"
    for slot, entry in machine.slots.items():
        assert entry.count == swapped.get(slot, 0), "a slot's count is not its entries"
        assert entry.count or entry.cache >= 0, "a slot that nobody names is alive"
    held = [pfn for h in machine.handles.values() for _, pfn in h.pages if pfn >= 0]
    assert (
        sorted(held)
        == sorted(pfn for pfn, folio in machine.folios.items() for _ in (*folio.gets, *folio.pins))
        + sorted(pfn for pfn in held if machine.folios[pfn].head >= 0)
        or machine.compounds
    ), "handles and references disagree"
    for head, value in machine.compounds.items():
        ours = [pfn for pfn in held if machine.folios[pfn].head == head]
        assert len(ours) == len(value.gets) + len(value.pins), "handles and references disagree"


def check_ledger(machine: Machine) -> None:
    for frame in state(machine)["frames"].values():
        if "ledger" in frame:
            assert sum(item["count"] for item in frame["ledger"]) == frame["refcount"]
            pins = sum(i["count"] for i in frame["ledger"] if i["kind"] == "pin")
            assert pins == frame["pincount"] * (1 if frame["order"] else GUP_PIN_COUNTING_BIAS)


@given(programs(), st.sampled_from(NAMES))
@settings(max_examples=150, deadline=None)
def test_every_reference_is_explained_after_every_step(text: str, policy: str) -> None:
    for played in play(parse(text), policy, explain=False).steps:
        check_machine(played.after)
        check_ledger(played.after)


@given(programs())
@settings(max_examples=200, deadline=None)
def test_linux_breaks_nothing_but_its_known_limits(text: str) -> None:
    """R7 (GET is no protection against fork) and spurious copies; everything else holds."""
    run = play(parse(text), "linux", explain=False)
    writing = {
        h for p in run.steps for h, v in p.after.handles.items() if v.kind == "get" and v.write
    }
    for played in run.steps:
        for violation in played.violations:
            known = violation.kind == "spurious-copy" or (
                violation.kind == "isolation"
                and ((violation.predicate == "I3" and writing) or "hugetlb" in text)
            )
            assert known, violation


@given(programs(steps=15), st.sampled_from(NAMES))
@settings(max_examples=60, deadline=None)
def test_a_step_is_pure_and_explaining_changes_nothing(text: str, policy_name: str) -> None:
    scenario = parse(text)
    quiet = play(scenario, policy_name, explain=False)
    told = play(scenario, policy_name, explain=True)
    assert quiet.checksums() == told.checksums()
    assert [p.after for p in quiet.steps] == [p.after for p in told.steps]
    policy = policies.get(policy_name)
    for number, source in enumerate(scenario.steps):
        before = told.steps[number].after
        assert step(before, source.op, policy).after == told.steps[number + 1].after


@pytest.mark.parametrize(
    ("policy", "kind", "text"),
    [
        ("linux:-fork-clears", "isolation", "A fork B\nA write buf 2"),
        ("linux:-fork-protects", "isolation", "A fork B\nA write buf 2"),
        ("linux:-swapout-clears", "invariant", "kernel swapout A buf\nA fork B"),
        ("linux:-fork-clears-swap", "isolation",
         "A splice buf g\nkernel swapout A buf\nA fork B\nA read buf\nB read buf\nA write buf 2"),
        ("linux:-unshare", "coherence", "A fork B\nA pin buf p ro\nA write buf 2"),
        ("linux:-fork-copies-pinned", "coherence", "A pin buf p\nA fork B\nA write buf 2"),
        ("linux:-swap-exclusive", "coherence",
         "A get buf g rw\nkernel swapout A buf\nA read buf\nA write buf 2"),
        ("linux:-reclaim-refuses-pinned:-swap-exclusive", "coherence",
         "A pin buf p\nkernel swapout A buf\nA read buf\nA write buf 2"),
    ],
)  # fmt: skip
def test_a_broken_policy_is_found_out(policy: str, kind: str, text: str) -> None:
    base = "swap: file\nA mmap buf 1\nA write buf 1\nkernel drain\n"
    verdicts = play(parse(base + text), policy).verdicts
    assert verdicts[kind] is not None, verdicts
    assert play(parse(base + text), "linux").verdicts[kind] is None


START = "A mmap buf 1\nA write buf 1\n"


def test_a_leaked_store_is_told_once() -> None:
    """Forks and copies of what should not have been seen are the same violation."""
    text = START + "A get buf g rw\nA fork B\ng write 0\nB fork C\nC vm_read B buf\n"
    told = [v.predicate for p in play(parse(text), "linux").steps for v in p.violations]
    assert told == ["I3"]
