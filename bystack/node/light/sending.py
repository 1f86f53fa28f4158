"""Sending transactions of our own from a light node: offered to every peer, bodies on request.

Nothing is judged beyond its form, since a light node has no coins: a peer that refuses does not say
so, and only a block tells that a payment was taken. What others announce is not asked for.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from bystack.ledger.transactions import Transaction
from bystack.ledger.validation import check_transaction
from bystack.node.mainchain.wire import GOSSIP, TOPIC, TRANSACTIONS
from bystack.p2p import gossip
from bystack.p2p.host import Class, Host
from bystack.p2p.items import Get, payload_cap, read
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

KEPT: Final = 256
MALFORMED_POINTS: Final = 50


class Sending:
    """Owned by the light chain's task."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._gossip = gossip.Gossip([TOPIC])
        self._own: OrderedDict[bytes, Transaction] = OrderedDict()
        self._peers: set[bytes] = set()

    def get(self, id: bytes) -> Transaction | None:
        """A transaction of our own that was sent lately."""
        return self._own.get(id)

    @property
    def waiting(self) -> int:
        """How many are kept."""
        return len(self._own)

    def submit(self, tx: Transaction, now: float) -> None:
        """Offer a transaction to every peer, now and when one joins; again if it was before.

        Raises what its form breaks (`check_transaction`).
        """
        check_transaction(tx)
        self._own[tx.id] = tx
        if len(self._own) > KEPT:
            self._own.popitem(last=False)
        for peer in self._peers:
            self._handle(gossip.Offer(peer, TRANSACTIONS, (tx.id,)), now)

    def join(self, peer: bytes, now: float) -> None:
        """A peer is connected: offer it what we sent."""
        self._peers.add(peer)
        self._handle(gossip.Joined(peer), now)
        if self._own:
            self._handle(gossip.Offer(peer, TRANSACTIONS, tuple(self._own)), now)

    def leave(self, peer: bytes, now: float) -> None:
        """A peer is gone."""
        self._peers.discard(peer)
        self._handle(gossip.Left(peer), now)

    def hear(self, peer: bytes, payload: bytes, now: float) -> None:
        """A peer wants a transaction, or announces its own, which is none of our business."""
        try:
            message = read(payload, payload_cap([TOPIC]))
        except Invalid as error:
            return self._host.penalise(peer, MALFORMED_POINTS, error.rule)
        if isinstance(message, Get):
            self._handle(gossip.Heard(peer, payload), now)

    def _handle(self, event: gossip.GossipEvent, now: float) -> None:
        todo = deque(self._gossip.handle(event, now))
        while todo:
            match todo.popleft():
                case gossip.SendTo(peer, payload):
                    self._host.send(peer, GOSSIP, payload, Class.TRANSACTION)
                case gossip.Penalise(peer, points, reason):
                    self._host.penalise(peer, points, reason)
                case gossip.Fetch(peer, topic, id):
                    tx = self._own.get(id)
                    body = None if tx is None else encode(tx)
                    todo.extend(self._gossip.handle(gossip.Supply(peer, topic, id, body), now))
                case gossip.Deliver():
                    continue  # nothing is ever asked for
