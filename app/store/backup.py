"""A whole store in one file, and back: of either kind of database, into either.

The file is gzipped JSON lines: a header (format, revision of the tables), one line a row in an
order in which every row comes after those it refers to, and a last line with the number of rows, so
that a file that was cut off is known for one.
"""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Column, Connection, Engine, MetaData, Select, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.store.database import (
    StoreUnavailable,
    alembic_config,
    begin_upgrade,
    check_migrated,
    translated_errors,
    use_write_ahead_log,
)

FORMAT = "cowscope-backup/1"
CHUNK = 500
Line = dict[str, Any]


class BadBackup(Exception):
    """The file is no backup, or not a whole one; says what is wrong with it."""


def backup(engine: Engine, file: Path) -> int:
    """Write everything that is stored now to `file`; returns the number of rows.

    What is written while it runs is not in it. The file appears under its name only when it is
    whole. Raises StoreUnavailable, and OSError where the file cannot be written.
    """
    check_migrated(engine)
    part = file.with_name(f".{file.name}.part")
    try:
        with translated_errors(), engine.connect() as connection:
            snapshot(connection)
            with gzip.open(part, "wb") as out:
                rows = write(connection, out)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    return rows


def snapshot(connection: Connection) -> None:
    """All reads that follow see one moment."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def write(connection: Connection, out: gzip.GzipFile) -> int:
    revision = MigrationContext.configure(connection).get_current_revision()
    made = datetime.now(UTC).isoformat(timespec="seconds")
    put(out, {"format": FORMAT, "revision": revision, "made": made})
    rows = 0
    for table in tables_of(connection):
        with connection.execute(in_order(table), execution_options={"yield_per": CHUNK}) as result:
            for row in result.mappings():
                values = {str(name): packed(value) for name, value in row.items()}
                put(out, {"table": str(table.name), "row": values})
                rows += 1
    put(out, {"rows": rows})
    return rows


def put(out: gzip.GzipFile, line: Line) -> None:
    out.write(msgspec.json.encode(line) + b"\n")


def tables_of(connection: Connection) -> list[Table]:
    """The tables as the database has them: plain values, whatever our types make of them."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def in_order(table: Table) -> Select[Any]:
    """Every row, those that others of its table refer to first."""
    own = next((key for key in table.foreign_keys if key.column.table is table), None)
    if own is None:
        return select(table)
    parent, target = own.parent, own.column
    depth = select(target.label("at"), func.abs(0).label("depth")).where(parent.is_(None))
    walk = depth.cte("walk", recursive=True)
    child = table.alias()
    walk = walk.union_all(
        select(child.c[target.name], walk.c.depth + 1).join(
            walk, child.c[parent.name] == walk.c["at"]
        )
    )
    return select(table).join(walk, target == walk.c["at"]).order_by(walk.c.depth)


def packed(value: object) -> object:
    """A value as JSON has it; bytes and times say what they are."""
    if isinstance(value, bytes | memoryview):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return value


def unpacked(value: Any) -> object:
    if isinstance(value, dict) and value.keys() == {"bytes"}:
        return base64.b64decode(value["bytes"], validate=True)
    if isinstance(value, dict) and value.keys() == {"time"}:
        return datetime.fromisoformat(value["time"])
    return value


def restore(engine: Engine, file: Path) -> int:
    """Fill an empty store from `file`, in one transaction; returns the number of rows.

    The tables are made as they were when the backup was taken and then brought to this version.
    Raises BadBackup, StoreUnavailable (also for a store that has rows), OSError.
    """
    with translated_errors():
        if engine.dialect.name == "sqlite":
            use_write_ahead_log(engine)
        with engine.begin() as connection:
            try:
                return fill(connection, lines(file))
            except IntegrityError as error:
                raise BadBackup(f"its rows contradict each other: {error.orig}") from error


def lines(file: Path) -> Iterator[Line]:
    try:
        with gzip.open(file, "rb") as source:
            for line in source:
                yield msgspec.json.decode(line, type=Line)
    except (EOFError, gzip.BadGzipFile, msgspec.DecodeError, ValueError) as error:
        raise BadBackup(f"not a whole backup: {error}") from error


def fill(connection: Connection, source: Iterator[Line]) -> int:
    header = next(source, {})
    if header.get("format") != FORMAT:
        raise BadBackup(f"not a backup of cowscope: its first line does not say {FORMAT}")
    begin_upgrade(connection)
    make_tables(connection, header)
    rows = fill_tables(connection, source)
    command.upgrade(alembic_config(connection), "head")
    return rows


def make_tables(connection: Connection, header: Line) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        try:
            command.upgrade(alembic_config(connection), header["revision"])
        except CommandError as error:
            raise BadBackup(
                f"it is of revision {header['revision']}, which this version does not know: "
                "restore it with the version of cowscope that made it, or a newer one"
            ) from error
        return
    filled = [
        t.name for t in tables_of(connection) if connection.execute(select(t).limit(1)).first()
    ]
    if filled:
        raise StoreUnavailable(
            f"The store is not empty ({', '.join(filled)}): restore into a new one."
        )
    if current != header["revision"]:
        raise StoreUnavailable(
            f"The store has tables of revision {current}, the backup is of {header['revision']}: "
            "restore into a database without tables."
        )


def fill_tables(connection: Connection, source: Iterator[Line]) -> int:
    tables = {table.name: table for table in tables_of(connection)}
    rows = 0
    for name, group in groupby(rows_of(tables, source), key=itemgetter(0)):
        while chunk := [values for _, values in islice(group, CHUNK)]:
            connection.execute(insert(tables[name]), chunk)
            rows += len(chunk)
    for table in tables.values():
        go_on_counting(connection, table)
    return rows


def rows_of(
    tables: Mapping[str, Table], source: Iterator[Line]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Each row with the name of its table. Raises BadBackup where the file is not whole."""
    for rows, line in enumerate(source):
        if "rows" in line:
            if line["rows"] != rows or next(source, None) is not None:
                raise BadBackup(f"not a whole backup: {rows} rows, {line['rows']} announced")
            return
        name, values = str(line.get("table")), line.get("row")
        if name not in tables or not isinstance(values, dict):
            raise BadBackup(f"line {rows + 2} is no row of a known table")
        yield name, {column: unpacked(value) for column, value in values.items()}
    raise BadBackup("not a whole backup: its last line is missing")


def go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL's sequences know nothing of rows that came with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key:
        if is_counted(connection, column):
            highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, highest, False)))


def is_counted(connection: Connection, column: Column[Any]) -> bool:
    name = func.pg_get_serial_sequence(column.table.name, column.name)
    return connection.scalar(select(name)) is not None
