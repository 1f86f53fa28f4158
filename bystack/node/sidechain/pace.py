"""How much a block should hold so that this machine keeps the interval between blocks.

No rule: a larger block is as valid. But everyone executes a block before voting, so one that takes
longer than a view lasts is given up and proposed again; under more load than a machine can take,
blocks of a bounded size keep coming and the rest waits in the pool.
"""

from __future__ import annotations

from typing import Final

LEAST: Final = 500
FEW: Final = 100
WEIGHT: Final = 4
"""One block in so many decides the mean."""


class Pace:
    """A mean of how long executing takes here, for each transaction (seconds)."""

    def __init__(self) -> None:
        self._each = 0.0

    def took(self, transactions: int, seconds: float) -> None:
        """A block of so many was executed, whatever else ran meanwhile."""
        if transactions >= FEW:
            each = seconds / transactions
            self._each += (each - self._each) / WEIGHT if self._each else each

    def most(self, interval: float) -> int:
        """How many take an interval (seconds) to execute; `LEAST` where nothing is known."""
        return max(LEAST, int(interval / self._each)) if self._each else 2 * LEAST
