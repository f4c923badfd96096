"""Saving and finding imported traces. The same document is the same trace, whenever it comes."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

from sqlalchemy.orm import Session

from app.store.ids import ALPHABET, names
from app.store.removed import check_not_removed
from app.store.rooms import insert
from app.store.runs import DIGEST_BYTES, TITLE_CHARACTERS
from app.store.tables import Trace


def get_trace(*, session: Session, trace_id: str) -> Trace | None:
    """The trace of that name, or None. `trace_id` may be anything that a link can carry."""
    return session.get(Trace, trace_id) if set(trace_id) <= set(ALPHABET) else None


def save_trace(*, session: Session, document: bytes, text: str, title: str) -> Trace:
    """Store a document as it came, or return the trace that is stored with the same bytes.

    Raises RunGone for a document that was removed, and for one of a run whose `text` was.
    """
    digest = blake2b(document, digest_size=DIGEST_BYTES, person=b"cowscope-trace1").digest()
    values = {
        "digest": digest,
        "created": datetime.now(UTC),
        "title": title[:TITLE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}"),
        "document": document,
    }
    for name in names(digest):
        found = session.get(Trace, name)
        if found is None:
            check_not_removed(session=session, text=document)
            check_not_removed(session=session, text=text)
            # Another transaction may store the same meanwhile: then it is found.
            session.execute(
                insert(session, Trace).values(id=name, **values).on_conflict_do_nothing()
            )
            found = session.get(Trace, name)
        if found is not None and found.digest == digest:
            return found
    raise OverflowError("every name of this trace is taken by another")
