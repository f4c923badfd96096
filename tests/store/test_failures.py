"""A store that cannot write says why, and nothing that was acknowledged is ever lost."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from app.settings import DATABASE_FILE, Settings
from app.store import (
    Run,
    StoreUnavailable,
    check_migrated,
    migrate,
    open_engine,
    open_session,
    save_run,
)

WRITER = """
import sys
from pathlib import Path
from app.settings import Settings
from app.store import migrate, open_engine, open_session
from tests.store.test_failures import save

engine = open_engine(Settings(data_dir=Path(sys.argv[1])))
migrate(engine)
for number in range(100_000):
    print(save(engine, f"# {number}").id, flush=True)
"""


def save(engine: Engine, text: str = "A mmap buf 1\n") -> Run:
    with open_session(engine) as session:
        return save_run(
            session=session,
            text=text,
            policy="linux",
            engine="1.0",
            title="",
            outcomes=["ok"],
            checksums=[bytes(8)] * 2,
            violations={},
        )


@pytest.mark.parametrize("acknowledged", [1, 60, 301])
def test_kill_loses_nothing_that_was_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    told = [writer.stdout.readline().strip() for _ in range(acknowledged)]
    writer.send_signal(signal.SIGKILL)
    told += [line.strip() for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    writer.wait()

    engine = open_engine(Settings(data_dir=tmp_path))
    check_migrated(engine)
    with open_session(engine) as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        stored = session.scalars(select(Run)).all()
        assert set(told) <= {run.id for run in stored}
        assert all(run.outcomes == ["ok"] and run.text.startswith("#") for run in stored)
    assert save(engine).id
    engine.dispose()


def test_a_locked_database_is_told_and_served_again_later(settings: Settings) -> None:
    engine = open_engine(settings)
    migrate(engine)
    known = save(engine)
    with sqlite3.connect(settings.data_dir / DATABASE_FILE) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another process") as caught:
            save(engine, "A mmap other 1\n")
        assert caught.value.retry_after
        assert save(engine).id == known.id, "a run that is there needs no lock"
    other.close()
    assert save(engine, "A mmap other 1\n").id != known.id
    engine.dispose()


def test_a_locked_table_of_postgresql_is_told(postgresql_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgresql_url, database_timeout=0.2)
    engine = open_engine(settings)
    migrate(engine)
    with engine.begin() as other:
        other.execute(text("LOCK TABLE run IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            save(engine, "A mmap locked 1\n")
    assert save(engine, "A mmap locked 1\n").id
    engine.dispose()


def test_a_read_only_postgresql_is_told(postgresql_url: str, tmp_path: Path) -> None:
    engine = open_engine(Settings(data_dir=tmp_path, database_url=postgresql_url))
    migrate(engine)
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
        connection.commit()
    with pytest.raises(StoreUnavailable, match="read-only"):
        save(engine, "A mmap readonly 1\n")
    engine.dispose()


def test_a_read_only_database_serves_what_it_has(settings: Settings) -> None:
    engine = open_engine(settings)
    migrate(engine)
    known = save(engine)
    engine.dispose()
    file = settings.data_dir / DATABASE_FILE
    read_only = Settings(
        data_dir=settings.data_dir, database_url=f"sqlite:///file:{file}?mode=ro&uri=true"
    )
    engine = open_engine(read_only)
    migrate(engine)
    check_migrated(engine)
    assert save(engine).id == known.id
    with pytest.raises(StoreUnavailable, match="read-only"):
        save(engine, "A mmap other 1\n")
    engine.dispose()


def test_a_read_only_database_without_tables_is_told(settings: Settings) -> None:
    file = settings.data_dir / DATABASE_FILE
    sqlite3.connect(file).execute("CREATE TABLE other (a)").connection.close()
    url = f"sqlite:///file:{file}?mode=ro&uri=true"
    engine = open_engine(Settings(data_dir=settings.data_dir, database_url=url))
    with pytest.raises(StoreUnavailable, match="read-only"):
        migrate(engine)
    engine.dispose()


def test_a_file_that_is_no_database_is_told(settings: Settings) -> None:
    (settings.data_dir / DATABASE_FILE).write_text("This is not a database. " * 500)
    engine = open_engine(settings)
    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        migrate(engine)
    engine.dispose()


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="COWSCOPE_DATA_DIR"):
        open_engine(Settings(data_dir=tmp_path / "file" / "data"))


def test_a_database_that_vanished_is_told(settings: Settings) -> None:
    engine = open_engine(settings)
    migrate(engine)
    engine.dispose()
    shutil.rmtree(settings.data_dir)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        save(engine)
    engine.dispose()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    engine = open_engine(Settings(data_dir=tmp_path, database_url=url))
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        check_migrated(engine)
    assert caught.value.retry_after
