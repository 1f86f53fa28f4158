"""Gathers the figures of all processes, asked together; who does not answer shows without its own.

The signer answers only those its keys are for: it announces its figures in `run/signer.json`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import trio

from bystack.node.announce import announced
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.metrics.exposition import Reading
from bystack.node.metrics.figures import DaemonFigures
from bystack.node.metrics.usage import usage
from bystack.node.processes.child import Child

SECONDS: Final = 2.0
DAEMON: Final = "bystackd"


class Line(Protocol):
    """A connection to a process."""

    async def call(self, method: str, *params: Any, timeout: float = SECONDS) -> Any:
        """The answer; raises `Unavailable` or `RemoteError`."""


def daemon(reloads: Mapping[str, int], *, ready: bool) -> Reading:
    """The daemon's own figures; the working directory is the home."""
    free = shutil.disk_usage(".").free
    own = DaemonFigures(ready=int(ready), disk_free_bytes=free, reloads_total=dict(reloads))
    alive = {"process_up": 1, "process_failed": 0, "process_restarts_total": 0}
    alive |= {"process_silent_seconds": 0}
    return Reading(DAEMON, "", {**alive, **usage(os.getpid()), **own.told()})


async def processes(found: Sequence[tuple[Child, Line]]) -> list[Reading]:
    """Every process's figures, by role and name."""
    readings: list[Reading] = []

    async def ask(child: Child, line: Line) -> None:
        figures = {**await _told(child, line), **_seen(child)}
        readings.append(Reading(child.spec.role, child.spec.name, figures))

    async with trio.open_nursery() as nursery:
        for one in found:
            nursery.start_soon(ask, *one)
    return sorted(readings, key=lambda one: one[:2])


def _seen(child: Child) -> dict[str, Any]:
    """What the daemon sees of a process; its word about itself does not count here."""
    return {
        "process_up": int(child.state in ("running", "starting")),
        "process_failed": int(child.state == "failed"),
        "process_restarts_total": child.restarts,
        "process_silent_seconds": child.silent,
        **(usage(child.pid) if child.pid else {}),
    }


async def _told(child: Child, line: Line) -> dict[str, Any]:
    if child.spec.role == "signer":
        figures = announced(".", "signer").get("figures")
    else:
        try:
            figures = await line.call("metrics", timeout=SECONDS)
        except (Unavailable, RemoteError):
            figures = None
    return figures if isinstance(figures, dict) else {}
