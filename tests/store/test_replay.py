"""A stored run and its replay are compared step by step."""

from __future__ import annotations

from app.store import ReplayDiffers, compare_replay

OUTCOMES = ["ok", "7", "SIGSEGV"]
STATES = [bytes([n] * 8) for n in range(4)]
OTHER = b"otherone"


def compare(outcomes: list[str], states: list[bytes]) -> ReplayDiffers | None:
    return compare_replay(
        stored_outcomes=OUTCOMES,
        stored_checksums=STATES,
        outcomes=outcomes,
        checksums=states,
    )


def test_the_same_is_no_difference() -> None:
    assert compare(OUTCOMES, STATES) is None


def test_the_first_outcome_that_differs_is_named() -> None:
    found = compare(["ok", "8", "SIGBUS"], STATES)
    assert found == ReplayDiffers(2, "outcome", "7", "8")
    assert str(found) == "step 2: the outcome was 7, now it is 8"


def test_the_first_state_that_differs_is_named() -> None:
    found = compare(OUTCOMES, [*STATES[:2], OTHER, OTHER])
    assert found == ReplayDiffers(2, "state", STATES[2].hex(), OTHER.hex())


def test_a_state_before_an_outcome_comes_first() -> None:
    found = compare(["ok", "7", "SIGBUS"], [STATES[0], OTHER, *STATES[2:]])
    assert found is not None
    assert (found.step, found.what) == (1, "state")


def test_the_outcome_of_a_step_is_told_before_its_state() -> None:
    found = compare(["ok", "8", "SIGSEGV"], [*STATES[:2], OTHER, STATES[3]])
    assert found is not None
    assert (found.step, found.what) == (2, "outcome")


def test_the_state_before_the_first_step_counts() -> None:
    found = compare(OUTCOMES, [OTHER, *STATES[1:]])
    assert found is not None
    assert (found.step, found.what) == (0, "state")


def test_a_replay_that_ends_early_differs_where_it_ends() -> None:
    found = compare(OUTCOMES[:2], STATES[:3])
    assert found == ReplayDiffers(3, "length", "3", "2")
    assert str(found) == "stored with 3 steps, played again it has 2"


def test_a_replay_that_goes_on_differs_where_the_stored_run_ends() -> None:
    found = compare([*OUTCOMES, "ok"], [*STATES, OTHER])
    assert found is not None
    assert (found.step, found.what) == (4, "length")
