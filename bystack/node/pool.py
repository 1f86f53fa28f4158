"""The memory pool of a chain role: judges what comes, keeps orphans a while, tells who listens.

Both chain roles drive `ledger.mempool` through this. What a transaction needs and what it does is
the chain's rule, handed in as `PoolRules`. Every method is called from the chain's one task.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, Protocol

import trio

from bystack.ledger.candidates import Candidate
from bystack.ledger.coins import Coin, CoinMissing, CoinView
from bystack.ledger.effects import Check
from bystack.ledger.mempool import AlreadyPooled, Mempool
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.validation import Immature, NotYetValid
from bystack.node.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

MAX_ORPHANS = 100
MAX_ORPHAN = 100_000
MAX_BEHIND = 10_000

LATER = (CoinMissing, Immature, NotYetValid)
"""Rules that a transaction breaks for now: a peer may be a block ahead of us."""

Fetch = Callable[[Iterable[Outpoint]], Awaitable[CoinView]]


class Judged(NamedTuple):
    """A transaction that is valid once its checks hold."""

    candidate: Candidate
    checks: tuple[Check, ...]


class PoolRules(Protocol):
    """A chain's rules for transactions that wait."""

    def needs(self, tx: Transaction, /) -> Iterable[Outpoint]:
        """Every coin that judging it looks up; raises `Invalid` for one that cannot be read."""

    def judge(self, coins: CoinView, tx: Transaction, height: int, /) -> Judged:
        """What it would do in a block at `height`; raises the rule it breaks."""


class Arrived(NamedTuple):
    """A transaction came in."""

    tx: Transaction


class Gone(NamedTuple):
    """A transaction left, into a block or not."""

    id: bytes


PoolEvent = Arrived | Gone


class Pool:
    """The waiting transactions of one chain; `fetch` reads the coins of its tip."""

    def __init__(
        self, mempool: Mempool, rules: PoolRules, fetch: Fetch, verifier: Verifier
    ) -> None:
        self.machine = mempool
        self._rules = rules
        self._fetch = fetch
        self._verifier = verifier
        self._orphans: OrderedDict[bytes, Transaction] = OrderedDict()
        self._listeners: set[trio.MemorySendChannel[PoolEvent]] = set()

    async def judge(self, tx: Transaction) -> Candidate:
        """Judge a transaction as for admission, signatures included, and change nothing."""
        if tx.id in self.machine:
            raise AlreadyPooled(transaction=tx.id)
        coins = await self.coins_for(tx)
        judged = self._rules.judge(coins, tx, self.machine.height)
        await self._verifier.require(judged.checks)
        return judged.candidate

    async def coins_for(self, tx: Transaction) -> CoinView:
        """The coins that judging a transaction looks up: the chain's and those created here."""
        return self.machine.view(await self._fetch(self._rules.needs(tx)))

    async def admit(self, tx: Transaction) -> list[Transaction]:
        """Take a transaction in; returns it and the orphans that waited for it.

        Raises the rule by which it is refused.
        """
        await self._admit(tx)
        return [tx, *await self._adopt([tx.id])]

    def hold(self, tx: Transaction) -> None:
        """Keep one that may stand later (`LATER`); the oldest of too many is forgotten."""
        if tx.size <= MAX_ORPHAN:
            self._orphans[tx.id] = tx
        if len(self._orphans) > MAX_ORPHANS:
            self._orphans.popitem(last=False)

    async def connect(
        self, transactions: Sequence[Transaction], height: int, claims: Iterable[Hashable] = ()
    ) -> list[Transaction]:
        """A block came with these; `height` is that of the next. Returns orphans taken in."""
        taken = [tx.id for tx in transactions if tx.id in self.machine]
        dropped = self.machine.connect(transactions, height, claims)
        self._tell_gone([*taken, *(one.tx.id for one in dropped)])
        return await self._adopt([tx.id for tx in transactions])

    async def retry(self) -> list[Transaction]:
        """Judge again what was kept for later; returns what came in."""
        return [tx for tx in list(self._orphans.values()) if await self._try(tx)]

    async def replace(
        self, undone: Sequence[Transaction], done: Sequence[Transaction], height: int
    ) -> list[Transaction]:
        """Blocks were undone (their transactions oldest first, without coinbases), others came.

        Everything that waited, and what no block has any more, is judged again. Returns what came
        in that did not wait before.
        """
        before = {candidate.tx.id for candidate in self.machine}
        waiting = self.machine.disconnect(undone, height)
        settled = {tx.id for tx in done}
        for tx in waiting:
            if tx.id not in settled and tx.id not in self.machine:
                await self._try(tx, tell=tx.id not in before)
        self._tell_gone(sorted(id for id in before if id not in self.machine))
        return [candidate.tx for candidate in self.machine if candidate.tx.id not in before]

    def drop(self, id: bytes) -> None:
        """Put out one that no longer holds, with its descendants."""
        self._tell_gone(one.tx.id for one in self.machine.drop(id))

    def get(self, id: bytes) -> Transaction | None:
        """The waiting transaction with this id."""
        candidate = self.machine.get(id)
        return None if candidate is None else candidate.tx

    def transactions(self) -> list[Transaction]:
        """All that wait, parents before children."""
        return [candidate.tx for candidate in self.machine]

    def coin(self, outpoint: Outpoint) -> Coin | None:
        """A coin that a waiting transaction would create."""
        parent = self.machine.get(outpoint.transaction)
        return None if parent is None else parent.delta.created.get(outpoint)

    async def listen(self) -> AsyncIterator[PoolEvent]:
        """What waits now, then every arrival and departure; ends for one who falls far behind."""
        send, receive = trio.open_memory_channel[PoolEvent](MAX_BEHIND)
        waiting = self.transactions()
        self._listeners.add(send)
        try:
            for tx in waiting:
                yield Arrived(tx)
            async for event in receive:
                yield event
        finally:
            self._listeners.discard(send)

    async def _admit(self, tx: Transaction, *, tell: bool = True) -> None:
        displaced = self.machine.admit(await self.judge(tx))
        self._orphans.pop(tx.id, None)
        self._tell_gone(one.tx.id for one in displaced)
        if tell:
            self._tell(Arrived(tx))

    async def _try(self, tx: Transaction, *, tell: bool = True) -> bool:
        """Admit one whose refusal concerns nobody; an orphan that may stand later stays one."""
        try:
            await self._admit(tx, tell=tell)
        except LATER:
            return False
        except Invalid:
            self._orphans.pop(tx.id, None)
            return False
        return True

    async def _adopt(self, parents: list[bytes]) -> list[Transaction]:
        adopted: list[Transaction] = []
        while parents and self._orphans:
            parent = parents.pop()
            for orphan in self._children(parent):
                if await self._try(orphan):
                    adopted.append(orphan)
                    parents.append(orphan.id)
        return adopted

    def _children(self, parent: bytes) -> list[Transaction]:
        spends = (tx for tx in self._orphans.values() if tx.body.inputs)
        return [tx for tx in spends if any(p.transaction == parent for p in tx.body.inputs)]

    def _tell_gone(self, ids: Iterable[bytes]) -> None:
        for id in ids:
            self._tell(Gone(id))

    def _tell(self, event: PoolEvent) -> None:
        for listener in list(self._listeners):
            try:
                listener.send_nowait(event)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self._listeners.discard(listener)
                listener.close()


def as_items(event: PoolEvent) -> list[object]:
    """An event as an item of the `pool` stream: `["add", id, bytes]` or `["remove", id]`."""
    match event:
        case Arrived(tx):
            return ["add", tx.id, encode(tx)]
        case Gone(id):
            return ["remove", id]
