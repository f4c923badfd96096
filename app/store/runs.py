"""Saving and finding runs. The same content is the same run, however often it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.store.ids import ALPHABET, names
from app.store.removed import check_not_removed
from app.store.tables import Run

DIGEST_BYTES = 32
TITLE_CHARACTERS = 200


def run_digest(*, text: str, policy: str, engine: str) -> bytes:
    """The 32 bytes that name a run: what was played, under which policy, by which engine."""
    digest = blake2b(digest_size=DIGEST_BYTES, person=b"cowscope-run-1")
    for part in (text, policy, engine):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()


def get_run(*, session: Session, run_id: str) -> Run | None:
    """The run of that name, or None. `run_id` may be anything that a link can carry."""
    return session.get(Run, run_id) if set(run_id) <= set(ALPHABET) else None


def runs_based_on(*, session: Session, run_id: str, limit: int) -> Sequence[Run]:
    """The runs that were made from this one, by the step that they leave at, oldest first."""
    chosen = (
        select(Run)
        .where(Run.based_on_run == run_id)
        .order_by(Run.based_on_step, Run.created, Run.id)
        .limit(limit)
    )
    return session.scalars(chosen).all()


def find_run(*, session: Session, digest: bytes) -> tuple[Run | None, str]:
    """The run with this content, or None and the name that it would get."""
    for name in names(digest):
        run = session.get(Run, name)
        if run is None or run.digest == digest:
            return run, name
    raise OverflowError("every name of this run is taken by another")


def save_run(
    *,
    session: Session,
    text: str,
    policy: str,
    engine: str,
    title: str,
    outcomes: Sequence[str],
    checksums: Sequence[bytes],
    violations: Mapping[str, int],
    based_on: tuple[str, int] | None = None,
) -> Run:
    """Store a run, or return the one that is stored already with the same content.

    `violations` maps a property to the first step that breaks it. `based_on` is the run and the
    step that an editor started from; it is no part of the content: the first to save decides.
    Raises RunGone for the text of a run that was removed.
    """
    digest = run_digest(text=text, policy=policy, engine=engine)
    values = {
        "digest": digest,
        "created": datetime.now(UTC),
        "engine": engine,
        "policy": policy,
        # PostgreSQL's text cannot hold a NUL.
        "title": title[:TITLE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}"),
        "text": text,
        "outcomes": list(outcomes),
        "checksums": list(checksums),
        "violations": dict(violations),
        "based_on_run": based_on[0] if based_on else None,
        "based_on_step": based_on[1] if based_on else None,
    }
    while True:
        run, name = find_run(session=session, digest=digest)
        if run is not None:
            return run
        check_not_removed(session=session, text=text)
        insert_unless_taken(session, {"id": name, **values})


def insert_unless_taken(session: Session, values: Mapping[str, object]) -> None:
    """Insert a row; another transaction that took its name meanwhile is no error here."""
    postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(Run) if postgres else sqlite.insert(Run)
    session.execute(insert.values(**values).on_conflict_do_nothing(index_elements=[Run.id]))
