"""What a server counts about itself, in a registry of its own. Each worker has its own counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

from app.service import RunService

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def name_of(endpoint: object) -> str:
    """What stands for a path where only the handler is known: plain routes leave it at that."""
    name = getattr(endpoint, "__name__", "")
    return f"{getattr(endpoint, '__module__', '')}:{name}" if name else "none"


class Metrics:
    """Requests by route and status, and the runs in memory."""

    def __init__(self, runs: RunService) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "cowscope_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "cowscope_request_seconds",
            "Seconds until an answer was sent whole.",
            ("route",),
            registry=self.registry,
            buckets=BUCKETS,
        )
        # Finding a child by its labels costs more than counting in it.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        kept = Gauge("cowscope_runs_kept", "Played runs in memory.", registry=self.registry)
        kept.set_function(lambda: runs.kept)
        steps = Gauge("cowscope_steps_kept", "Steps of them.", registry=self.registry)
        steps.set_function(lambda: runs.kept_steps)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Routes, not paths: a path is whatever a client makes up."""
        route = getattr(scope.get("route"), "path", "") or name_of(scope.get("endpoint"))
        method = scope["method"] if scope["method"] in METHODS else "other"
        children = self._children.get((method, route, status))
        if children is None:
            children = (
                self.requests.labels(method, route, str(status)),
                self.seconds.labels(route),
            )
            self._children[method, route, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
