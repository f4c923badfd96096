"""Bytes on disk of a stored step, over the whole library under the default policy; limit 200.

Run: python benchmarks/storage.py. Exit status 1 when SQLite needs more than the limit. What an
empty store takes is not counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from app.scenario import library
from app.service import RunService
from app.settings import Settings
from app.store import migrate, open_engine

LIMIT = 200
COLUMNS = ("text", "outcomes", "checksums", "digest", "title", "id", "policy", "violations")


async def fill(settings: Settings, engine: Engine) -> tuple[int, int]:
    """Store the library as the server would: runs and steps."""
    runs = RunService(engine, settings)
    made = [await runs.create(shipped.scenario.text) for shipped in library()]
    runs.close()
    return len(made), sum(run.last for run in made)


def columns(engine: Engine, steps: int) -> str:
    """Bytes a step of each column's values, without what a database adds to them."""
    with engine.connect() as connection:
        sums = {
            name: connection.scalar(text(f"SELECT sum(length({name})) FROM run"))
            for name in COLUMNS
        }
    return ", ".join(f"{name} {int(size or 0) / steps:.1f}" for name, size in sums.items())


def sqlite_size(engine: Engine) -> int:
    """The file as it lies on disk when the last server has closed it."""
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM")
    engine.dispose()
    file = Path(str(engine.url.database))
    return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


def postgresql_size(engine: Engine) -> int:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL run"))
        return int(connection.scalar(text("SELECT pg_total_relation_size('run')")) or 0)


def measure(settings: Settings, size: Callable[[Engine], int], name: str) -> float:
    engine = open_engine(settings)
    migrate(engine)
    empty = size(engine)
    runs, steps = asyncio.run(fill(settings, engine))
    full = size(engine)
    a_step = (full - empty) / steps
    print(
        f"{name:<10} {runs} runs, {steps} steps: {full - empty:,} bytes beyond an empty store's "
        f"{empty:,}: {a_step:.1f} bytes a step"
    )
    print(f"{'':<10} of these: {columns(engine, steps)}")
    engine.dispose()
    return a_step


@contextmanager
def postgresql(folder: str) -> Iterator[str]:
    """The address of a PostgreSQL of its own, "" where none can be started."""
    try:
        import pgserver

        server = pgserver.get_server(folder)
    except Exception as error:  # whatever keeps one from starting on this machine
        print(f"PostgreSQL does not start here: {error}")
        yield ""
        return
    yield server.get_uri()
    server.cleanup()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        a_step = measure(Settings(data_dir=Path(folder)), sqlite_size, "SQLite")
        with postgresql(f"{folder}/postgresql") as url:
            if url:
                measure(Settings(database_url=url), postgresql_size, "PostgreSQL")
    print(f"limit      {LIMIT} bytes a step on SQLite: {'kept' if a_step <= LIMIT else 'BROKEN'}")
    return int(a_step > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
