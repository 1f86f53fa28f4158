"""No command is silent for more than two seconds: it says that it works, and at what.

Lines of its own on standard error, plain, ever rarer; none while something else shows how far the
work is, or while a person is asked. Two commands never run in one process.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

PAUSES: Final = (2.0, 8.0, 20.0, 30.0)
"""Seconds of silence before each line; the last before all that follow."""
CLEAR: Final = "\r\x1b[K"


class Patience:
    """Says what is being done when nothing was said for a while.

    `out` and `clock` are for tests, which call `look` themselves.
    """

    def __init__(
        self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out, self._clock = out or sys.stderr, clock
        self._begun = self._last = clock()
        self._said, self._hushed = 0, 0
        self._step = self._doing = ""

    def at(self, doing: str) -> None:
        """What is being done from now on, for example `asks the node for getblock`."""
        self._doing = doing

    def begin(self, step: str) -> None:
        """A step with a name begins; what is done stands after it."""
        self._step, self._doing = step, ""

    def spoke(self) -> None:
        """Something else was said just now."""
        self._last = self._clock()

    def hush(self, by: int) -> None:
        """Say nothing while one of them wishes so: 1 to begin with it, -1 to end."""
        self._hushed += by
        self.spoke()

    def look(self) -> float:
        """Say a line if it is time for one; the seconds until it might be time again."""
        now, pause = self._clock(), PAUSES[min(self._said, len(PAUSES) - 1)]
        if now - self._last < pause or self._hushed:
            return max(pause - (now - self._last), PAUSES[0] / 10)
        self._say(now - self._begun)
        self._said, self._last = self._said + 1, now
        return PAUSES[min(self._said, len(PAUSES) - 1)]

    def _say(self, seconds: float) -> None:
        what = "".join(f": {one}" for one in (self._step, self._doing) if one)
        try:
            start = CLEAR if self._out.isatty() else ""
            self._out.write(f"{start}still working after {seconds:.0f} s{what}\n")
            self._out.flush()
        except (OSError, ValueError):  # nobody reads any more; the work goes on
            self._hushed += 1


_now: Patience | None = None


@contextmanager
def watched() -> Iterator[None]:
    """While a command runs: its silence is broken."""
    global _now
    mine, over = Patience(), threading.Event()

    def keep() -> None:
        while not over.wait(mine.look()):
            pass

    outer, _now = _now, mine
    threading.Thread(target=keep, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        _now = outer


def at(doing: str) -> None:
    """What the command does from now on, in words that follow `still working after 2 s:`."""
    if _now is not None:
        _now.at(doing)


def begin(step: str) -> None:
    """The command begins a step with a name."""
    if _now is not None:
        _now.begin(step)


def spoke() -> None:
    """The command has said something itself."""
    if _now is not None:
        _now.spoke()


@contextmanager
def hushed() -> Iterator[None]:
    """While a person is asked or reads, or something else shows how far the work is."""
    mine = _now
    if mine is not None:
        mine.hush(1)
    try:
        yield
    finally:
        if mine is not None:
            mine.hush(-1)
