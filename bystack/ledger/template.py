"""Which waiting transactions a block should hold: the highest fee rate first, parents before.

A transaction counts with the ancestors it still needs, so a child can pay for its parent. The
result is in valid order; whoever builds the block applies them one by one, since what an operation
may do can depend on the height, and leaves out what no longer stands. Only what is looked at costs
time: once the block is nearly full, the search ends.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import NamedTuple

from bystack.ledger.candidates import RATE, Candidate
from bystack.ledger.mempool import Mempool
from bystack.ledger.waiting import Entry
from bystack.primitives.codec import MAX_INT

MAX_BLS_CHECKS = 200
LEAST_WEIGHT = 100
"""No transaction weighs less, so that less room is none."""
MISSES = 1_000
"""After so many packages in a row that do not fit, the last hundredth of a block stays empty."""


def select(
    pool: Mempool,
    max_weight: int,
    max_bls_checks: int = MAX_BLS_CHECKS,
    max_fee: int = MAX_INT,
    most: int = MAX_INT,
    max_burden: int = MAX_INT,
) -> tuple[Candidate, ...]:
    """Candidates for a block of at most `max_weight` that pay at most `max_fee` together (a block's
    reward is one amount), in an order that a block can have. The search ends at `most` of them."""
    return _Selection(pool, _Room(max_weight, max_bls_checks, max_fee, max_burden), most).run()


class _Room(NamedTuple):
    """What a block can still hold."""

    weight: int
    bls_checks: int
    fee: int
    burden: int

    def without(self, package: list[Candidate]) -> _Room:
        """What is left with a package in it; negative somewhere if it does not fit."""
        return _Room(
            self.weight - sum(c.weight for c in package),
            self.bls_checks - sum(c.bls_checks for c in package),
            self.fee - sum(c.fee for c in package),
            self.burden - sum(c.burden for c in package),
        )


class _Selection:
    def __init__(self, pool: Mempool, room: _Room, most: int) -> None:
        self._pool, self._room, self._most = pool, room, most
        self._chosen: dict[bytes, Candidate] = {}
        self._misses, self._crumbs = 0, room.weight // 100
        self._heap = [_ranked(entry) for entry in pool.entries()]
        heapify(self._heap)

    def run(self) -> tuple[Candidate, ...]:
        """Take the best package until nothing more fits; one that does not is passed over."""
        while self._heap and not self._full():
            rate, _, identity = heappop(self._heap)
            if identity in self._chosen:
                continue
            package = self._package(identity)
            # An entry from before its ancestors were chosen has a newer, better one beside it.
            if -rate == _rate(package):
                self._take(package)
        return tuple(self._chosen.values())

    def _full(self) -> bool:
        weight = self._room.weight
        if len(self._chosen) >= self._most:
            return True
        return weight < LEAST_WEIGHT or (weight < self._crumbs and self._misses >= MISSES)

    def _package(self, identity: bytes) -> list[Candidate]:
        """The transaction and the ancestors it still needs, parents first."""
        entry = self._pool.entry(identity)
        assert entry is not None, "the pool does not change meanwhile"
        if entry.above.count == 1:
            return [entry.candidate]
        needed = {identity, *self._pool.ancestors(identity)}.difference(self._chosen)
        return self._pool.ordered(needed)

    def _take(self, package: list[Candidate]) -> None:
        left = self._room.without(package)
        if min(left) < 0:
            self._misses += 1
            return
        self._room, self._misses = left, 0
        self._chosen.update((c.tx.id, c) for c in package)
        for identity in {d for c in package for d in self._dependants(c)}:
            rate = _rate(self._package(identity))
            heappush(self._heap, (-rate, self._arrival(identity), identity))

    def _dependants(self, one: Candidate) -> set[bytes]:
        """Those not chosen that now need one ancestor less."""
        entry = self._pool.entry(one.tx.id)
        if entry is None or entry.below.count == 1:
            return set()
        return self._pool.descendants(one.tx.id).difference(self._chosen)

    def _arrival(self, identity: bytes) -> int:
        entry = self._pool.entry(identity)
        return 0 if entry is None else entry.arrival


def _ranked(entry: Entry) -> tuple[int, int, bytes]:
    return -entry.above.rate, entry.arrival, entry.candidate.tx.id


def _rate(package: list[Candidate]) -> int:
    return sum(c.fee for c in package) * RATE // sum(c.weight for c in package)
