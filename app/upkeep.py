"""The commands of who keeps an instance: `cowscope backup` and `restore`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import Engine

from app.settings import Settings
from app.store import StoreUnavailable, open_engine
from app.store.backup import BadBackup
from app.store.backup import backup as write_backup
from app.store.backup import restore as read_backup

BAD_INPUT, CANNOT = 2, 3
Backup = Annotated[Path, typer.Argument(metavar="FILE", help="a backup, gzipped JSON lines")]


def with_store(work: Callable[[Engine], int]) -> int:
    """Do something with the store that the environment names; exits with a sentence if it fails."""
    try:
        engine = open_engine(Settings())
        try:
            return work(engine)
        finally:
            engine.dispose()
    except ValidationError as error:
        raise stop(str(error), BAD_INPUT) from error
    except StoreUnavailable as error:
        raise stop(f"The store cannot be used: {error.reason}", CANNOT) from error
    except OSError as error:
        raise stop(f"{error.filename}: {error.strerror}", CANNOT) from error


def stop(message: str, status: int) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(status)


def backup(file: Backup) -> None:
    """Write everything that is stored to one file, also while the server runs."""
    rows = with_store(lambda engine: write_backup(engine, file))
    print(f"{file}: {rows} rows")


def restore(file: Backup) -> None:
    """Fill an empty store from a backup, of SQLite or PostgreSQL from either."""
    try:
        rows = with_store(lambda engine: read_backup(engine, file))
    except BadBackup as error:
        raise stop(f"{file}: {error}", BAD_INPUT) from error
    print(f"{file}: {rows} rows restored")


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
