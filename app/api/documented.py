"""Error answers as the OpenAPI description tells them."""

from __future__ import annotations

from typing import Any

from app.api.models import Problem


def problems(**reasons: str) -> dict[int | str, dict[str, Any]]:
    """Documents error answers: `problems(_404="why")`."""
    return {int(k[1:]): {"description": why, "model": Problem} for k, why in reasons.items()}


UNAVAILABLE = "The store is locked or out of reach; see Retry-After"
BAD_REQUEST = "The path does not have the form that is documented here"
