"""The memory pool of a chain role: judges what comes, keeps orphans a while, tells who listens.

Both chain roles drive `ledger.mempool` through this; `judging` says what a transaction does. Every
method is called from the chain's one task.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Hashable, Iterable, Sequence
from typing import NamedTuple, Protocol

import trio

from bystack.ledger.candidates import Candidate
from bystack.ledger.coins import Coin, CoinMissing, CoinView
from bystack.ledger.mempool import Mempool
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.validation import Immature, NotYetValid
from bystack.node.pool.judging import Fetch, Judging, PoolRules
from bystack.node.pool.listening import Listeners, PoolEvent
from bystack.node.pool.orphans import Orphans
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.errors import Invalid

TOGETHER = 500
"""So many are judged at one time; between two lots others have their turn."""
RETURNING = 100
"""So many after a reorganisation, when all that wait are judged again: everybody else has their
turn some milliseconds later."""
MAX_RETURNING = 20_000_000
"""Bytes of undone blocks' transactions that come back; of a deeper reorganisation the later stay
out, as their senders still have them."""

LATER = (CoinMissing, Immature, NotYetValid)
"""Rules that a transaction breaks for now: a peer may be a block ahead of us."""


class Observer(Protocol):
    """Who learns from the pool how long transactions wait at which rate."""

    def entered(self, id: bytes, rate: int, height: int, /) -> None:
        """One came in that builds on nothing unconfirmed."""

    def mined(self, ids: Iterable[bytes], height: int, /) -> None:
        """A block at `height` holds these."""

    def left(self, id: bytes, /) -> None:
        """One went, and no block has it."""


class Unobserved:
    """Nobody learns from the pool."""

    def entered(self, id: bytes, rate: int, height: int, /) -> None:
        """Nothing."""

    def mined(self, ids: Iterable[bytes], height: int, /) -> None:
        """Nothing."""

    def left(self, id: bytes, /) -> None:
        """Nothing."""


class Intake(NamedTuple):
    """What became of transactions handed in together: those taken, orphans they freed among them,
    and by id why the others were not."""

    taken: list[Transaction]
    refused: dict[bytes, Invalid]


class Pool:
    """The waiting transactions of one chain; `fetch` reads the coins of its tip."""

    def __init__(
        self,
        mempool: Mempool,
        rules: PoolRules,
        fetch: Fetch,
        verifier: Verifier,
        observer: Observer | None = None,
    ) -> None:
        self.machine = mempool
        self.orphans = Orphans()
        self._judging = Judging(mempool, rules, fetch, verifier)
        self._observer = observer or Unobserved()
        self._listeners = Listeners()
        self._returning: list[Transaction] = []

    @property
    def settled(self) -> bool:
        """Whether everything that waits is judged; not so in the midst of a reorganisation."""
        return not self._returning

    def waited(self) -> list[tuple[Transaction, int]]:
        """All that wait, parents before children, and since when (seconds), with those that are
        still to be judged again after a reorganisation."""
        entries = self.machine.entries()
        judged = [(entry.candidate.tx, entry.since) for entry in entries]
        return [*judged, *((tx, self.machine.since(tx.id)) for tx in self._returning)]

    async def judge(self, tx: Transaction) -> Candidate:
        """Judge a transaction as for admission, signatures included, and change nothing."""
        verdict = (await self.judge_all([tx]))[0]
        if isinstance(verdict, Invalid):
            raise verdict
        return verdict

    async def judge_all(self, txs: Sequence[Transaction]) -> list[Candidate | Invalid]:
        """For each what it would be in the pool, or the rule it breaks; children may follow their
        parents. Changes nothing."""
        return (await self._judging.judge(txs))[1]

    async def coins_for(self, tx: Transaction) -> CoinView:
        """The coins that judging a transaction looks up: the chain's and those created here."""
        return await self._judging.coins_for(tx)

    async def admit(self, tx: Transaction) -> list[Transaction]:
        """Take a transaction in; returns it and the orphans that waited for it.

        Raises the rule by which it is refused.
        """
        intake = await self.admit_all([tx])
        if tx.id in intake.refused:
            raise intake.refused[tx.id]
        return intake.taken

    async def admit_all(self, txs: Sequence[Transaction], since: Sequence[int] = ()) -> Intake:
        """Take in what stands of these, in order, and the orphans that waited for them.

        `since` are the times they count as waiting from; left out, it is now.
        """
        intake = await self._take_in(txs, since)
        adopted = await self._adopt([tx.id for tx in intake.taken])
        return intake._replace(taken=[*intake.taken, *adopted])

    def hold(self, tx: Transaction, peer: bytes = b"", now: float = 0.0) -> None:
        """Keep one of a peer that may stand later (`LATER`), a while."""
        self.orphans.hold(tx, peer, now)

    def tick(self, wall: int, now: float) -> None:
        """Time passed (`wall` in seconds of the world, `now` of this process): let go of what
        waited too long."""
        self._tell_lost(self.machine.age(wall))
        self.orphans.expire(now)

    async def connect(
        self, transactions: Sequence[Transaction], height: int, claims: Iterable[Hashable] = ()
    ) -> list[Transaction]:
        """A block came with these; `height` is that of the next. Returns orphans taken in.

        Who made a claim that the block makes may stand beside it, as may who issues of an asset
        that the block issued, and is judged again with what builds on it.
        """
        claims = frozenset(claims)
        taken = [tx.id for tx in transactions if tx.id in self.machine]
        self._observer.mined(taken, height - 1)
        doubtful = self._judging.touched(claims)
        lost = self.machine.connect(transactions, height, claims, doubtful)
        self._listeners.gone(taken)
        self._tell_lost(lost)
        if claims:
            await self._take_in([one.tx for one in lost])
        return await self._adopt([tx.id for tx in transactions])

    async def retry(self) -> list[Transaction]:
        """Judge again what was kept for later; returns what came in."""
        return await self._try_orphans(list(self.orphans))

    async def replace(
        self, undone: Sequence[Transaction], done: Sequence[Transaction], height: int
    ) -> list[Transaction]:
        """Blocks were undone (their transactions oldest first, without coinbases), others came.

        Everything that waited, and what no block has any more, is judged again. Returns what came
        in that did not wait before.
        """
        before = {candidate.tx.id for candidate in self.machine}
        settled = {tx.id for tx in done}
        self._observer.mined(sorted(before & settled), height - 1)
        returning = _bounded([tx for tx in undone if tx.id not in settled])
        waiting = self.machine.disconnect(returning, height)
        self._returning = [tx for tx in waiting if tx.id not in settled]
        while self._returning:
            await self._take_in(self._returning[:RETURNING], silent=before)
            del self._returning[:RETURNING]
            await trio.lowlevel.checkpoint()
        self._listeners.gone(sorted(before & settled))
        lost = sorted(id for id in before if id not in self.machine and id not in settled)
        self._forget(lost)
        return [candidate.tx for candidate in self.machine if candidate.tx.id not in before]

    def drop(self, id: bytes) -> None:
        """Put out one that no longer holds, with its descendants."""
        self._tell_lost(self.machine.drop(id))

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

    def listen(self) -> AsyncIterator[PoolEvent]:
        """What waits now, then every arrival and departure; ends for one who falls far behind."""
        return self._listeners.listen(self.transactions)

    def listen_together(
        self, roots: frozenset[bytes] | None = None
    ) -> AsyncIterator[list[PoolEvent]]:
        """As `listen`, several events at a time when they come fast; if `roots` are given only of
        payments to these policy roots."""
        return self._listeners.listen_together(self.transactions, roots)

    # Several at one time

    async def _take_in(
        self,
        txs: Sequence[Transaction],
        since: Sequence[int] = (),
        silent: Collection[bytes] = (),
    ) -> Intake:
        """Judge, verify, admit; the listeners are not told of those who are `silent`."""
        lot, verdicts = await self._judging.judge(txs)
        times = since or (None,) * len(txs)
        intake = Intake([], {})
        for tx, verdict, time in zip(txs, verdicts, times, strict=True):
            try:
                if isinstance(verdict, Invalid):
                    raise verdict
                lot.require_parents(tx)
                lost = self.machine.admit(verdict, time)
            except Invalid as error:
                intake.refused.setdefault(tx.id, error)
                continue
            self._entered(verdict, lost, silent=tx.id in silent, known=time is not None)
            intake.taken.append(tx)
        return intake

    def _entered(
        self, one: Candidate, lost: Sequence[Candidate], *, silent: bool, known: bool
    ) -> None:
        self.orphans.forget(one.tx.id)
        self._tell_lost(lost)
        if silent:
            return
        self._listeners.arrived(one.tx)
        if not known and not self.machine.parents(one):
            self._observer.entered(one.tx.id, one.rate, self.machine.height - 1)

    async def _adopt(self, parents: list[bytes]) -> list[Transaction]:
        """Take in the orphans of these, and theirs."""
        adopted: list[Transaction] = []
        while parents and self.orphans:
            taken = await self._try_orphans(self.orphans.children(parents))
            adopted += taken
            parents = [tx.id for tx in taken]
        return adopted

    async def _try_orphans(self, orphans: Sequence[Transaction]) -> list[Transaction]:
        """Judge orphans again: whose refusal is for ever is forgotten, others wait on."""
        if not orphans:
            return []
        intake = await self._take_in(orphans)
        for id, error in intake.refused.items():
            if not isinstance(error, LATER):
                self.orphans.forget(id)
        return intake.taken

    def _tell_lost(self, lost: Iterable[Candidate]) -> None:
        self._forget([one.tx.id for one in lost])

    def _forget(self, lost: Sequence[bytes]) -> None:
        """These left, and no block has them."""
        for id in lost:
            self._observer.left(id)
        self._listeners.gone(lost)


def _bounded(txs: Sequence[Transaction]) -> list[Transaction]:
    """The first of these, as far as `MAX_RETURNING` bytes go."""
    room, chosen = MAX_RETURNING, list[Transaction]()
    for tx in txs:
        room -= tx.size
        if room < 0:
            break
        chosen.append(tx)
    return chosen
