"""The memory pool: which valid transactions wait, and which of two that conflict may stay.

A pure machine. The caller validates a transaction against `Mempool.view` for the next block, lets
its checks be verified, and hands the result over as a `Candidate`; `admit` takes it or raises why
not, changing nothing. `ledger.template` picks what a block should hold.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence

import msgspec

from bystack.ledger.candidates import Candidate, displaces
from bystack.ledger.coins import Coin, CoinView
from bystack.ledger.transactions import Outpoint, PolicyLock, Transaction
from bystack.ledger.waiting import Waiting
from bystack.primitives.errors import Invalid

MAX_RELATIVES = 25
MAX_DISPLACED = 100
MAX_WEIGHT = 100_000_000
MIN_RATE = 1_000_000


class AlreadyPooled(Invalid):
    """The transaction waits in the pool already."""


class FeeTooLow(Invalid):
    """The fee rate is below what the pool asks for."""


class TooManyAncestors(Invalid):
    """The transaction builds on too many that are not confirmed."""


class TooManyDescendants(Invalid):
    """Too many transactions build on one that is not confirmed."""


class TooManyDisplaced(Invalid):
    """The transaction would displace too many others."""


class BuildsOnDisplaced(Invalid):
    """The transaction spends a coin of one that it would displace."""


class SponsorUnconfirmed(Invalid):
    """Who sponsors a vault operation must do so with confirmed coins."""


class OperationUnconfirmed(Invalid):
    """What a vault operation pays out moves on once it is confirmed."""


class PoolFull(Invalid):
    """The pool is full of transactions that pay more."""


class Mempool:
    """Transactions waiting for a block, in order of arrival, so parents before children.

    `height` is that of the next block; `floor` the fee rate asked for, higher while the pool is
    full.
    """

    def __init__(self, height: int, max_weight: int = MAX_WEIGHT, min_rate: int = MIN_RATE) -> None:
        self.height = height
        self.floor = min_rate
        self._min_rate = min_rate
        self._max_weight = max_weight
        self._waiting = Waiting()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._waiting)

    def __contains__(self, identity: object) -> bool:
        return identity in self._waiting

    @property
    def weight(self) -> int:
        """The weight of all that wait."""
        return self._waiting.weight

    def get(self, identity: bytes) -> Candidate | None:
        """The waiting transaction with this id."""
        return self._waiting.get(identity)

    def taker(self, claim: Hashable) -> bytes | None:
        """The id of the transaction that spends this coin or makes this claim."""
        return self._waiting.taker(claim)

    def view(self, base: CoinView) -> CoinView:
        """The coins a new transaction may build on: the chain's, and those created here.

        Coins spent here are there still, for a transaction may displace the one that spends them.
        """
        return _PoolView(base, self)

    def ancestors(self, identity: bytes) -> set[bytes]:
        """The ids of every waiting transaction that this one builds on."""
        return self._waiting.ancestors(self._waiting[identity])

    def descendants(self, identity: bytes) -> set[bytes]:
        """The ids of every waiting transaction that builds on this one, and its own."""
        return self._waiting.families([identity])

    def admit(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Take a valid, verified transaction in; returns those it put out.

        Raises one of this file's errors, or `FeeNotHigher` or `PriorityLower` for a conflict lost.
        """
        identity = candidate.tx.id
        if identity in self._waiting:
            raise AlreadyPooled(transaction=identity)
        if candidate.rate < self.floor:
            raise FeeTooLow(rate=candidate.rate, floor=self.floor)
        self._check_operation(candidate)
        displaced = self._displaced(candidate)
        self._check_relatives(candidate, displaced)
        crowded = self._crowded_out(candidate, displaced)
        removed = self._remove(displaced | crowded)
        self._waiting.insert(candidate)
        return removed

    def connect(
        self, transactions: Sequence[Transaction], height: int, claims: Iterable[Hashable] = ()
    ) -> tuple[Candidate, ...]:
        """A block came with these, and made these claims; `height` is that of the block after it.

        Returns what fell out though no block has it: conflicting with the block, or expired.
        """
        self.height = height
        for tx in transactions:
            if tx.id in self._waiting:
                self._waiting.remove(tx.id)
        spent = {point for tx in transactions for point in tx.body.inputs}
        rivals = self._waiting.takers(spent.union(claims))
        late = [c for c in self._waiting if c.until and c.until < height]
        if self.weight * 2 < self._max_weight:
            self.floor = self._min_rate
        return self._remove(self._waiting.families(c.tx.id for c in (*rivals, *late)))

    def drop(self, identity: bytes) -> tuple[Candidate, ...]:
        """Put out one that no longer holds, with its descendants."""
        return self._remove(self._waiting.families([identity] if identity in self else []))

    def disconnect(
        self, transactions: Sequence[Transaction], height: int
    ) -> tuple[Transaction, ...]:
        """A block with these was undone; `height` is that of the next block now.

        Empties the pool and returns what is to be validated and admitted again, parents first: the
        block's (the caller leaves out its coinbase), then those that waited. Of several blocks
        undone, the last block's come first.
        """
        waiting = tuple(candidate.tx for candidate in self._waiting)
        self._waiting = Waiting()
        self.height = height
        return (*transactions, *waiting)

    def _check_operation(self, candidate: Candidate) -> None:
        """No pinning: sponsors bring confirmed coins, and what they get back is not built upon."""
        for point in candidate.tx.body.inputs:
            parent = self._waiting.get(point.transaction)
            if parent is None or point in candidate.vault_inputs:
                continue
            if candidate.priority is not None:
                raise SponsorUnconfirmed(transaction=point.transaction, index=point.index)
            lock = parent.tx.body.outputs[point.index].lock
            if parent.priority is not None and isinstance(lock, PolicyLock):
                raise OperationUnconfirmed(transaction=point.transaction, index=point.index)

    def _displaced(self, candidate: Candidate) -> set[bytes]:
        """Whoever conflicts with the candidate, with descendants, if it may displace them."""
        rivals = self._waiting.takers(candidate.claims)
        outbid = [rival for rival in rivals if not displaces(candidate, rival)]
        leaving = self._waiting.families(rival.tx.id for rival in outbid)
        candidate.check_outbids(outbid, sum(self._waiting[i].fee for i in leaving))
        if len(leaving) > MAX_DISPLACED:
            raise TooManyDisplaced(given=len(leaving), most=MAX_DISPLACED)
        return self._waiting.families(rival.tx.id for rival in rivals)

    def _check_relatives(self, candidate: Candidate, displaced: Collection[bytes]) -> None:
        ancestors = self._waiting.ancestors(candidate)
        if not ancestors.isdisjoint(displaced):
            raise BuildsOnDisplaced(transaction=candidate.tx.id)
        if len(ancestors) >= MAX_RELATIVES:
            raise TooManyAncestors(given=len(ancestors), most=MAX_RELATIVES - 1)
        for ancestor in self._waiting.ordered(ancestors):
            family = self._waiting.families([ancestor.tx.id]).difference(displaced)
            if len(family) >= MAX_RELATIVES:
                raise TooManyDescendants(transaction=ancestor.tx.id, most=MAX_RELATIVES)

    def _crowded_out(self, candidate: Candidate, displaced: set[bytes]) -> set[bytes]:
        """Who must leave for want of room, lowest worth first.

        Down to 95 %, so that a full pool is not sorted for every transaction; the rate of the last
        one becomes the floor. Raises `PoolFull` when they are worth more than the candidate.
        """
        weight = self.weight + candidate.weight - self._sum(displaced)
        if weight <= self._max_weight:
            return set()
        ancestors, crowded = self._waiting.ancestors(candidate), set[bytes]()
        for worth, identity in sorted((self._waiting.worth(c.tx.id), c.tx.id) for c in self):
            family = self._waiting.families([identity]) - displaced - crowded
            if weight * 20 <= self._max_weight * 19 or worth >= candidate.rate:
                break
            if family and family.isdisjoint(ancestors):
                crowded |= family
                weight -= self._sum(family)
                floor = worth + 1
        if weight > self._max_weight:
            raise PoolFull(rate=candidate.rate, weight=self.weight)
        self.floor = max(self.floor, floor)
        return crowded

    def _sum(self, identities: Iterable[bytes]) -> int:
        return sum(self._waiting[identity].weight for identity in identities)

    def _remove(self, identities: Iterable[bytes]) -> tuple[Candidate, ...]:
        """Take these out, whose descendants are among them; returned in order of arrival."""
        gone = tuple(self._waiting.ordered(identities))
        for candidate in reversed(gone):
            self._waiting.remove(candidate.tx.id)
        return gone


class _PoolView:
    """The chain's coins and the pool's, these as if created in the next block."""

    def __init__(self, base: CoinView, pool: Mempool) -> None:
        self._base = base
        self._pool = pool

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin; one that waits with its transaction has the next block's height."""
        parent = self._pool.get(outpoint.transaction)
        if parent is None:
            return self._base.get(outpoint)
        coin = parent.delta.created.get(outpoint)
        if coin is None or coin.height == self._pool.height:
            return coin
        return msgspec.structs.replace(coin, height=self._pool.height)
