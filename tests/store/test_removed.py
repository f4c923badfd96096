"""A run that somebody wants gone is gone, says so, and does not come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.settings import Settings
from app.store import Run, get_run, migrate, open_engine, open_session, save_run
from app.store.backup import backup, restore
from app.store.removed import (
    RunGone,
    check_not_removed,
    get_removed,
    remove_run,
    removed_runs,
)
from app.store.rooms import (
    TOMBSTONE,
    RoomExpired,
    any_expired,
    expired_rooms,
    get_room,
    hash_of,
    new_room,
    purge_rooms,
)

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
TEXT = "A mmap buf 1\n# what nobody should have typed"


def save(
    engine: Engine, text: str = TEXT, policy: str = "linux", based_on: tuple[str, int] | None = None
) -> Run:
    with open_session(engine) as session:
        return save_run(
            session=session, text=text, policy=policy, engine="1.0", title="t", outcomes=["ok"],
            checksums=[bytes(8)] * 2, violations={}, based_on=based_on,
        )  # fmt: skip


def room_with(engine: Engine, run: str) -> str:
    with open_session(engine) as session:
        return new_room(
            session=session, title="A class", runs=[(run, "t", 1)], claim=hash_of("once"),
            now=NOW, lifetime=timedelta(days=1),
        )  # fmt: skip


def remove(engine: Engine, run_id: str) -> None:
    with open_session(engine) as session:
        run = get_run(session=session, run_id=run_id)
        assert run is not None
        remove_run(session=session, run=run, now=NOW, reason="asked by mail")


def test_what_a_run_takes_along(engine: Engine) -> None:
    run, other = save(engine), save(engine, policy="mapcount")
    branch = save(engine, "A mmap buf 2", based_on=(run.id, 1))
    code, spared = room_with(engine, run.id), room_with(engine, other.id)
    with open_session(engine) as session:
        row = get_run(session=session, run_id=run.id)
        assert row is not None
        removal = remove_run(session=session, run=row, now=NOW, reason="asked by mail")
    assert (removal.rooms, removal.based_on, removal.same_text) == (
        [code], [branch.id], [other.id],
    )  # fmt: skip
    with open_session(engine) as session:
        assert get_run(session=session, run_id=run.id) is None
        kept = get_run(session=session, run_id=branch.id)
        assert kept is not None
        assert (kept.based_on_run, kept.based_on_step) == (None, None)
        get_room(session=session, code=spared, now=NOW)
        with pytest.raises(RoomExpired):
            get_room(session=session, code=code, now=NOW)
        gone = get_removed(session=session, run_id=run.id)
        assert gone is not None
        assert (gone.removed, gone.reason) == (NOW, "asked by mail")
        assert [r.id for r in removed_runs(session=session, since=NOW)] == [run.id]
        assert not removed_runs(session=session, since=NOW + timedelta(seconds=1))


def test_its_text_is_refused_under_every_policy_and_another_text_is_not(engine: Engine) -> None:
    remove(engine, save(engine).id)
    for policy in ("linux", "mapcount"):
        with pytest.raises(RunGone, match=r"asked by mail.*not stored again"):
            save(engine, policy=policy)
    with open_session(engine) as session:
        check_not_removed(session=session, text="A mmap buf 1\n")
    save(engine, "A mmap buf 1\n")


def test_a_backup_carries_the_memory_of_it(engine: Engine, tmp_path: Path) -> None:
    remove(engine, save(engine).id)
    backup(engine, tmp_path / "all.gz")
    other = open_engine(Settings(data_dir=tmp_path / "other"))
    restore(other, tmp_path / "all.gz")
    migrate(other)
    with pytest.raises(RunGone):
        save(other)
    other.dispose()


def test_what_would_be_purged_is_what_is_purged(engine: Engine) -> None:
    run = save(engine).id
    code = room_with(engine, run)
    day, later = NOW + timedelta(days=1), NOW + timedelta(days=1) + TOMBSTONE
    for now, emptied, forgotten in ((NOW, [], []), (day, [code], []), (later, [], [code])):
        with open_session(engine) as session:
            assert expired_rooms(session=session, now=now) == (emptied, forgotten)
            assert any_expired(session=session, now=now) == bool(emptied or forgotten)
            assert purge_rooms(session=session, now=now) == len(emptied)
            assert not any_expired(session=session, now=now)
