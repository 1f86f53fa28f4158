"""A bar for work that takes more than two seconds; plain lines where nobody looks at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, Self, TextIO

from bystack.client.patience import spoke

WIDTH: Final = 30
PATIENCE: Final = 2.0
"""Seconds before anything is shown: what is done by then needs no bar."""
PLAIN_STEP: Final = 0.1
"""Without a terminal a line is written for each tenth that is done."""
CLEAR: Final = "\r\x1b[K"


class Bar:
    """Shows how far a work is, on standard error.

    `out` and `clock` are for tests. On a terminal one line is drawn anew and removed at the end.
    """

    def __init__(
        self, label: str, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label, self._out, self._clock = label, out or sys.stderr, clock
        self._terminal = self._out.isatty()
        self._begun, self._last, self._drawn = clock(), -PLAIN_STEP, False

    def __enter__(self) -> Self:
        return self

    def show(self, done: float, says: str = "") -> None:
        """`done` from 0 to 1; `says` in place of the bar, if given."""
        if self._clock() - self._begun < PATIENCE:
            return
        text = says or line(self._label, done)
        if self._terminal:
            self._out.write(CLEAR + text)
            self._drawn = True
            spoke()
        elif done - self._last >= PLAIN_STEP or done >= 1 > self._last:
            self._out.write(text + "\n")
            self._last = done
            spoke()
        self._out.flush()

    def __exit__(self, *error: object) -> None:
        if self._drawn:
            self._out.write(CLEAR)
            self._out.flush()


def line(label: str, done: float) -> str:
    """For example `blocks ####-------- 41.3 %`."""
    bar = "#" * int(min(max(done, 0.0), 1.0) * WIDTH)
    return f"{label} {bar:-<{WIDTH}} {100 * done:.1f} %"
