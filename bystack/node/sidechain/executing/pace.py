"""How much a block should hold so that blocks keep their interval on this machine.

No rule: a larger block is as valid. But everyone executes a block before voting, so one that takes
longer than a view lasts is given up and proposed again; under more load than a machine can take,
blocks of a bounded size keep coming and the rest waits in the pool. What counts is the whole way
of a block, from when we begin to build or execute it until it is final here.
"""

from __future__ import annotations

from typing import Final

LEAST: Final = 500
FEW: Final = 100
WEIGHT: Final = 4
"""One block in so many decides the mean."""
SHARE: Final = 0.8
"""The part of an interval that a block may be on its way."""


class Pace:
    """A mean of how long blocks are on their way, for each transaction (seconds)."""

    def __init__(self) -> None:
        self._each = 0.0
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

    def most(self, interval: float) -> int:
        """How many should be in a block; a few where nothing is known yet."""
        return max(LEAST, int(SHARE * interval / self._each)) if self._each else 2 * LEAST
