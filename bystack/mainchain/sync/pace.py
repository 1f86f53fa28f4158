"""How far and how fast: what is connected, what the headers still promise, the rate of late."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

SPAN: Final = 30
"""Seconds that a rate looks back."""


class Progress(NamedTuple):
    """Where a node stands on its way to the best headers it knows.

    `transactions` are connected ones, `remaining` those of the blocks to come. The rates are
    counts over the last `seconds` (at least 1); `peers` send us blocks now.
    """

    blocks: int
    headers: int
    transactions: int
    remaining: int
    recent_blocks: int
    recent_transactions: int
    seconds: int
    peers: int

    @property
    def seconds_left(self) -> int | None:
        """At the rate of late; None while nothing moves, 0 when nothing is left."""
        left = self.headers - self.blocks
        if left <= 0:
            return 0
        if not self.recent_transactions:
            return None
        return -(-max(self.remaining, left) * self.seconds // self.recent_transactions)


class Pace:
    """Counts connected blocks and transactions over the last `SPAN` seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int, int]] = deque()

    def count(self, now: int, blocks: int, transactions: int) -> None:
        """So many were connected."""
        if self._samples and self._samples[-1][0] == now:
            _, before, others = self._samples.pop()
            blocks, transactions = blocks + before, transactions + others
        self._samples.append((now, blocks, transactions))
        self._forget(now)

    def _forget(self, now: int) -> None:
        while self._samples and self._samples[0][0] <= now - SPAN:
            self._samples.popleft()

    def recent(self, now: int) -> tuple[int, int, int]:
        """Blocks and transactions connected, and in how many seconds."""
        self._forget(now)
        if not self._samples:
            return 0, 0, SPAN
        blocks = sum(sample[1] for sample in self._samples)
        transactions = sum(sample[2] for sample in self._samples)
        return blocks, transactions, now - self._samples[0][0] + 1
