"""Imported traces go in once, come out byte for byte, and are removed as runs are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from app.settings import Settings
from app.store import Trace, get_trace, open_engine, open_session, save_run, save_trace
from app.store.backup import backup, restore
from app.store.ids import ALPHABET, LENGTH
from app.store.removed import RunGone, remove_run, remove_trace

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
DOCUMENT = b'{ "schema" : "trace/1" }\r\n\n'
TEXT = "A mmap buf 1"


def save(engine: Engine, document: bytes = DOCUMENT) -> str:
    with open_session(engine) as session:
        return save_trace(session=session, document=document, text=TEXT, title="na\0me").id


def load(engine: Engine, trace_id: str) -> Trace | None:
    with open_session(engine) as session:
        return get_trace(session=session, trace_id=trace_id)


def test_a_trace_comes_out_byte_for_byte(engine: Engine) -> None:
    name = save(engine)
    trace = load(engine, name)
    assert trace is not None
    assert trace.document == DOCUMENT
    assert trace.title == "na\N{REPLACEMENT CHARACTER}me"
    assert len(name) == LENGTH
    assert set(name) <= set(ALPHABET)
    assert load(engine, "No such trace") is None


def test_the_same_document_is_the_same_trace(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(lambda _: save(engine), range(8)))
    assert names == {save(engine)}
    assert save(engine, DOCUMENT + b" ") not in names
    with open_session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Trace)) == 2


def test_a_removed_trace_does_not_come_back(engine: Engine) -> None:
    name = save(engine)
    with open_session(engine) as session:
        trace = get_trace(session=session, trace_id=name)
        assert trace is not None
        remove_trace(session=session, trace=trace, now=NOW, reason="asked by mail")
    assert load(engine, name) is None
    with pytest.raises(RunGone, match=f"Trace {name} was removed on 27 November 2026"):
        save(engine)
    assert save(engine, DOCUMENT + b" ")


def test_a_trace_of_a_removed_run_is_not_stored(engine: Engine) -> None:
    with open_session(engine) as session:
        run = save_run(
            session=session, text=TEXT, policy="linux", engine="1", title="t", outcomes=["ok"],
            checksums=[bytes(8)] * 2, violations={},
        )  # fmt: skip
        remove_run(session=session, run=run, now=NOW, reason="asked by mail")
    with pytest.raises(RunGone, match="the same text is not stored again"):
        save(engine)
    with open_session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Trace)) == 0


def test_a_backup_has_traces_and_what_was_removed(engine: Engine, tmp_path: Path) -> None:
    kept, gone = save(engine), save(engine, b"{}")
    with open_session(engine) as session:
        trace = get_trace(session=session, trace_id=gone)
        assert trace is not None
        remove_trace(session=session, trace=trace, now=NOW, reason="asked by mail")
    assert backup(engine, tmp_path / "all.gz") == 2
    other = open_engine(Settings(data_dir=tmp_path / "other"))
    assert restore(other, tmp_path / "all.gz") == 2
    again = load(other, kept)
    assert again is not None
    assert again.document == DOCUMENT
    with pytest.raises(RunGone, match="Trace"):
        save(other, b"{}")
    other.dispose()
