"""A backup is the whole store in one file: any kind of database gives it, any kind takes it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from app.settings import Settings
from app.store import (
    Run,
    StoreUnavailable,
    get_run,
    migrate,
    open_engine,
    open_session,
    save_run,
)
from app.store.backup import BadBackup, backup, restore


def save(engine: Engine, text: str, based_on: tuple[str, int] | None = None) -> Run:
    with open_session(engine) as session:
        return save_run(
            session=session, text=text, policy="linux", engine="1.0", title="naïve\0",
            outcomes=["ok", "v7"], checksums=[bytes([n] * 8) for n in range(3)],
            violations={"isolation": 2}, based_on=based_on,
        )  # fmt: skip


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    engine = open_engine(Settings(data_dir=tmp_path / "other"))
    yield engine
    engine.dispose()


def filled(engine: Engine) -> list[str]:
    """Runs of which each is based on the next: their order of creation is not that of the file."""
    first = save(engine, "A mmap buf 1\n")
    second = save(engine, "A mmap buf 2\n", (first.id, 1))
    third = save(engine, "A mmap buf 3\n", (second.id, 0))
    return [first.id, second.id, third.id]


def test_what_was_stored_is_there_again(engine: Engine, other: Engine, tmp_path: Path) -> None:
    ids = filled(engine)
    assert backup(engine, tmp_path / "all.gz") == 3
    assert restore(other, tmp_path / "all.gz") == 3
    for run_id in ids:
        with open_session(engine) as here, open_session(other) as there:
            before, after = (get_run(session=s, run_id=run_id) for s in (here, there))
            assert before is not None
            assert after is not None
            for column in inspect(Run).columns:
                assert getattr(after, column.key) == getattr(before, column.key)


def test_a_backup_of_sqlite_fills_a_database_of_either_kind(
    empty_store: Settings, other: Engine, tmp_path: Path
) -> None:
    migrate(other)
    ids = filled(other)
    backup(other, tmp_path / "all.gz")
    target = open_engine(empty_store)
    restore(target, tmp_path / "all.gz")
    with open_session(target) as session:
        assert all(get_run(session=session, run_id=run_id) for run_id in ids)
    target.dispose()


def test_a_store_with_runs_is_left_as_it_is(engine: Engine, tmp_path: Path) -> None:
    filled(engine)
    backup(engine, tmp_path / "all.gz")
    with pytest.raises(StoreUnavailable, match="not empty"):
        restore(engine, tmp_path / "all.gz")
    assert backup(engine, tmp_path / "again.gz") == 3


@pytest.mark.parametrize("left", ["half", "without its last line", "garbage", "other", "nothing"])
def test_a_file_that_is_no_whole_backup_leaves_nothing(
    engine: Engine, other: Engine, tmp_path: Path, left: str
) -> None:
    filled(engine)
    file = tmp_path / "all.gz"
    backup(engine, file)
    raw, text = file.read_bytes(), gzip.decompress(file.read_bytes())
    file.write_bytes(
        {
            "half": raw[: len(raw) // 2],
            "without its last line": gzip.compress(b"".join(text.splitlines(True)[:-1])),
            "garbage": b"\0garbage",
            "other": gzip.compress(b'{"format": "something/2"}\n'),
            "nothing": b"",
        }[left]
    )
    with pytest.raises(BadBackup):
        restore(other, file)
    with other.connect() as connection:
        assert inspect(connection).get_table_names() == []


def test_no_part_of_a_file_is_left_where_it_cannot_be_written(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match=r"all\.gz"):
        backup(engine, tmp_path / "missing" / "all.gz")
    (tmp_path / "kept.gz").mkdir()
    with pytest.raises(OSError, match=r"kept\.gz"):
        backup(engine, tmp_path / "kept.gz")
    assert not list(tmp_path.glob(".*.part"))
