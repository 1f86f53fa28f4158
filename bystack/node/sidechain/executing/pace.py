"""How much a block should hold so that it is final on this machine before its view is given up.

No rule: a larger block is as valid. But everyone executes a block before voting, so one that takes
longer than a view lasts is given up and proposed again; under more load than a machine can take,
blocks of a bounded size keep coming and the rest waits in the pool. What counts is the whole way
of a block, from when we begin to build or execute it until it is final here. The bound is well
above a usual interval: part of the way is the same for every block, so that smaller blocks under
more load than the machine takes would only make it fall behind further.
"""

from __future__ import annotations

from typing import Final

LEAST: Final = 500
FEW: Final = 100
WEIGHT: Final = 4
"""One block in so many decides the mean."""
WAY: Final = 0.6
"""Seconds that a block may be on its way: less than half of a view."""


class Pace:
    """A mean of how long blocks are on their way, for each transaction (seconds)."""

    def __init__(self) -> None:
        self._each, self._held = 0.0, LEAST
        self._height, self._begun = -1, 0.0

    def begin(self, height: int, now: float) -> None:
        """A block of this height is being built or executed, for the first time or again."""
        if height > self._height:
            self._height, self._begun = height, now

    def end(self, height: int, transactions: int, now: float) -> None:
        """The block at a height is final, with so many transactions."""
        if height == self._height and transactions >= FEW:
            each = (now - self._begun) / transactions
            self._each += (each - self._each) / WEIGHT if self._each else each
            self._held = transactions

    @property
    def most(self) -> int:
        """How many should be in a block: a few where nothing is known yet, and never more than
        twice what the last one held, for a small block says little about a large one."""
        most = int(WAY / self._each) if self._each else 2 * LEAST
        return max(LEAST, min(most, 2 * self._held))
