"""Migration in micro-steps: entries that are waited for, kinds of entry, and refusals."""

from __future__ import annotations

import pytest

from app import policies
from app.engine.state import Migrating, Present
from app.scenario import parse
from app.trace import play

START = "A mmap buf 1\nA write buf 1\nkernel drain\n"


def entries(text: str, policy: str = "linux") -> set[str]:
    """The kinds of migration entry that a run ever holds."""
    run = play(parse(text), policy)
    return {
        pte.mode
        for played in run.steps
        for table in played.after.tables.values()
        for pte in table.values()
        if type(pte) is Migrating
    }


BLOCK = "par\n  kernel migrate A buf\n  A read buf\norder: 1 1 1 1 1 1 1 1 1\n"


@pytest.mark.parametrize(
    ("before", "mode"),
    [
        ("", "writable"),
        ("A mprotect buf r\n", "readable_exclusive"),
        ("A fork B\n", "readable"),
    ],
)
def test_the_entry_remembers_what_the_pte_could_do(before: str, mode: str) -> None:
    assert entries(START + before + BLOCK) == {mode}


@pytest.mark.parametrize("policy", policies.names())
def test_in_steps_and_at_once_it_comes_to_the_same(policy: str) -> None:
    whole = play(parse(START + "A fork B\nkernel migrate A buf\nA read buf\n"), policy)
    parts = play(parse(START + "A fork B\n" + BLOCK), policy)
    for mm in (0, 1):
        at, then = (run.steps[-1].after.tables[mm] for run in (whole, parts))
        assert [(p.write, p.exclusive) for p in at.values()] == [  # type: ignore[union-attr]
            (p.write, p.exclusive)  # type: ignore[union-attr]
            for p in then.values()
        ]


def test_who_touches_the_page_waits_and_loses_nothing() -> None:
    text = START + (
        "par\n  kernel migrate A buf\n  A write buf 7\norder: 1 1 1 1 1 1 2 2 1 1 1 2 2 2\n"
        "expect A buf is 7\nexpect A buf exclusive\nexpect copies 0\nexpect no violation\n"
    )
    assert play(parse(text), "linux").met


def test_the_entry_names_the_old_frame_until_it_is_a_pte_of_the_new_one() -> None:
    """try_to_migrate_one() makes it of the source page; remove_migration_ptes() puts the new in."""
    block = f"par\n  kernel migrate A buf\n  A read buf\norder: {'1 ' * 18}\n"
    run = play(parse(START + "A fork B\n" + block), "linux")
    machines = [played.after for played in run.steps]
    old = next(m for m in machines if m.flights).tables[0][0]
    assert type(old) is Present
    copied = next(m for m in machines if len(m.folios) > 1)
    entries = [table[0] for table in copied.tables.values()]
    assert [(type(pte), pte.pfn) for pte in entries] == [(Migrating, old.pfn)] * 2  # type: ignore[union-attr]
    source, target = (copied.folios[pfn] for pfn in sorted(copied.folios))
    assert [(f.refcount, f.mapcount, f.data) for f in (source, target)] == [(1, 0, source.data)] * 2
    last = machines[-1]
    assert {table[0].pfn for table in last.tables.values()} == set(last.folios) != {old.pfn}  # type: ignore[union-attr]


def test_who_swaps_the_page_in_meanwhile_waits_for_the_folio_lock() -> None:
    text = (
        "swap: file\n"
        + START
        + (
            "A fork B\nkernel swapout A buf\nkernel reclaim A buf\nA read buf\n"
            "par\n  kernel migrate A buf\n  B write buf 7\n"
            "order: 1 1 1 1 1 1 1 1 2 2 1 2 1 2 2 2 2 2 2 2\n"
            "expect A buf is 1\nexpect B buf is 7\nexpect no violation\n"
        )
    )
    run = play(parse(text), "linux")
    assert run.met
    waits = [e for p in run.steps for e in p.events if "holds the lock" in str(e.numbers)]
    assert waits


def test_a_reference_that_was_there_first_keeps_the_page() -> None:
    text = START + "A splice buf g\n" + BLOCK + "expect A buf exclusive\nexpect no violation\n"
    run = play(parse(text), "linux")
    assert run.met
    assert "NOTMOVED" in {played.outcome.error for played in run.steps}
