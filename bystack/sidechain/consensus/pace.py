"""How long to wait for others: measured from vote to certificate (bbft.md, sections 6 and 10)."""

from __future__ import annotations

from bystack.sidechain.consensus.events import Config

LEAST_FALLBACK = 60
LEAST_GATHERING, MOST_GATHERING = 10, 60
SMOOTHING = 8


class Pace:
    """The smoothed time from our vote to its certificate; none yet: the longest waits."""

    def __init__(self) -> None:
        self._eighths = -1

    def took(self, milliseconds: int) -> None:
        """A certificate came so long after our vote."""
        if self._eighths < 0:
            self._eighths = SMOOTHING * milliseconds
        self._eighths += milliseconds - self._eighths // SMOOTHING

    @property
    def smoothed(self) -> int:
        """Milliseconds from vote to certificate; -1 when none came yet."""
        return self._eighths // SMOOTHING

    def fallback(self, config: Config) -> int:
        """d_fb: how long after voting to go round a gateway, from 60 ms to `config.fallback`."""
        if self._eighths < 0:
            return config.fallback
        return min(max(2 * self.smoothed, LEAST_FALLBACK), config.fallback)

    def gathering(self, config: Config) -> int:
        """d_agg: how long after the first vote a gateway waits for its group, 10 to 60 ms."""
        most = min(MOST_GATHERING, config.fallback)
        if self._eighths < 0:
            return most
        return min(max(self.smoothed, LEAST_GATHERING), most)
