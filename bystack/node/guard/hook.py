"""The operator's own program, told of each alarm: one JSON object on its standard input.

It runs under this process's own confinement, one at a time, for a bounded time; what it says goes
to the log, and whatever becomes of it, the guard goes on.
"""

from __future__ import annotations

import subprocess

import structlog
import trio

log = structlog.get_logger("guard")

SECONDS = 30
WAITING = 64
SHOWN = 500


class Hook:
    """Hands alarms to a program, in order; those beyond `WAITING` are left to the log."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._send, self._receive = trio.open_memory_channel[bytes](WAITING)

    def tell(self, alarm: bytes) -> None:
        """Queue an alarm (JSON)."""
        if not self._program:
            return
        try:
            self._send.send_nowait(alarm)
        except trio.WouldBlock:
            log.error("alarm not handed to the hook: it is too slow", hook=self._program)

    async def run(self) -> None:
        """Run the program for each alarm, without end."""
        async for alarm in self._receive:
            with trio.move_on_after(SECONDS) as scope:
                await self._once(alarm)
            if scope.cancelled_caught:
                log.error("hook ended by force", hook=self._program, seconds=SECONDS)

    async def _once(self, alarm: bytes) -> None:
        try:
            done = await trio.run_process(
                [self._program], stdin=alarm, capture_stdout=True, stderr=subprocess.STDOUT,
                check=False,
            )  # fmt: skip
        except OSError as error:
            log.error("hook not run", hook=self._program, error=str(error))
            return
        said = done.stdout.decode(errors="replace")[:SHOWN]
        tell = log.error if done.returncode else log.info
        tell("hook ran", hook=self._program, code=done.returncode, said=said)
