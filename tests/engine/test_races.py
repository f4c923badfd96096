"""Q1 to Q14 of `semantics.md` section 5: the right order is safe, the broken one is found out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine import operations as ops
from app.scenario import library, parse
from app.trace import play

RACES = (
    ("race-gup-fork", "linux:-gup-seq", "coherence"),
    ("race-fork-asks-first", "linux:-fork-seq-first", "coherence"),
    ("race-gup-swapout", "linux:-unmap-checks-pinned", "invariant"),
    ("race-aba", "linux:-unmap-clears-first", "invariant"),
    ("race-grab-first", "linux:-gup-grabs-first", "invariant"),
    ("race-two-writers", "linux:-copy-flushes-first", "isolation"),
    ("race-reuse-getter", "mapcount", "isolation"),
    ("race-fork-tlb", "linux:-fork-flushes", "isolation"),
    ("race-uffd-tlb", "refcount:-fault-flushes", "isolation"),
    ("race-collapse", "linux:-gup-rechecks-pmd", "coherence"),
    ("race-split-pmd", "linux:-split-distributes", "invariant"),
    ("race-swapin-fork", "linux:-swapin-asks-locked", "invariant"),
    ("race-zap", "linux:-zap-flushes-first", "use-after-free"),
    ("race-reclaim-freeze", "linux:-reclaim-freezes", "use-after-free"),
)
"""Slug, the policy with the order broken, and the violation that must follow."""

ALLOWED = {"spurious-copy"}
"""A copy that a race costs is legal (Q6, Q9, Q13)."""

LINES = (
    "A pin buf[0] p fast",
    "A pin buf[1] q ro fast",
    "A get buf g fast",
    "A fork C",
    "A write buf 7",
    "A read buf",
    "B write buf 9",
    "B splice buf[1] h",
    "B exit",
    "A madvise buf[0] dontneed",
    "A munmap buf[1]",
    "kernel swapout A buf",
    "kernel reclaim A buf",
    "kernel migrate A buf",
    "kernel ksm",
    "A uffd_wp buf on",
    "A mprotect buf r",
    "kernel drain",
)
STARTS = (
    "",
    "A fork B\nB exit\n",
    "kernel swapout A buf\n",
    "A madvise buf mergeable\n",
    "A mprotect buf r\n",
    "kernel reclaim A buf\nA read buf[0]\n",
)


def scenario(slug: str) -> str:
    return next(s.scenario.text for s in library() if s.slug == slug)


@pytest.mark.parametrize(("slug", "broken", "kind"), RACES, ids=[r[0] for r in RACES])
def test_right_order_is_safe_and_the_broken_one_is_not(slug: str, broken: str, kind: str) -> None:
    text = scenario(slug)
    right = "refcount" if broken.startswith("refcount") else "linux"
    run = play(parse(text), right)
    assert run.met
    assert {k for k, at in run.verdicts.items() if at is not None} <= ALLOWED
    assert play(parse(text), broken).verdicts[kind] is not None


@pytest.mark.parametrize("slug", [r[0] for r in RACES])
def test_every_policy_plays_as_many_steps(slug: str) -> None:
    steps = parse(scenario(slug)).steps
    assert sum(type(s.op) is ops.Join for s in steps) == 1
    assert sum(type(s.op) is ops.Micro and bool(s.op.lines) for s in steps) == 1


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from(STARTS),
    lines=st.lists(st.sampled_from(LINES), min_size=2, max_size=4, unique=True),
    order=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    swap=st.sampled_from(("zram", "file")),
    policy=st.sampled_from(("linux", "refcount", "mapcount", "exclusive-pte")),
)
def test_any_schedule_ends_without_a_broken_invariant(
    start: str, lines: list[str], order: list[int], swap: str, policy: str
) -> None:
    family = "" if "B exit" in start else "A fork B\n"
    lines = [line for line in lines if family or not line.startswith("B")] or ["A read buf"]
    lines.sort(key=lambda line: line == "B exit")
    words = " ".join(str(1 + word % len(lines)) for word in order)
    block = "par\n" + "".join(f"  {line}\n" for line in lines) + f"order: {words}\n"
    text = f"swap: {swap}\nA mmap buf 2\nA write buf 1\nkernel drain\n{family}{start}{block}"
    run = play(parse(text), policy)
    end = run.steps[-1].after
    assert end.flights == ()
    assert all(folio.holds == 0 for folio in end.folios.values())
    if policy == "linux":
        assert run.verdicts["invariant"] is None, text
        assert run.verdicts["use-after-free"] is None, text
        assert run.verdicts["isolation"] is None, text


@pytest.mark.parametrize(
    ("start", "lines", "order"),
    [
        # The store is before the page is copied for the child, and after the fork began.
        ("B exit", "A fork C|A write buf[0] 7|A pin buf[0] p fast", "2 3 3 2 1 2 2 3 1 3 2 3 2"),
        # The page is unmapped when the fork ends, and the child shares what was stored meanwhile.
        ("A pin buf[0] h\nB exit", "kernel reclaim A buf|A write buf[1] 8|A fork C",
         "2 1 3 3 2 1 2 2 3 3 2 3 3 3 3 1 1 2 3 1 3 2 2 3 3 1 1 3 3 3 1 2 2 1 2 2 3 3 3 2"),
        # The copy is mapped, and the old page is still counted as mapped there.
        ("kernel drain", "A fork C|B write buf[0] 9|B write buf[0] 9",
         "1 3 1 3 1 2 2 3 3 3 3 2 2 3 1 1 3 2 2 1 1 3 3 1 2 2 3 1 1 2 1 2 3 3 2 3 1 3 3 2"),
        # One folio, isolated by one of two.
        ("B exit", "kernel swapout A buf|kernel swapout A buf|A fork C",
         "2 1 3 1 1 1 3 1 2 1 3 2 3 1 3 2 3 3 2 1 2 1 2 3 1 1 1 2 1 1 3 2 3 3 1 2 2 1 2 3"),
    ],
    ids=["store-then-copy", "store-then-unmap", "copied-and-counted", "isolated-once"],
)  # fmt: skip
def test_a_concurrent_store_or_reclaim_breaks_nothing(start: str, lines: str, order: str) -> None:
    block = "".join(f"  {line}\n" for line in lines.split("|"))
    text = (
        f"swap: file\nA mmap buf 2\nA write buf 1\nA fork B\n{start}\npar\n{block}order: {order}\n"
    )
    run = play(parse(text), "linux")
    assert {kind for kind, at in run.verdicts.items() if at is not None} <= ALLOWED


@pytest.mark.parametrize("steps", range(1, 16))
def test_zap_leaves_alone_what_others_have_locked(steps: int) -> None:
    """A page that migrated while the zap began is mapped again, and locked, before it ends."""
    text = (
        "A mmap buf 2\nA write buf 1\nA fork B\n"
        "par\n  kernel migrate A buf[0]\n  A madvise buf dontneed\n  A write buf[0] 5\n"
        f"order: 1 1 2 {'1 ' * 14} {'3 ' * steps} 2 2 2 2\n"
    )
    run = play(parse(text), "linux")
    assert {kind for kind, at in run.verdicts.items() if at is not None} <= ALLOWED


@pytest.mark.parametrize("steps", range(1, 10))
def test_exit_waits_for_who_has_one_of_its_ptes_locked(steps: int) -> None:
    text = (
        "A mmap buf 2\nA write buf 1\nA fork B\npar\n  kernel migrate A buf[0]\n  B exit\n"
        f"order: {'1 ' * steps} 2 2 2 2 2\nexpect no violation\nexpect A buf is 1\n"
    )
    assert play(parse(text), "linux").met


def test_lines_that_wait_run_when_they_can() -> None:
    text = (
        "A mmap buf 1\nA write buf 1\npar\n  A fork B\n  A munmap buf\norder: 1 2 2 2 1\n"
        "expect A buf[0] none\nexpect B buf[0] is 1\n"
    )
    assert play(parse(text), "linux").met
