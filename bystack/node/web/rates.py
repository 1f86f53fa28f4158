"""How many calls a second each token may make: a bucket for each, which refills all the time.

A batch counts as many calls as it has. It is let in while anything is left and may leave a debt, so
that no batch is too large for ever.
"""

from __future__ import annotations

from collections.abc import Callable

BURST_SECONDS = 2


class Rates:
    """The buckets; a `rate` of 0 sets no limit. It is asked each time, so that it may change."""

    def __init__(self, rate: Callable[[], int], now: Callable[[], float]) -> None:
        self._rate, self._now = rate, now
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, user: str, calls: int) -> float:
        """Seconds until `user` may make these calls; 0: now, and they are counted."""
        rate = self._rate()
        if not rate:
            return 0.0
        now, full = self._now(), float(rate * BURST_SECONDS)
        left, at = self._left.get(user, (full, now))
        left = min(full, left + (now - at) * rate)
        if left < 1:
            return (1 - left) / rate
        self._left[user] = left - calls, now
        return 0.0
