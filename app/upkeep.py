"""The commands of who keeps an instance: `cowscope backup`, `restore` and `purge`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.scenario import library
from app.settings import Settings
from app.store import (
    StoreUnavailable,
    check_migrated,
    get_run,
    get_trace,
    open_engine,
    open_session,
)
from app.store.backup import BadBackup
from app.store.backup import backup as write_backup
from app.store.backup import restore as read_backup
from app.store.database import clear_write_ahead_log
from app.store.removed import (
    REASON,
    REASON_CHARACTERS,
    Removal,
    get_removed,
    removal_of,
    remove_run,
    remove_trace,
)
from app.store.rooms import TOMBSTONE, expired_rooms, purge_rooms

BAD_INPUT, CANNOT = 2, 3
Backup = Annotated[Path, typer.Argument(metavar="FILE", help="a backup, gzipped JSON lines")]


def with_store(work: Callable[[Engine, Settings], int]) -> int:
    """Do something with the store that the environment names; exits with a sentence if it fails."""
    try:
        settings = Settings()
        engine = open_engine(settings)
        try:
            return work(engine, settings)
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
    rows = with_store(lambda engine, _: write_backup(engine, file))
    print(f"{file}: {rows} rows")


def restore(file: Backup) -> None:
    """Fill an empty store from a backup, of SQLite or PostgreSQL from either."""
    try:
        rows = with_store(lambda engine, _: read_backup(engine, file))
    except BadBackup as error:
        raise stop(f"{file}: {error}", BAD_INPUT) from error
    print(f"{file}: {rows} rows restored")


def purge(
    run: Annotated[
        str, typer.Option(metavar="ID", help="this run alone, at somebody's request")
    ] = "",
    trace: Annotated[
        str, typer.Option(metavar="ID", help="this imported trace alone, likewise")
    ] = "",
    reason: Annotated[
        str, typer.Option(help=f"what its link says, at most {REASON_CHARACTERS} characters")
    ] = REASON,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
) -> None:
    """Remove what has expired; with --run or --trace that one, whose link then answers 410 Gone."""
    if run and trace:
        raise stop("--run or --trace: one at a time", BAD_INPUT)
    if len(reason) > REASON_CHARACTERS or not reason.isprintable():
        raise stop(f"--reason: at most {REASON_CHARACTERS} printable characters", BAD_INPUT)

    def remove(engine: Engine, _: Settings) -> int:
        check_migrated(engine)
        if run:
            done = purge_run(engine, run, reason, dry_run)
        elif trace:
            done = purge_trace(engine, trace, reason, dry_run)
        else:
            done = purge_expired(engine, dry_run)
        if not dry_run:
            clear_write_ahead_log(engine)
        return done

    raise typer.Exit(with_store(remove))


def purge_expired(engine: Engine, dry_run: bool) -> int:
    now = datetime.now(UTC)
    with open_session(engine) as session:
        emptied, forgotten = expired_rooms(session=session, now=now)
        if not dry_run:
            purge_rooms(session=session, now=now)
    print(f"{would(dry_run)}emptied: {counted(emptied, 'expired room')}")
    print(f"{would(dry_run)}forgotten: {counted(forgotten, 'room')} ({TOMBSTONE.days} days after)")
    return 0


def purge_run(engine: Engine, run_id: str, reason: str, dry_run: bool) -> int:
    with open_session(engine) as session:
        row = get_run(session=session, run_id=run_id)
        if row is None:
            raise not_there(session, "Run", run_id)
        if any(row.text == shipped.scenario.text.rstrip("\n") for shipped in library()):
            raise stop(f"Run {run_id} is of a shipped scenario: nobody's own text.", BAD_INPUT)
        if dry_run:
            removal = removal_of(session=session, run=row)
        else:
            removal = remove_run(session=session, run=row, now=datetime.now(UTC), reason=reason)
    tell(removal, dry_run)
    return 0


def not_there(session: Session, what: str, name: str) -> typer.Exit:
    gone = get_removed(session=session, run_id=name)
    said = f"was removed on {gone.removed:%d %B %Y} already" if gone else "is not stored"
    return stop(f"{what} {name} {said}.", BAD_INPUT)


def purge_trace(engine: Engine, trace_id: str, reason: str, dry_run: bool) -> int:
    with open_session(engine) as session:
        row = get_trace(session=session, trace_id=trace_id)
        if row is None:
            raise not_there(session, "Trace", trace_id)
        print(f"{would(dry_run)}removed: trace {row.id} “{row.title}”")
        if not dry_run:
            remove_trace(session=session, trace=row, now=datetime.now(UTC), reason=reason)
    return 0


def tell(removal: Removal, dry_run: bool) -> None:
    print(f"{would(dry_run)}removed: run {removal.id} “{removal.title}”")
    if removal.rooms:
        print(f"{would(dry_run)}ended: {counted(removal.rooms, 'room')} that play it")
    for words, ids in (
        ("made from it, kept", removal.based_on),
        ("of the same text under another policy or version, kept", removal.same_text),
    ):
        if ids:
            print(f"{words}: {counted(ids, 'run')}")


def would(dry_run: bool) -> str:
    return "would be " if dry_run else ""


def counted(names: Sequence[str], what: str) -> str:
    listed = f" ({', '.join(names)})" if names else ""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}{listed}"


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
    app.command()(purge)
