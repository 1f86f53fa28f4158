"""Telling many tasks that something changed, without queues: each looks again for itself."""

from __future__ import annotations

import trio


class Signal:
    """Wakes everyone who waits; one who comes later waits for the next time."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def notify(self) -> None:
        """Wake those who wait now."""
        self._event.set()
        self._event = trio.Event()

    async def wait(self) -> None:
        """Return at the next `notify`."""
        await self._event.wait()
