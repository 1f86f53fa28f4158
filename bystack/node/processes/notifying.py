"""What a service manager hears of the daemon: ready, reloading, stopping, alive.

The protocol is one datagram of lines `NAME=value` to the socket that the manager named in
NOTIFY_SOCKET; without one nothing is sent. Source: sd_notify(3), systemd.service(5).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog
import trio

log = structlog.get_logger("supervisor")

SOCKET, WATCHDOG_USEC, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class Notifier:
    """The line to the service manager that an environment names, if it names one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._path = environment.get(SOCKET, "")
        self._watched = _watchdog(environment)

    @property
    def watchdog(self) -> float:
        """Seconds between two signs of life, half of what the manager allows; 0 for none."""
        return self._watched / 2

    def ready(self, status: str) -> None:
        """The daemon serves; also the end of a reload."""
        self._tell(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """How the processes stand, for people."""
        self._tell(f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read anew; `ready` follows."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """An orderly end has begun."""
        self._tell("STOPPING=1\nSTATUS=stopping")

    async def keep_alive(self) -> None:
        """Say that the daemon's loop turns, until cancelled; returns where nobody watches."""
        while self.watchdog:
            self._tell("WATCHDOG=1")
            await trio.sleep(self.watchdog)

    def _tell(self, text: str) -> None:
        if not self._path.startswith(("/", "@")):
            return
        # A name that begins with @ stands for one outside the file system, which begins with 0.
        path = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(text.encode(), path)
        except OSError as error:
            log.debug("service manager not told", error=str(error))


def _watchdog(environment: Mapping[str, str]) -> float:
    """Seconds after which the manager takes a silent daemon for dead; 0 where it does not watch."""
    meant, span = environment.get(WATCHDOG_PID, ""), environment.get(WATCHDOG_USEC, "")
    if meant not in ("", str(os.getpid())) or not (span.isascii() and span.isdigit()):
        return 0.0
    return int(span) / 1_000_000
