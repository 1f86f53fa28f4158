"""Which waiting transactions a block should hold: the highest fee rate first, parents before.

A transaction counts with the ancestors it still needs, so a child can pay for its parent. The
result is in valid order; whoever builds the block applies them one by one, since what an operation
may do can depend on the height, and leaves out what no longer stands.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from bystack.ledger.candidates import RATE, Candidate
from bystack.ledger.mempool import Mempool

MAX_BLS_CHECKS = 200


def select(
    pool: Mempool, max_weight: int, max_bls_checks: int = MAX_BLS_CHECKS
) -> tuple[Candidate, ...]:
    """Candidates for a block of at most `max_weight`, in an order that a block can have."""
    return _Selection(pool, max_weight, max_bls_checks).run()


class _Selection:
    def __init__(self, pool: Mempool, weight: int, bls_checks: int) -> None:
        self._order = {candidate.tx.id: at for at, candidate in enumerate(pool)}
        self._needs = {identity: pool.ancestors(identity) for identity in self._order}
        self._pool = pool
        self._weight = weight
        self._bls_checks = bls_checks
        self._chosen: dict[bytes, Candidate] = {}
        self._heap = [(-self._rate(identity), at, identity) for identity, at in self._order.items()]
        heapify(self._heap)

    def run(self) -> tuple[Candidate, ...]:
        """Take the best package until nothing is left; one that does not fit is passed over."""
        while self._heap:
            rate, _, identity = heappop(self._heap)
            # An entry from before its ancestors were chosen has a newer, better one beside it.
            if identity not in self._chosen and -rate == self._rate(identity):
                self._take(self._package(identity))
        return tuple(self._chosen.values())

    def _package(self, identity: bytes) -> list[Candidate]:
        """The transaction and the ancestors it still needs, parents first."""
        needed = {identity, *self._needs[identity]}.difference(self._chosen)
        found = (self._pool.get(name) for name in sorted(needed, key=self._order.__getitem__))
        return [candidate for candidate in found if candidate is not None]

    def _rate(self, identity: bytes) -> int:
        package = self._package(identity)
        return sum(c.fee for c in package) * RATE // sum(c.weight for c in package)

    def _take(self, package: list[Candidate]) -> None:
        weight = sum(c.weight for c in package)
        bls_checks = sum(c.bls_checks for c in package)
        if weight > self._weight or bls_checks > self._bls_checks:
            return
        self._weight -= weight
        self._bls_checks -= bls_checks
        self._chosen.update((c.tx.id, c) for c in package)
        for identity in {d for c in package for d in self._pool.descendants(c.tx.id)}:
            if identity not in self._chosen:
                heappush(self._heap, (-self._rate(identity), self._order[identity], identity))
