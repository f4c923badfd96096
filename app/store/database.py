"""Opening and migrating the database, and saying in plain words why it does not answer."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from app.resources import resource
from app.settings import Settings

MIGRATION_LOCK = 0x636F7773636F7065
RETRY_SECONDS = 2
LOCK_PAUSE = 0.02
READ_ONLY_TRANSACTION = "25006"
LOCK_NOT_AVAILABLE = "55P03"


class StoreUnavailable(Exception):
    """The store cannot do it now. `reason` is for people; `retry_after` is in seconds or None."""

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


def open_engine(settings: Settings) -> Engine:
    """Return the engine of the store. Opens no connection yet.

    SQLite runs in WAL mode with synchronous=NORMAL: a commit that returned is in the operating
    system's hands, so killing the process loses nothing that was acknowledged; a power failure
    may lose the last commits, but never half of one.
    """
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        make_parent(url.database)
        engine = create_engine(url, connect_args={"timeout": settings.database_timeout})
        event.listen(engine, "connect", set_pragmas)
        return engine
    seconds = settings.database_timeout
    options = f"-c lock_timeout={int(seconds * 1000)}"
    arguments = {"connect_timeout": max(2, math.ceil(seconds)), "options": options}
    return create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_timeout=seconds)


def make_parent(database: str | None) -> None:
    if not database or database == ":memory:" or database.startswith("file:"):
        return
    parent = Path(database).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot make the data directory {parent}: {error.strerror}. "
            "Set COWSCOPE_DATA_DIR to a directory that this user may write."
        ) from error


def set_pragmas(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # The journal mode is not among them: it is kept in the file, and set when it is migrated.
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    # What is deleted is overwritten, not only forgotten.
    connection.execute("PRAGMA secure_delete = ON")


@contextmanager
def open_session(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises.

    Raises StoreUnavailable for a database that is locked, read-only, full or out of reach.
    """
    with translated_errors(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def translated_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise explained(error) from error


def explained(error: SQLAlchemyError) -> StoreUnavailable:
    """The error in words that say what to do."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    said = str(origin).strip()
    state = getattr(origin, "sqlstate", None)
    if state == LOCK_NOT_AVAILABLE or "locked" in said or "busy" in said:
        return StoreUnavailable("The database is locked by another process.", RETRY_SECONDS)
    if state == READ_ONLY_TRANSACTION or "readonly" in said or "read-only" in said:
        return StoreUnavailable("The database is read-only: nothing new can be stored.")
    if "disk is full" in said:
        return StoreUnavailable("The disk is full: nothing new can be stored.")
    if "no such table" in said or state == "42P01":
        return StoreUnavailable("The database is not migrated: run `cowscope serve` once.")
    if "unable to open" in said:
        return StoreUnavailable("The database file cannot be opened.")
    if "not a database" in said or "malformed" in said:
        return StoreUnavailable("The database file is damaged, or is no SQLite database.")
    return StoreUnavailable("The database does not answer.", RETRY_SECONDS)


def alembic_config(connection: Connection | None = None) -> Config:
    """Where the migrations are, and the connection that they shall run on."""
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head_revision() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def check_migrated(engine: Engine) -> None:
    """Raise StoreUnavailable unless the store answers and has this version's tables."""
    with translated_errors(), engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != head_revision():
        raise StoreUnavailable(
            f"The database is at revision {current or 'none'}, this version needs "
            f"{head_revision()}: run `cowscope serve` of this version once."
        )


def migrate(engine: Engine) -> None:
    """Bring the store to this version's tables, in one transaction; nothing when it is there.

    Servers that start together wait for each other. Raises StoreUnavailable.
    """
    try:
        check_migrated(engine)
    except StoreUnavailable:
        with translated_errors():
            if engine.dialect.name == "sqlite":
                use_write_ahead_log(engine)
            with engine.begin() as connection:
                upgrade(connection)


def use_write_ahead_log(engine: Engine) -> None:
    """WAL lets readers go on while one process writes. SQLite keeps the mode in the file.

    SQLite changes the mode by raising a read lock to a write lock, and where somebody else writes
    it refuses that at once, whatever the timeout: the waiting is done here.
    """
    with engine.connect() as connection:
        patience: int = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
        deadline = time.monotonic() + patience / 1000
        while True:
            try:
                connection.execute(text("PRAGMA journal_mode = WAL"))
            except OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(LOCK_PAUSE)


def is_busy(error: OperationalError) -> bool:
    code: int = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF == sqlite3.SQLITE_BUSY  # above are the kinds of it


def clear_write_ahead_log(engine: Engine) -> None:
    """What was deleted is not left in SQLite's log either, unless somebody reads just now."""
    if engine.dialect.name == "sqlite":
        with translated_errors(), engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def begin_upgrade(connection: Connection) -> None:
    """What changes tables does so alone, and whole or not at all."""
    if connection.dialect.name == "sqlite":
        # The driver begins no transaction for DDL by itself; without one, a kill halfway would
        # leave a table without its revision.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


def upgrade(connection: Connection) -> None:
    begin_upgrade(connection)
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"The database was made by a newer version of cowscope ({error}): "
            "upgrade cowscope, or use another data directory."
        ) from error
