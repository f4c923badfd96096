"""`cowscope serve`: the store migrated, uvicorn started, the URL told once it answers."""

from __future__ import annotations

import os
import resource
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from app.settings import Settings
from app.store import StoreUnavailable, migrate, open_engine

STARTUP_SECONDS = 60
FIRST_REQUEST_SECONDS = 0.5
MOST_FILES = 65_536


class ServeFailed(Exception):
    """The server cannot start; says what is missing and how to get it."""


class Patient(HttpToolsProtocol):
    """A connection that has only just been made may bring its request before it is closed."""

    def shutdown(self) -> None:
        if self.cycle is None:
            self.loop.call_later(FIRST_REQUEST_SECONDS, super().shutdown)
        else:
            super().shutdown()


class Announcing(uvicorn.Server):
    """Prints its URL when the sockets listen and the application is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"cowscope is at {url_of(self.config)}", flush=True)


class AnnouncingWorkers(Multiprocess):
    """Prints the URL when every worker answers. SIGHUP replaces them one after the other."""

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(STARTUP_SECONDS) for process in self.processes):
            workers = len(self.processes)
            print(f"cowscope is at {url_of(self.config)} ({workers} workers)", flush=True)


def url_of(config: uvicorn.Config) -> str:
    host = "127.0.0.1" if config.host in ("0.0.0.0", "") else config.host
    return f"http://{f'[{host}]' if ':' in host else host}:{config.port}/"


def run_server(settings: Settings) -> None:
    """Serve until told to stop. Raises ServeFailed."""
    try:
        engine = open_engine(settings)
        migrate(engine)
        engine.dispose()
    except StoreUnavailable as error:
        raise ServeFailed(f"The store cannot be used: {error.reason}") from error
    # Server processes read their settings from the environment.
    for name in ("host", "port", "workers"):
        os.environ[f"COWSCOPE_{name.upper()}"] = str(getattr(settings, name))
    config = uvicorn.Config(
        "app.main:served_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http=Patient,
        lifespan="on",
        log_level="warning",
        access_log=settings.access_log,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=STARTUP_SECONDS,
        server_header=False,
    )
    allow_many_connections()
    listening = listen(config, settings)
    if settings.workers > 1:
        AnnouncingWorkers(config, sockets=[listening]).run()
    else:
        Announcing(config).run(sockets=[listening])


def allow_many_connections() -> None:
    """A stream keeps its connection open, and many systems start processes with 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or soft < hard):
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def listen(config: uvicorn.Config, settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        raise ServeFailed(
            f"Port {settings.port} on {settings.host} cannot be used: {error.strerror}. "
            "Choose another with --port."
        ) from error
    config.port = listening.getsockname()[1]
    listening.set_inheritable(True)
    return listening
