"""Runs as pages, the JSON interface and the command line use them: made, found, played, kept."""

from app.service.budget import TooMuchWork, page_steps
from app.service.cache import Busy
from app.service.housekeeping import Housekeeper
from app.service.runs import (
    LoadedRun,
    RunNotPlayable,
    RunService,
    StoredRun,
    UnknownRun,
    UnknownStep,
)
from app.service.traces import LoadedTrace, TraceService, UnknownTrace
from app.service.whatif import WhatIfs

__all__ = [
    "Busy",
    "Housekeeper",
    "LoadedRun",
    "LoadedTrace",
    "RunNotPlayable",
    "RunService",
    "StoredRun",
    "TooMuchWork",
    "TraceService",
    "UnknownRun",
    "UnknownStep",
    "UnknownTrace",
    "WhatIfs",
    "page_steps",
]
