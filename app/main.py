"""The application: settings in, routes and their guards out."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging.config import dictConfig

from fastapi import FastAPI

from app import __version__, api, errors, logs, operation, web
from app.metrics import Metrics
from app.middleware import Guard
from app.rooms import Hub, RoomService
from app.scenario import library
from app.service import Housekeeper, RunService, TraceService, WhatIfs
from app.settings import Settings
from app.store import open_engine

DESCRIPTION = """\
See, step by step, what Linux does with a page of anonymous memory. A scenario is a short text; \
played under a policy it becomes a run, immutable and named by its content. Errors are \
`application/problem+json` (RFC 9457); those of a scenario carry `errors` with line and column."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application of one server. Opens no connection; the store is migrated by `serve`.

    Raises StoreUnavailable when the data directory cannot be made.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="cowscope",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # The server counts about itself (`/metrics`); asking for a collector costs each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.engine = open_engine(settings)
    app.state.runs = RunService(app.state.engine, settings)
    app.state.traces = TraceService(app.state.engine, settings)
    app.state.whatifs = WhatIfs(app.state.runs, settings)
    app.state.rooms = RoomService(app.state.engine, settings)
    app.state.hub = Hub(app.state.engine, settings)
    app.state.housekeeper = Housekeeper(app.state.engine, app.state.runs, app.state.traces)
    app.state.metrics = Metrics(app.state.runs)
    app.state.stopping = operation.Stopping(settings.drain_seconds)
    errors.install(app)
    app.include_router(operation.router)
    api.install(app)
    web.install(app, settings)
    app.add_middleware(
        Guard,
        metrics=app.state.metrics,
        settings=settings,
        check_path=app.state.housekeeper.check,
        remembered=app.state.remembered,
    )
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.stopping.watch()
    ending = asyncio.create_task(end_streams(app))
    housekeeping = asyncio.create_task(app.state.housekeeper.keep())
    yield
    app.state.whatifs.close()
    app.state.traces.close()
    ending.cancel()
    housekeeping.cancel()
    app.state.hub.close()
    app.state.rooms.close()
    app.state.runs.close()
    app.state.engine.dispose()


async def end_streams(app: FastAPI) -> None:
    """Streams would keep a process that is told to stop from stopping."""
    await app.state.stopping.wait()
    app.state.hub.close()


def served_app() -> FastAPI:
    """The application as a server process runs it: settings from the environment, and warm."""
    settings = Settings()
    dictConfig(logs.configure(settings))
    app = create_app(settings)
    library()
    # What is here now stays for good: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    return app
