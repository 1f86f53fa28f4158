"""Transactions on their way: between the gossip machine, the pool and the peers.

A body is judged like one handed in here. What is wrong with it for ever costs the peer that sent
it; what only does not fit our tip or pool (a coin spent meanwhile, a fee too low) costs nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, assert_never

import structlog

from bystack.ledger.checks import SignatureWrong
from bystack.ledger.mempool import AlreadyPooled
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.ledger.validation import check_transaction
from bystack.node.mainchain.wire import GOSSIP, TOPIC, TRANSACTIONS
from bystack.node.pool import LATER, Pool
from bystack.p2p import gossip
from bystack.p2p.host import Class, Host
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

BREACH_POINTS: Final = 20

log = structlog.get_logger("relay")


class WrongItem(Invalid):
    """The transaction is not the one that was announced."""


class Relay:
    """Owned by the chain's task, as the pool is."""

    def __init__(self, pool: Pool, host: Host) -> None:
        self._pool, self._host = pool, host
        self._gossip = gossip.Gossip([TOPIC])

    async def join(self, peer: bytes, now: float) -> None:
        """A peer is connected: tell it what waits."""
        waiting = tuple(tx.id for tx in self._pool.transactions())
        await self._handle(gossip.Joined(peer), now)
        await self._handle(gossip.Offer(peer, TRANSACTIONS, waiting), now)

    async def leave(self, peer: bytes, now: float) -> None:
        """A peer is gone."""
        await self._handle(gossip.Left(peer), now)

    async def hear(self, peer: bytes, payload: bytes, now: float) -> None:
        """A peer sent a gossip payload."""
        await self._handle(gossip.Heard(peer, payload), now)

    async def tick(self, now: float) -> None:
        """Time passed."""
        if now >= self._gossip.deadline():
            await self._handle(gossip.Tick(), now)

    async def admit(self, tx: Transaction, now: float) -> None:
        """Take in a transaction of our own and announce it; raises the rule that refuses it."""
        await self.announce(await self._pool.admit(tx), now)

    async def announce(self, transactions: Sequence[Transaction], now: float) -> None:
        """Tell the peers of transactions that came in."""
        for tx in transactions:
            await self._handle(gossip.Accepted(TRANSACTIONS, tx.id), now)

    async def _handle(self, event: gossip.GossipEvent, now: float) -> None:
        todo = deque(self._gossip.handle(event, now))
        while todo:
            match todo.popleft():
                case gossip.SendTo(peer, payload):
                    self._host.send(peer, GOSSIP, payload, Class.TRANSACTION)
                case gossip.Penalise(peer, points, reason):
                    self._host.penalise(peer, points, reason)
                case gossip.Fetch(peer, topic, id):
                    todo.extend(self._gossip.handle(self._supply(peer, topic, id), now))
                case gossip.Deliver(peer, _, id, body):
                    for verdict in await self._judge(peer, id, body):
                        todo.extend(self._gossip.handle(verdict, now))
                case other:
                    assert_never(other)

    def _supply(self, peer: bytes, topic: int, id: bytes) -> gossip.Supply:
        tx = self._pool.get(id)
        return gossip.Supply(peer, topic, id, None if tx is None else encode(tx))

    async def _judge(self, peer: bytes, id: bytes, body: bytes) -> list[gossip.GossipEvent]:
        try:
            tx = decode_transaction(body)
            if tx.id != id:
                raise WrongItem(announced=id, given=tx.id)
            check_transaction(tx)
        except Invalid as error:
            self._host.penalise(peer, BREACH_POINTS, error.rule)
            return [gossip.Rejected(TRANSACTIONS, id)]
        return await self._admit(peer, tx)

    async def _admit(self, peer: bytes, tx: Transaction) -> list[gossip.GossipEvent]:
        try:
            taken = await self._pool.admit(tx)
        except AlreadyPooled:
            return [gossip.Accepted(TRANSACTIONS, tx.id)]
        except LATER:
            self._pool.hold(tx)  # should it come in later, it is announced then
            return [gossip.Refused(TRANSACTIONS, tx.id), gossip.Dropped(TRANSACTIONS, tx.id)]
        except SignatureWrong as error:
            self._host.penalise(peer, BREACH_POINTS, error.rule)
            return [gossip.Rejected(TRANSACTIONS, tx.id)]
        except Invalid as error:
            log.debug("transaction refused", id=tx.id.hex(), reason=str(error))
            return [gossip.Refused(TRANSACTIONS, tx.id)]
        return [gossip.Accepted(TRANSACTIONS, one.id) for one in taken]
