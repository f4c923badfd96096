"""What a server does by itself now and then: rooms that expired are emptied, and runs and traces
that were removed by `cowscope purge` are forgotten by this process, too."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from app.service.runs import RunService
from app.service.traces import TraceService
from app.store import StoreUnavailable, open_session
from app.store.removed import RemovedRun, RunGone, removed_runs
from app.store.rooms import any_expired, purge_rooms

SECONDS = 30
"""How long a process may go on showing what it has in memory of a removed run."""
OVERLAP = timedelta(minutes=5)
"""Clocks of machines that share a database may be so far apart."""
SEPARATORS = re.compile(r"[/.]+")

log = structlog.get_logger(__name__)


class Housekeeper:
    """One in each process; what it does twice does no harm."""

    def __init__(self, engine: Engine, runs: RunService, traces: TraceService) -> None:
        self._engine = engine
        self._runs = runs
        self._traces = traces
        self._removed: dict[str, RemovedRun] = {}
        self._since = datetime.fromtimestamp(0, UTC)

    def check(self, path: str) -> None:
        """Raise RunGone for a path that names what was removed: pages of it may be in memory."""
        if self._removed:
            for name in SEPARATORS.split(path):
                if name in self._removed:
                    raise RunGone(self._removed[name])

    async def keep(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except StoreUnavailable as error:
                log.warning("housekeeping has to wait", reason=error.reason)
            await asyncio.sleep(SECONDS)

    def look(self) -> None:
        """Raises StoreUnavailable."""
        now = datetime.now(UTC)
        with open_session(self._engine) as session:
            rows = removed_runs(session=session, since=self._since)
            expired = any_expired(session=session, now=now)
        new = {row.id: row for row in rows if row.id not in self._removed}
        self._removed = {**self._removed, **new}
        for name in new:
            self._runs.forget(name)
            self._traces.forget(name)
        self._since = now - OVERLAP
        if expired:
            with open_session(self._engine) as session:
                emptied = purge_rooms(session=session, now=now)
            log.info("rooms expired", rooms=emptied)
