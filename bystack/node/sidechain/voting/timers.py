"""The engine's timers: one deadline per name, on a clock that is never set back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from bystack.sidechain.consensus.events import Timer


class Timers:
    """Setting a timer again replaces it. `now` gives milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._due: dict[Timer, int] = {}
        self._sooner = trio.Event()

    def set(self, timer: Timer, at_ms: int) -> None:
        """Have it fire at a time, or at once if that has passed."""
        self._due[timer] = at_ms
        self._sooner.set()

    def clear(self) -> None:
        """Forget all of them."""
        self._due.clear()

    def passed(self, height: int) -> None:
        """A height is final: its timers mean nothing any more."""
        self._due = {timer: at for timer, at in self._due.items() if timer.height > height}

    async def run(self, fire: Callable[[Timer], Awaitable[None]]) -> None:
        """Call `fire` for each timer as it is due, until cancelled."""
        while True:
            self._sooner = trio.Event()
            for timer in self._take_due():
                await fire(timer)
            with trio.move_on_after(self._pause()):
                await self._sooner.wait()

    def _take_due(self) -> list[Timer]:
        now = self._now()
        due = sorted((t for t, at in self._due.items() if at <= now), key=self._due.__getitem__)
        for timer in due:
            del self._due[timer]
        return due

    def _pause(self) -> float:
        if not self._due:
            return float("inf")
        return max(0.0, (min(self._due.values()) - self._now()) / 1000)
