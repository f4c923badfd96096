"""How often one client, and all of them, may ask one server process; beyond that a 429."""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address
from time import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FREE = ("/static/", "/healthz", "/readyz", "/metrics")
"""Paths that a browser asks for by the dozen, or an operator's tools all the time."""
IPV6_NETWORK = 64
"""Bits of an IPv6 address that one household or one laptop has to itself."""


def client_of(scope: Scope) -> str:
    """The client's address as the proxy headers have it; of IPv6 its network."""
    client = scope.get("client")
    if not client:
        return "unknown"
    host = str(client[0])
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> (128 - IPV6_NETWORK):x}"


def changes(scope: Scope) -> bool:
    """Whether a request may make something new: it is no GET, or it asks for another policy."""
    return scope["method"] not in SAFE_METHODS or b"policy=" in scope["query_string"]


class Limits:
    """Requests counted in a sliding window, in this process alone."""

    def __init__(self, settings: Settings) -> None:
        self._windows = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._requests = rate(settings.limit_requests)
        self._changes = rate(settings.limit_changes)
        self._total = rate(settings.limit_total)

    def check(self, scope: Scope) -> None:
        """Count a request. Raises a 429 that says which limit it is and when to ask again."""
        if scope["path"].startswith(FREE):
            return
        client = client_of(scope)
        self._take(self._requests, client, "requests from your address")
        if changes(scope):
            self._take(self._changes, client, "changes from your address")
            self._take(self._total, "all", "changes from everybody together")

    def _take(self, limit: RateLimitItem | None, who: str, what: str) -> None:
        if limit is None or self._windows.hit(limit, what, who):
            return
        wait = self._windows.get_window_stats(limit, what, who).reset_time - time()
        seconds = max(1, math.ceil(wait))
        raise HTTPException(
            429,
            f"The limit is {limit} for {what}. Ask again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


def rate(text: str) -> RateLimitItem | None:
    return parse(text) if text else None
