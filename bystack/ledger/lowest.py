"""Ids by a number, the lowest first, where the numbers of those inside may change or vanish.

Nothing is looked for: a changed number is put in beside the old one, and what no longer agrees
with `current` is skipped when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

SLACK = 1_000


class Lowest:
    """A heap of (number, id); `current` says what an id's number is now, None for one that left."""

    def __init__(self, current: Callable[[bytes], int | None]) -> None:
        self._current = current
        self._heap: list[tuple[int, bytes]] = []
        self._bound = SLACK

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, number: int, identity: bytes) -> None:
        """Put an id in under its present number."""
        heappush(self._heap, (number, identity))
        if len(self._heap) > self._bound:
            self._sweep()

    def take(self) -> tuple[int, bytes] | None:
        """Take out the lowest that is current, perhaps more than once; None when there is none."""
        while self._heap:
            number, identity = heappop(self._heap)
            if self._current(identity) == number:
                return number, identity
        return None

    def below(self, number: int) -> list[bytes]:
        """Take out every id whose present number is lower than this."""
        found: list[bytes] = []
        while self._heap and self._heap[0][0] < number and (taken := self.take()) is not None:
            if taken[0] >= number:
                self.put(*taken)
                break
            found.append(taken[1])
        return found

    def _sweep(self) -> None:
        """Drop what is no longer so; twice as many may come before the next time."""
        self._heap = list({one for one in self._heap if self._current(one[1]) == one[0]})
        heapify(self._heap)
        self._bound = 2 * len(self._heap) + SLACK
