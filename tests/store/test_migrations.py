"""The migrations build exactly the tables that the code declares, whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, event, inspect, text

from app.settings import DATABASE_FILE, Settings
from app.store import Base, StoreUnavailable, check_migrated, migrate, open_engine
from app.store.database import alembic_config


@pytest.fixture
def empty(empty_store: Settings) -> Iterator[Engine]:
    engine = open_engine(empty_store)
    yield engine
    engine.dispose()


def test_an_empty_database_becomes_the_declared_one(empty: Engine) -> None:
    with pytest.raises(StoreUnavailable, match="revision none"):
        check_migrated(empty)
    migrate(empty)
    check_migrated(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_has_the_name_that_the_convention_gives(engine: Engine) -> None:
    inspector = inspect(engine)
    assert inspector.get_pk_constraint("run")["name"] == "pk_run"
    assert [key["name"] for key in inspector.get_foreign_keys("run")] == ["fk_run_based_on_run_run"]
    assert {check["name"] for check in inspector.get_check_constraints("run")} == {
        "ck_run_based_on_whole",
        "ck_run_based_on_step_counts",
    }


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    migrate(engine)
    assert statements
    assert not [
        sql for sql in statements if not sql.lstrip().upper().startswith(("SELECT", "PRAG"))
    ]


def test_servers_that_start_together_migrate_once(empty_store: Settings) -> None:
    patient = open_engine(empty_store.model_copy(update={"database_timeout": 30.0}))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(patient), range(4)))
    check_migrated(patient)
    patient.dispose()


def test_a_migration_waits_for_who_writes_before_it(settings: Settings) -> None:
    patient = open_engine(settings.model_copy(update={"database_timeout": 30.0}))
    refused = threading.Event()
    event.listen(patient, "handle_error", lambda context: refused.set())
    writer = sqlite3.connect(settings.data_dir / DATABASE_FILE)
    writer.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(migrate, patient)
        assert refused.wait(30)
        writer.rollback()
        migrating.result()
    writer.close()
    check_migrated(patient)
    patient.dispose()


def test_a_migration_that_dies_halfway_leaves_nothing(empty: Engine) -> None:
    def die(connection: Connection, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO alembic_version"):
            raise KeyboardInterrupt

    event.listen(empty, "before_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        migrate(empty)
    event.remove(empty, "before_cursor_execute", die)
    assert inspect(empty).get_table_names() == []
    migrate(empty)
    check_migrated(empty)


def test_down_and_up_again(engine: Engine) -> None:
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    check_migrated(engine)


def test_a_database_of_a_newer_version_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(StoreUnavailable, match="newer version of cowscope"):
        migrate(engine)
    with pytest.raises(StoreUnavailable, match="revision ffff"):
        check_migrated(engine)
