"""Settings of one server, from the environment: `COWSCOPE_` and the name in capitals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

import limits
from pydantic import AfterValidator, Field, HttpUrl, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.resources import CHECKOUT, in_checkout

DATABASE_FILE = "cowscope.sqlite3"
DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


def default_data_dir() -> Path:
    """`data/` of a checkout, else what the XDG base directory specification says."""
    if in_checkout():
        return CHECKOUT / "data"
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "cowscope"


def with_driver(url: str) -> str:
    """Return `url` with the driver that cowscope ships, so that `postgresql://` just works."""
    if not url:
        return url
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        raise ValueError(
            "not a database URL; one looks like postgresql://user@host/name"
        ) from error
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        raise ValueError(f"{backend} is not supported; use sqlite:///FILE or postgresql://...")
    return parsed.set(drivername=DRIVERS[backend]).render_as_string(hide_password=False)


def checked_rate(text: str) -> str:
    """Return `text`, a rate as the limits library reads it. Raises ValueError."""
    try:
        if text:
            limits.parse(text)
    except ValueError as error:
        raise ValueError("not a rate; one looks like 600/minute; empty for no limit") from error
    return text


class Settings(BaseSettings):
    """Every field is one `COWSCOPE_` variable; README.md has the same list as a table."""

    model_config = SettingsConfigDict(env_prefix="COWSCOPE_", frozen=True, extra="forbid")

    data_dir: Path = Field(default_factory=default_data_dir)
    """Where the SQLite database is kept; made when missing."""
    database_url: Annotated[str, AfterValidator(with_driver)] = ""
    """SQLite or PostgreSQL; empty for `cowscope.sqlite3` in the data directory."""
    database_timeout: float = Field(default=5.0, gt=0, le=60)
    """Seconds to wait for a database that another process has locked, before a 503."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """0 takes a free one."""
    workers: int = Field(default=1, ge=1, le=64)
    """Server processes. Each has its own caches."""
    base_url: HttpUrl | None = None
    """How people reach this server, when a proxy hides it; for links that are copied."""
    trusted_proxies: str = "127.0.0.1"
    """Addresses whose X-Forwarded-* headers are believed, comma-separated."""
    access_log: bool = False
    """A log line for each request."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, from this level on; the log goes to stderr."""
    log_format: Literal["text", "json"] = "text"
    """For people or for machines."""
    shutdown_seconds: int = Field(default=5, ge=0, le=300)
    """How long requests in flight may take once the server is told to stop."""
    drain_seconds: float = Field(default=0.0, ge=0, le=300)
    """How long to go on serving, with /readyz answering 503, after SIGTERM."""

    limit_requests: Annotated[str, AfterValidator(checked_rate)] = "60000/minute"
    """Requests of one client; empty for no limit. Each process counts its own."""
    limit_changes: Annotated[str, AfterValidator(checked_rate)] = "6000/minute"
    """Requests of one client that may make something new; empty for no limit."""
    limit_total: Annotated[str, AfterValidator(checked_rate)] = "30000/minute"
    """The same of all clients together; empty for no limit."""
    body_seconds: float = Field(default=20.0, gt=0, le=600)
    """How long a client may take to send a body."""
    answer_seconds: float = Field(default=60.0, gt=0, le=600)
    """How long an answer may take to begin."""

    cdn: bool = True
    """Load htmx from its CDN first (with an integrity hash); off: only from this server."""

    run_cache_steps: int = Field(default=60_000, ge=0)
    """Steps of played runs kept in memory, over all runs, in each process."""
    page_cache_mib: int = Field(default=64, ge=0)
    """Rendered pages kept in memory, in each process."""
    max_page_steps: int = Field(default=2_000_000, ge=1)
    """A run's budget: its mapped pages, summed over its steps."""
    heavy_page_steps: int = Field(default=100_000, ge=1)
    """A run of more page-steps is heavy: such runs are played one at a time in each process."""
    heavy_queue: int = Field(default=8, ge=1)
    """Heavy runs that may wait; one more is answered with a 503."""
    queue: int = Field(default=1_000, ge=1)
    """Other runs that may wait to be played."""

    room_hours: float = Field(default=24.0, ge=12, le=720)
    """How long a room is kept after its leader's last click."""
    room_members: int = Field(default=2_000, ge=1)
    """Members that a room may have."""
    streams: int = Field(default=4_000, ge=1)
    """Open streams of rooms, in each process."""

    @model_validator(mode="after")
    def _database_in_the_data_directory(self) -> Self:
        if not self.database_url:
            file = self.data_dir.expanduser().absolute() / DATABASE_FILE
            url = URL.create(DRIVERS["sqlite"], database=str(file))
            object.__setattr__(self, "database_url", url.render_as_string())
        return self
