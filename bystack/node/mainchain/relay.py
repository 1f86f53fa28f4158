"""Transactions on their way: between the gossip machine, the pool and the peers.

A body is judged like one handed in here, together with all that came since the last `settle`. What
is wrong with it for ever costs the peer that sent it; what only does not fit our tip or pool (a
coin spent meanwhile, a fee too low) costs nobody. Of an orphan's sender we ask the parent.

Frames are dropped where too many are under way, and who had no room for a transaction may have some
later. So what still waits after a while is announced again, a part of it at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, assert_never

import structlog

from bystack.ledger.candidates import FeeNotHigher, PriorityLower, RelayUnpaid
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.coins import CoinMissing
from bystack.ledger.contention import (
    BuildsOnDisplaced,
    OperationUnconfirmed,
    SponsorUnconfirmed,
    TooManyAncestors,
    TooManyDescendants,
    TooManyDisplaced,
)
from bystack.ledger.crowding import PoolFull
from bystack.ledger.mempool import AlreadyPooled, FeeTooLow
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.ledger.validation import check_transaction
from bystack.node.mainchain.wire import GOSSIP, TOPIC, TRANSACTIONS
from bystack.node.pool.pool import LATER, TOGETHER, Pool
from bystack.p2p import gossip
from bystack.p2p.host import Class, Host
from bystack.p2p.items import Announce
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

BREACH_POINTS: Final = 20
MAX_HELD: Final = 4_000_000
"""So many bytes of transactions are not held unjudged, however busy the inbox is kept."""
REMIND: Final = 30.0
"""Seconds between two reminders."""
REMINDED: Final = 512
"""So many are announced again at a time, others the next time."""
CROWDED: Final = (
    BuildsOnDisplaced,
    FeeNotHigher,
    FeeTooLow,
    OperationUnconfirmed,
    PoolFull,
    PriorityLower,
    RelayUnpaid,
    SponsorUnconfirmed,
    TooManyAncestors,
    TooManyDescendants,
    TooManyDisplaced,
)
"""What the pool has no place for, whoever sends it. Of all other faults the witnesses may be the
reason, and another peer may have better ones for the same id."""

log = structlog.get_logger("relay")


class WrongItem(Invalid):
    """The transaction is not the one that was announced."""


class Delivered(NamedTuple):
    """A transaction that a peer sent and nobody has judged yet."""

    peer: bytes
    tx: Transaction


class Relay:
    """Owned by the chain's task, as the pool is; it calls `settle` when nothing else waits.

    What a peer sent is announced on at once, but `hop` seconds after the last time at the earliest
    (`pass_on`, due at `hop_due`): where thousands a second come by, most peers have it by then.
    """

    def __init__(
        self,
        pool: Pool,
        host: Host,
        topic: gossip.Topic = TOPIC,
        together: int = TOGETHER,
        hop: float = 0.0,
    ) -> None:
        self._pool, self._host, self._together, self._hop = pool, host, together, hop
        self._later, self._hopped = list[bytes](), float("-inf")
        self._gossip = gossip.Gossip([topic])
        self._peers: set[bytes] = set()
        self._delivered: list[Delivered] = []
        self._held = 0
        self._remind_at, self._stood, self._turn = 0.0, list[bytes](), 0

    async def join(self, peer: bytes, now: float) -> None:
        """A peer is connected: tell it what waits."""
        waiting = tuple(tx.id for tx in self._pool.transactions())
        self._peers.add(peer)
        await self._handle(gossip.Joined(peer), now)
        await self._handle(gossip.Offer(peer, TRANSACTIONS, waiting), now)

    async def leave(self, peer: bytes, now: float) -> None:
        """A peer is gone."""
        self._peers.discard(peer)
        self._pool.orphans.leave(peer)
        await self._handle(gossip.Left(peer), now)

    async def hear(self, peer: bytes, payload: bytes, now: float) -> None:
        """A peer sent a gossip payload."""
        await self._handle(gossip.Heard(peer, payload), now)
        if len(self._delivered) >= self._together or self._held >= MAX_HELD:
            await self.settle(now)

    async def settle(self, now: float) -> None:
        """Judge all that peers sent since the last time."""
        if not self._delivered:
            return
        lot, self._delivered, self._held = self._delivered, [], 0
        intake = await self._pool.admit_all([one.tx for one in lot])
        taken = {tx.id for tx in intake.taken}
        for one in lot:
            # Of two bodies of one id, the witnesses of one may be wrong: we do not know whose.
            error = None if one.tx.id in taken else intake.refused.get(one.tx.id)
            for verdict in self._refuse(one, error, now) if error else ():
                await self._handle(verdict, now)
        ids = tuple([tx.id for tx in intake.taken])
        await self._handle(gossip.Taken(TRANSACTIONS, ids), now)
        self._later += ids
        if now >= self.hop_due:
            await self.pass_on(now)

    @property
    def hop_due(self) -> float:
        """When `pass_on` is due; infinity where nothing is to be announced."""
        return self._hopped + self._hop if self._later else float("inf")

    async def pass_on(self, now: float) -> None:
        """Announce what peers sent and still waits to the others."""
        ids = tuple([id for id in self._later if id in self._pool.machine])
        self._later, self._hopped = [], now
        for peer in sorted(self._peers) if ids else ():
            await self._handle(gossip.Offer(peer, TRANSACTIONS, ids), now)

    async def tick(self, now: float) -> None:
        """Time passed."""
        if now >= self._gossip.deadline():
            await self._handle(gossip.Tick(), now)
        if now >= self._remind_at:
            self._remind_at = now + REMIND
            await self._remind(now)

    async def _remind(self, now: float) -> None:
        """Announce again what was chosen the last time and still waits, and choose the next."""
        ids = tuple([id for id in self._stood if id in self._pool.machine])
        await self._handle(gossip.Remind(TRANSACTIONS, ids), now)
        await self._handle(gossip.Forgive(TRANSACTIONS), now)
        waiting = [one.tx.id for one in self._pool.machine]
        start = self._turn if self._turn < len(waiting) else 0
        self._stood = waiting[start : start + REMINDED]
        self._turn = start + len(self._stood)

    async def admit(self, tx: Transaction, now: float) -> None:
        """Take in a transaction of our own and announce it; raises the rule that refuses it."""
        await self.announce(await self._pool.admit(tx), now)

    async def admit_all(self, txs: Sequence[Transaction], now: float) -> dict[bytes, Invalid]:
        """Take in transactions of our own and announce them; by id why the others were not."""
        intake = await self._pool.admit_all(txs)
        await self.announce(intake.taken, now)
        return intake.refused

    async def announce(self, transactions: Sequence[Transaction], now: float) -> None:
        """Tell the peers of transactions that came in."""
        if transactions:
            ids = tuple([tx.id for tx in transactions])
            await self._handle(gossip.AcceptedAll(TRANSACTIONS, ids), now)

    async def _handle(self, event: gossip.GossipEvent, now: float) -> None:
        todo, wanted = deque(self._gossip.handle(event, now)), list[gossip.Fetch]()
        while todo:
            match todo.popleft():
                case gossip.SendTo(peer, payload):
                    self._host.send(peer, GOSSIP, payload, Class.TRANSACTION)
                case gossip.Penalise(peer, points, reason):
                    self._host.penalise(peer, points, reason)
                case gossip.Fetch() as fetch:
                    wanted.append(fetch)
                case gossip.Deliver(peer, _, id, body):
                    todo.extend(self._deliver(peer, id, body, now))
                case other:
                    assert_never(other)
        if wanted:
            await self._handle(self._supply(wanted), now)

    def _supply(self, wanted: Sequence[gossip.Fetch]) -> gossip.SupplyAll:
        """What a peer asked for in one message."""
        bodies = []
        for fetch in wanted:
            tx = self._pool.get(fetch.id)
            bodies.append((fetch.id, None if tx is None else encode(tx)))
        return gossip.SupplyAll(wanted[0].peer, TRANSACTIONS, tuple(bodies))

    def _deliver(
        self, peer: bytes, id: bytes, body: bytes, now: float
    ) -> list[gossip.GossipOutput]:
        """Put a body to those to be judged, unless it is wrong by itself."""
        try:
            tx = decode_transaction(body)
            if tx.id != id:
                raise WrongItem(announced=id, given=tx.id)
        except Invalid as error:
            self._host.penalise(peer, BREACH_POINTS, error.rule)
            return self._gossip.handle(gossip.Rejected(TRANSACTIONS, id), now)
        self._delivered.append(Delivered(peer, tx))
        self._held += len(body)
        return []

    def _refuse(self, one: Delivered, error: Invalid, now: float) -> list[gossip.GossipEvent]:
        """What to tell the gossip machine of one that was not taken in."""
        peer, id = one.peer, one.tx.id
        if fault := _fault_of(one.tx):
            self._host.penalise(peer, BREACH_POINTS, fault.rule)
            return [gossip.Rejected(TRANSACTIONS, id)]
        match error:
            case AlreadyPooled():
                return [gossip.Accepted(TRANSACTIONS, id)]
            case SignatureWrong():
                self._host.penalise(peer, BREACH_POINTS, error.rule)
                return [gossip.Rejected(TRANSACTIONS, id)]
            case _ if isinstance(error, LATER):
                self._pool.hold(one.tx, peer, now)  # should it come in later, it is announced then
                refused, free = gossip.Refused(TRANSACTIONS, id), gossip.Dropped(TRANSACTIONS, id)
                return [refused, free, *self._parent(peer, error)]
            case _ if isinstance(error, CROWDED):
                log.debug("transaction refused", id=id.hex(), reason=str(error))
                return [gossip.Refused(TRANSACTIONS, id)]
            case _:
                return [gossip.Rejected(TRANSACTIONS, id)]

    def _parent(self, peer: bytes, error: Invalid) -> list[gossip.GossipEvent]:
        """Whoever sends a child has its parent to give, as if it had announced it."""
        parent = error.facts.get("transaction")
        if peer not in self._peers or not isinstance(error, CoinMissing):
            return []
        if not isinstance(parent, bytes) or parent in self._pool.orphans:
            return []
        return [gossip.Heard(peer, encode(Announce(TRANSACTIONS, (parent,))))]


def _fault_of(tx: Transaction) -> Invalid | None:
    """What is wrong with it by itself, which an honest peer would have seen; what is taken in was
    judged by the same rule."""
    try:
        check_transaction(tx)
    except Invalid as error:
        return error
    return None
