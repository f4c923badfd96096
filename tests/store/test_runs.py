"""Runs go in once, come out whole, and are named by their content."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError

from app.store import Run, get_run, open_session, run_digest, save_run
from app.store.ids import ALPHABET, LENGTH, names

TEXT = "title: naïve\nA mmap buf 1\nA write buf[0] 7\n"
OUTCOMES = ["ok", "ok 7"]
CHECKSUMS = [bytes([n] * 8) for n in range(3)]


def save(engine: Engine, text: str = TEXT, based_on: tuple[str, int] | None = None) -> Run:
    with open_session(engine) as session:
        return save_run(
            session=session,
            text=text,
            policy="linux",
            engine="1.0",
            title="naïve",
            outcomes=OUTCOMES,
            checksums=CHECKSUMS,
            violations={"isolation": 2},
            based_on=based_on,
        )


def load(engine: Engine, run_id: str) -> Run | None:
    with open_session(engine) as session:
        return get_run(session=session, run_id=run_id)


def count(engine: Engine) -> int:
    with open_session(engine) as session:
        return session.scalar(select(func.count()).select_from(Run)) or 0


def test_a_run_comes_out_as_it_went_in(engine: Engine) -> None:
    run = load(engine, save(engine).id)
    assert run is not None
    assert (run.text, run.policy, run.engine, run.title) == (TEXT, "linux", "1.0", "naïve")
    assert (run.outcomes, run.checksums, run.steps) == (OUTCOMES, CHECKSUMS, 2)
    assert run.violations == {"isolation": 2}
    assert run.digest == run_digest(text=TEXT, policy="linux", engine="1.0")
    assert datetime.now(UTC) - run.created < timedelta(minutes=5)
    assert run.based_on_run is None


def test_the_name_is_short_and_made_of_the_content(engine: Engine) -> None:
    first, other = save(engine), save(engine, TEXT + "A read buf\n")
    assert len(first.id) == LENGTH
    assert set(first.id) <= set(ALPHABET)
    assert first.id != other.id


def test_each_part_of_the_content_makes_another_run() -> None:
    digests = {
        run_digest(text=text, policy=policy, engine=engine)
        for text, policy, engine in [
            ("A", "linux", "1.0"),
            ("B", "linux", "1.0"),
            ("A", "refcount", "1.0"),
            ("A", "linux", "1.1"),
            ("Al", "inux", "1.0"),
        ]
    }
    assert len(digests) == 5


def test_the_name_of_a_content_never_changes() -> None:
    """Links in the world depend on it."""
    digest = run_digest(text="A mmap buf 1\n", policy="linux", engine="0.1.0")
    assert digest.hex() == ("446bd82fa9cef076f091a66374a51bce5df23d5760d30d1ccd3c4ab4560b76ed")
    assert next(names(digest)) == "3fard4fh47"


def test_saving_twice_gives_the_same_run(engine: Engine) -> None:
    first, second = save(engine), save(engine)
    assert first.id == second.id
    assert first.created == second.created
    assert count(engine) == 1


def test_saving_at_once_from_several_threads_gives_one_run(engine: Engine) -> None:
    texts = [f"# {n % 3}\n{TEXT}" for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        ids = {run.id for run in pool.map(lambda text: save(engine, text), texts)}
    assert len(ids) == count(engine) == 3


def test_another_content_of_the_same_name_gets_a_longer_one(engine: Engine) -> None:
    first = save(engine)
    with open_session(engine) as session:
        session.execute(update(Run).values(digest=b"another content".ljust(32)))
    second = save(engine)
    assert len(second.id) == LENGTH + 1
    assert second.id != first.id
    assert save(engine).id == second.id


def test_a_run_knows_what_it_was_based_on(engine: Engine) -> None:
    first = save(engine)
    second = save(engine, TEXT + "A read buf\n", based_on=(first.id, 1))
    assert (second.based_on_run, second.based_on_step) == (first.id, 1)


def test_a_run_cannot_be_based_on_one_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(IntegrityError):
        save(engine, based_on=("0123456789", 1))
    assert count(engine) == 0


@pytest.mark.parametrize(
    "run_id", ["", "0000000000", "\0", "é" * 10, "0" * 5000, "' OR 1=1 --", "\udc80"]
)
def test_a_name_that_is_not_there_finds_nothing(engine: Engine, run_id: str) -> None:
    assert load(engine, run_id) is None


def test_a_checksum_of_the_wrong_size_is_refused(engine: Engine) -> None:
    with open_session(engine) as session, pytest.raises(Exception, match="has 8 bytes"):
        save_run(
            session=session,
            text="",
            policy="linux",
            engine="1.0",
            title="",
            outcomes=[],
            checksums=[b"short"],
            violations={},
        )


def test_a_title_with_a_nul_is_stored(engine: Engine) -> None:
    with open_session(engine) as session:
        run = save_run(
            session=session,
            text="\0",
            policy="linux",
            engine="1.0",
            title="a\0b",
            outcomes=[],
            checksums=[],
            violations={},
        )
    stored = load(engine, run.id)
    assert stored is not None
    assert (stored.text, stored.title) == ("\0", "a�b")
