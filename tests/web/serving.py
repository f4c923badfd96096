"""Applications for the tests of pages, whole or the explorer alone, and a server in a thread."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.main import create_app
from app.resources import resource
from app.service import RunService, WhatIfs
from app.settings import Settings
from app.store import migrate, open_engine
from app.web import explorer, templating, whatif_routes
from app.web.statics import Files
from tests.awaiting import awaited

CDN = re.compile(r"https://cdn\.jsdelivr\.net/.*")
FORKS = """title: Pinned and swapped pages across two forks
A mmap buf 4
A write buf[0] 7
A write buf[1] 3
A write buf[2] 5
kernel swapout A buf[1]
A pin buf[2] p
A fork B
B fork C
A write buf[0] 9
p write 6
A read buf[2]
C write buf[1] 4
C exit
B write buf[0] 1
"""
LEAK = """title: vmsplice leak
A mmap buf 1
A write buf[0] 7
A fork B
B splice buf[0] g
B munmap buf
A write buf[0] 42
g read
g release
"""

POLICY = (
    "default-src 'none'; script-src 'self' https://cdn.jsdelivr.net; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class StrictPolicy:
    """The strictest Content-Security-Policy that the explorer shall live under."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (b"content-security-policy", POLICY.encode())
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        await self.app(scope, receive, send_with_policy)


@contextmanager
def whole_app(data: Path, **given: bool) -> Iterator[FastAPI]:
    """Everything that `cowscope serve` answers, on an empty store."""
    app = create_app(Settings(data_dir=data, **given))  # type: ignore[arg-type]
    migrate(app.state.engine)
    yield app
    app.state.whatifs.close()
    app.state.traces.close()
    app.state.hub.close()
    app.state.rooms.close()
    app.state.runs.close()
    app.state.engine.dispose()


@contextmanager
def explorer_alone(data: Path, **given: bool) -> Iterator[FastAPI]:
    app = explorer_app(Settings(data_dir=data, **given))  # type: ignore[arg-type]
    yield app
    app.state.whatifs.close()
    app.state.runs.close()
    app.state.engine.dispose()


def explorer_app(settings: Settings) -> FastAPI:
    app = FastAPI()
    app.state.settings = settings
    app.state.engine = open_engine(settings)
    migrate(app.state.engine)
    app.state.runs = RunService(app.state.engine, settings)
    errors.install(app)
    app.include_router(templating.router())
    templates = templating.environment(settings)
    # The explorer asks for the steps that could come next.
    app.state.whatifs = WhatIfs(app.state.runs, settings)
    app.include_router(whatif_routes.router(app.state.runs, app.state.whatifs, templates))
    steps = explorer.Explorer(templates, settings)
    app.include_router(explorer.router(app.state.runs, steps, settings))
    app.mount("/static", Files(directory=resource("static")))
    app.add_middleware(StrictPolicy)
    return app


def make_run(app: FastAPI, text: str, policy: str = "linux") -> str:
    """The name of a new run."""
    runs: RunService = app.state.runs
    return awaited(runs.create(text, policy)).id


def make_trace(app: FastAPI, document: bytes) -> str:
    """The name of an imported trace."""
    answer = TestClient(app).post("/api/v1/traces", content=document)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def make_room(app: FastAPI, slug: str = "hello-fork") -> str:
    """The code of a room that plays a shipped scenario, at step 4."""
    client = TestClient(app)
    led = client.post("/w", data={"runs": slug, "name": "Kim"}).url
    code = str(led.path).split("/")[2]
    client.post(f"/w/{code}/lead", data={"step": "4", "tab": led.params["tab"]})
    return code


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a server that lives as long as the block."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
