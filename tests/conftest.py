"""What several test packages share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from app.settings import Settings
from app.store import migrate, open_engine
from tests.browser import MISSING, find_chromium

# When to give up on a condition, not how long something may take: as actions of a page do.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """pytest-playwright's fixture: the system's Chromium, kept from calling home."""
    path = find_chromium()
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    return {
        **browser_type_launch_args,
        "executable_path": path,
        "args": [
            "--no-sandbox",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-gpu",
        ],
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for a page needs a browser, and says so to `make test BROWSER=no`."""
    for item in items:
        if {"page", "context", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server of its own for one test: SQLite in a fresh directory."""
    return Settings(data_dir=tmp_path, database_timeout=0.2)


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL: the one in COWSCOPE_TEST_DATABASE_URL, else one that the tests start."""
    if url := os.environ.get("COWSCOPE_TEST_DATABASE_URL"):
        yield url
        return
    pgserver = pytest.importorskip(
        "pgserver", reason="no PostgreSQL: set COWSCOPE_TEST_DATABASE_URL to test with one"
    )
    try:
        server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    except Exception as error:  # whatever keeps a PostgreSQL from starting on this machine
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield server.get_uri()
    server.cleanup()


def empty_schema(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Settings]:
    """Settings of a database without tables, of either kind."""
    if request.param == "sqlite":
        yield settings
        return
    url = request.getfixturevalue("postgresql_url")
    both = Settings(data_dir=settings.data_dir, database_url=url, database_timeout=0.2)
    engine = open_engine(both)
    empty_schema(engine)
    engine.dispose()
    yield both


@pytest.fixture
def engine(empty_store: Settings) -> Iterator[Engine]:
    """A migrated, empty store of either kind."""
    engine = open_engine(empty_store)
    migrate(engine)
    yield engine
    engine.dispose()
