"""The store: played runs and imported traces, immutable, named by the hash of their content.

Sessions go by keyword, and transactions belong to the caller:
`with open_session(engine) as session: save_run(session=session, ...)`.
"""

from app.store.database import (
    StoreUnavailable,
    check_migrated,
    migrate,
    open_engine,
    open_session,
)
from app.store.replay import ReplayDiffers, compare_replay
from app.store.room_tables import Room
from app.store.runs import get_run, run_digest, save_run
from app.store.tables import Base, Run, Trace
from app.store.traces import get_trace, save_trace

__all__ = [
    "Base",
    "ReplayDiffers",
    "Room",
    "Run",
    "StoreUnavailable",
    "Trace",
    "check_migrated",
    "compare_replay",
    "get_run",
    "get_trace",
    "migrate",
    "open_engine",
    "open_session",
    "run_digest",
    "save_run",
    "save_trace",
]
