"""Runs the migrations: on the connection that `app.store.migrate` hands in, or for the alembic
command on the database of the settings."""

from __future__ import annotations

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, TypeDecorator

from app.settings import Settings
from app.store import Base, open_engine


def plain_type(kind: str, item: object, autogenerate: AutogenContext) -> str | Literal[False]:
    """A migration names the database's own types: ours may change their meaning later."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        compare_server_default=True,
        render_as_batch=True,
        render_item=plain_type,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with open_engine(Settings()).begin() as opened:
        run(opened)
