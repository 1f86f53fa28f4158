"""The fee rate that a memory pool asks for: raised when it puts others out, falling back in time.

Whoever was put out for want of room must not come back at once at the same price, so the rate they
paid becomes the least. It halves every twelve hours once a block has come, faster while the pool
stands half or three quarters empty (Bitcoin Core's rolling minimum).
"""

from __future__ import annotations

HALF_LIFE = 12 * 3600


class Floor:
    """`least` is never gone below; an eviction asks `increment` more than was evicted."""

    def __init__(self, least: int, increment: int) -> None:
        self.least = least
        self._increment = increment
        self._raised = 0.0
        self._since = 0
        self._calm = True

    @property
    def rate(self) -> int:
        """Fee units asked per million of weight."""
        return max(self.least, int(self._raised))

    def lift(self, evicted: int, now: int) -> None:
        """One that paid `evicted` was put out for want of room; `now` in seconds."""
        asked = evicted + max(1, self._increment)
        if asked > self._raised:
            self._raised, self._since = float(asked), now
        self._calm = False

    def block(self, now: int) -> None:
        """A block came: from here on the rate falls."""
        if not self._calm:
            self._calm, self._since = True, max(self._since, now)

    def decay(self, now: int, weight: int, most: int) -> None:
        """Time passed in a pool that holds `weight` of at most `most`."""
        if not self._raised or not self._calm or now <= self._since:
            return
        half = HALF_LIFE // (4 if weight * 4 < most else 2 if weight * 2 < most else 1)
        self._raised *= 0.5 ** ((now - self._since) / half)
        self._since = now
        if self._raised < max(self.least, self._increment // 2, 1):
            self._raised = 0.0
