"""One log, on stderr: ours and uvicorn's, as text for people or as JSON for machines."""

from __future__ import annotations

from typing import Any

import structlog
from structlog.dev import plain_traceback

from app.settings import Settings


def configure(settings: Settings) -> dict[str, Any]:
    """Set structlog up, and return the `logging` configuration that uvicorn is to use."""
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain_traceback)]
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": before,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    }
    level = settings.log_level.upper()
    # Uvicorn tells of its start at "info"; that line is ours to print, once the server answers.
    quiet = "WARNING" if level == "INFO" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"one": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "one"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "uvicorn.error": {"level": quiet},
            "uvicorn.access": {"level": "INFO" if settings.access_log else "WARNING"},
            "alembic": {"level": "WARNING"},
        },
    }
