"""Settings of one server, from the environment: `COWSCOPE_` and the name in capitals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

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
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    """Server processes. Each has its own caches."""
    base_url: HttpUrl | None = None
    """How people reach this server, when a proxy hides it; for links that are copied."""
    trusted_proxies: str = "127.0.0.1"
    """Addresses whose X-Forwarded-* headers are believed, comma-separated."""
    access_log: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    shutdown_seconds: int = Field(default=5, ge=0, le=300)
    """How long requests in flight may take once the server is told to stop."""

    cdn: bool = True
    """Load htmx from its CDN first (with an integrity hash); off: only from this server."""

    run_cache_steps: int = Field(default=60_000, ge=0)
    """Steps of played runs kept in memory, over all runs, in each process."""
    page_cache_mib: int = Field(default=64, ge=0)
    """Rendered pages kept in memory, in each process."""
    max_page_steps: int = Field(default=2_000_000, ge=1)
    """A run's budget: its mapped pages, summed over its steps."""

    @model_validator(mode="after")
    def _database_in_the_data_directory(self) -> Self:
        if not self.database_url:
            file = self.data_dir.expanduser().absolute() / DATABASE_FILE
            url = URL.create(DRIVERS["sqlite"], database=str(file))
            object.__setattr__(self, "database_url", url.render_as_string())
        return self
