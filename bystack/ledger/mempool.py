"""The memory pool: which valid transactions wait, and which of two that conflict may stay.

A pure machine. The caller validates a transaction against `Mempool.view` for the next block, lets
its checks be verified, and hands the result over as a `Candidate`; `admit` takes it or raises why
not, changing nothing. `ledger.template` picks what a block should hold.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence

import msgspec

from bystack.ledger.candidates import Candidate
from bystack.ledger.coins import Coin, CoinView
from bystack.ledger.contention import NOBODY, check_relatives, check_sponsors, displaced_by
from bystack.ledger.crowding import crowded_out
from bystack.ledger.floors import Floor
from bystack.ledger.lowest import Lowest
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.waiting import Entry, Waiting
from bystack.primitives.errors import Invalid

MAX_WEIGHT = 100_000_000
MIN_RATE = 1_000_000
EXPIRY = 336 * 3600


class AlreadyPooled(Invalid):
    """The transaction waits in the pool already."""


class FeeTooLow(Invalid):
    """The fee rate is below what the pool asks for."""


class Mempool:
    """Transactions waiting for a block, in order of arrival, so parents before children.

    `height` is that of the next block; `floor` the fee rate asked for, higher while the pool is
    full; whoever displaces others pays `min_rate` for its own weight on top. `age` tells the time;
    what waits longer than `expiry` seconds leaves.
    """

    def __init__(
        self,
        height: int,
        max_weight: int = MAX_WEIGHT,
        min_rate: int = MIN_RATE,
        expiry: int = EXPIRY,
        now: int = 0,
    ) -> None:
        self.height = height
        self.now = now
        self.increment = min_rate
        self.max_weight = max_weight
        self._floor = Floor(min_rate, self.increment)
        self._expiry = expiry
        self._waiting = Waiting()
        self._ends, self._sinces = Lowest(self._end), Lowest(self._since)
        self._returning: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._waiting)

    def __contains__(self, identity: object) -> bool:
        return identity in self._waiting

    @property
    def floor(self) -> int:
        """The fee rate asked for, per million of weight."""
        return self._floor.rate

    @property
    def min_rate(self) -> int:
        """The fee rate asked for while there is room."""
        return self._floor.least

    @property
    def weight(self) -> int:
        """The weight of all that wait."""
        return self._waiting.weight

    @property
    def size(self) -> int:
        """The bytes of all that wait."""
        return self._waiting.size

    @property
    def fee(self) -> int:
        """What all that wait pay."""
        return self._waiting.fee

    def entry(self, identity: bytes) -> Entry | None:
        """A waiting transaction with its place among the others."""
        return self._waiting.entry(identity)

    def entries(self) -> list[Entry]:
        """All of them, in order of arrival."""
        return self._waiting.entries()

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

    def ordered(self, identities: Iterable[bytes]) -> list[Candidate]:
        """Those that wait under these ids, parents before children."""
        return self._waiting.ordered(identities)

    def descendants(self, identity: bytes) -> set[bytes]:
        """The ids of every waiting transaction that builds on this one, and its own."""
        return self._waiting.families([identity])

    def parents(self, candidate: Candidate) -> set[bytes]:
        """The ids of those that it builds on directly, whether it waits here itself or not."""
        return self._waiting.parents(candidate)

    def check(self, candidate: Candidate) -> None:
        """Raise what `admit` would raise beside `PoolFull`; worth asking before signatures are."""
        self._judge(candidate)

    def admit(self, candidate: Candidate, since: int | None = None) -> tuple[Candidate, ...]:
        """Take a valid, verified transaction in; returns those it put out.

        It counts as waiting since `since` (seconds), as before if it left to be judged again, else
        since now. Raises the errors of this file, `contention` and `crowding`, or `FeeNotHigher`,
        `RelayUnpaid` or `PriorityLower` for a conflict lost.
        """
        displaced = self._judge(candidate)
        crowded = crowded_out(self._waiting, candidate, displaced, self.max_weight)
        if crowded.leaving:
            self._floor.lift(crowded.worth, self.now)
        removed = self._remove({*displaced, *crowded.leaving})
        self._insert(candidate, since)
        return removed

    def connect(
        self,
        transactions: Sequence[Transaction],
        height: int,
        claims: Iterable[Hashable] = (),
        doubtful: Iterable[bytes] = (),
    ) -> tuple[Candidate, ...]:
        """A block came with these, and made these claims; `height` is that of the block after it.

        Returns what fell out though no block has it, with descendants: conflicting with the block,
        past its end, or `doubtful` (ids), which may come in again as if they had not left.
        """
        self.height = height
        for tx in transactions:
            if tx.id in self._waiting:
                self._waiting.remove(tx.id)
        spent = {point for tx in transactions for point in tx.body.inputs}
        rivals = [rival.tx.id for rival in self._waiting.takers(spent.union(claims))]
        self._floor.block(self.now)
        self._waiting.block()
        over = {*rivals, *self._ends.below(height), *(id for id in doubtful if id in self)}
        families = self._waiting.families(over)
        self._returning = {id: self.since(id) for id in families}
        return self._remove(families)

    def since(self, identity: bytes) -> int:
        """Since when one waits (seconds), or waited before it left to be judged again."""
        entry = self._waiting.entry(identity)
        return self._returning.get(identity, self.now) if entry is None else entry.since

    def age(self, now: int) -> tuple[Candidate, ...]:
        """It is `now` (seconds): the floor falls, and who waited too long leaves."""
        self.now = max(self.now, now)
        self._floor.decay(self.now, self.weight, self.max_weight)
        return self._remove(self._waiting.families(self._sinces.below(now - self._expiry + 1)))

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
        waiting = self._waiting.entries()
        self._returning = {one.candidate.tx.id: one.since for one in waiting}
        self._waiting = Waiting()
        self.height = height
        return (*transactions, *(one.candidate.tx for one in waiting))

    def _judge(self, candidate: Candidate) -> Collection[bytes]:
        """Whom the candidate displaces; raises why it may not come in."""
        if candidate.tx.id in self._waiting:
            raise AlreadyPooled(transaction=candidate.tx.id)
        if candidate.rate < self.floor:
            raise FeeTooLow(rate=candidate.rate, floor=self.floor)
        if self._waiting.unconnected(candidate):
            return NOBODY
        check_sponsors(self._waiting, candidate)
        displaced = displaced_by(self._waiting, candidate, self.increment)
        check_relatives(self._waiting, candidate, displaced)
        return displaced

    def _insert(self, candidate: Candidate, since: int | None) -> None:
        identity = candidate.tx.id
        before = self._returning.pop(identity, self.now)
        self._waiting.insert(candidate, before if since is None else since, self.height)
        self._sinces.put(self._since(identity) or 0, identity)
        if candidate.until:
            self._ends.put(candidate.until, identity)

    def _since(self, identity: bytes) -> int | None:
        entry = self._waiting.entry(identity)
        return None if entry is None else entry.since

    def _end(self, identity: bytes) -> int | None:
        candidate = self._waiting.get(identity)
        return None if candidate is None else candidate.until

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
