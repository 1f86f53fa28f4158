"""What the server counts of its own work, for `/metrics`: requests, calls, how long they took."""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Sequence
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from bystack import __version__
from bystack.node.metrics.families import WEB, Family

BUCKETS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Seconds; the last is how long a call may take by default."""

NAMES: Final = {"answer": "rpc", "describe": "openrpc", "show": "dashboard", "tell": "node"}
"""What the routes' methods are called outside, where it is not their own name."""

OUTCOMES: Final = {503: "unavailable", 504: "unanswered", 403: "forbidden"}

# When a counter began is its process's start, which is a family of its own.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Measured:
    """The server's counters; every label has few values, none of them a client's."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._of: dict[str, Any] = {one.name: self._made(one) for one in WEB}
        self._of["build_info"].labels(__version__, platform.python_version()).set(1)

    def _made(self, family: Family) -> Gauge | Counter | Histogram:
        given = (family.full, family.text, family.labels)
        match family.kind:
            case "histogram":
                return Histogram(*given, registry=self._registry, buckets=BUCKETS)
            case "counter":
                return Counter(*given, registry=self._registry)
            case _:
                return Gauge(*given, registry=self._registry)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """A request to `endpoint`, the method that a route names, was answered."""
        endpoint = NAMES.get(endpoint, endpoint)
        self._of["http_requests_total"].labels(endpoint, str(status)).inc()
        self._of["http_request_seconds"].labels(endpoint).observe(seconds)

    def called(self, said: Sequence[tuple[dict[str, Any] | None, int]]) -> None:
        """The calls of one body were answered so: answer objects with their HTTP states."""
        for outcome, count in Tally(map(_outcome, said)).items():
            self._of["rpc_calls_total"].labels(outcome).inc(count)

    def guessed(self, outcome: str) -> None:
        """Somebody gave a credential that is `wrong`, or was `barred` from giving any."""
        self._of["rpc_logins_refused_total"].labels(outcome).inc()

    def exposition(self, subscribers: int) -> bytes:
        """In Prometheus's text format; `subscribers`: open WebSocket connections."""
        self._of["websocket_subscribers"].set(subscribers)
        return generate_latest(self._registry)


def _outcome(one: tuple[dict[str, Any] | None, int]) -> str:
    answer, status = one
    failed = answer is not None and answer.get("error") is not None
    return OUTCOMES.get(status, "error") if failed or status >= 400 else "ok"
