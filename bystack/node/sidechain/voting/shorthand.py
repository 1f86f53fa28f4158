"""Proposals between validators in short, whole where that fails; beside the engine, which sees only
whole ones.

One draft for each peer, and a bound on what is kept for those who lack something: whoever sends
nonsense costs its own proposal. Nothing here waits: an engine that gets no proposal asks for it,
and that answer is whole.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol, TypeVar

import structlog

from bystack.ledger.transactions import Transaction
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.pooling import Pooling
from bystack.p2p.queues import Class
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Body
from bystack.sidechain.brevity import (
    MAX_MISSING,
    Draft,
    GetTransactions,
    RootsDiffer,
    ShortProposal,
    Transactions,
    in_full,
    shorten,
)
from bystack.sidechain.consensus.messages import MAX_MESSAGE, GetProposal, Propose
from bystack.sidechain.messages import write_message

PROPOSAL: Final = 58
GET: Final = 59
GIVE: Final = 60
MAX_SHORT: Final = 2_000_000
SHORT_CAPS: Final = {PROPOSAL: MAX_SHORT, GET: 5 * MAX_MISSING, GIVE: MAX_MESSAGE}
"""Frame kinds and the largest payload of each."""
FEW: Final = 8
"""Fewer transactions travel whole."""
KEPT: Final = 4
MOST_PEERS: Final = 400
MOST_FILLED: Final = 8
"""Drafts of one peer at one height that are filled in: each is a look through the whole pool. No
leader makes more new blocks before the engine asks for them whole anyway."""
MALFORMED_POINTS: Final = 50

_W = TypeVar("_W", bound=Wire)

log = structlog.get_logger("shorthand")


class Peers(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload; False when the peer's queue is full or it is gone."""

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        """Count a fault."""


class Shorthand:
    """Belongs to the task that owns the engine."""

    def __init__(self, peers: Peers, application: Application, pooling: Pooling) -> None:
        self._peers, self._application, self._pooling = peers, application, pooling
        self._drafts: dict[bytes, Draft] = {}
        self._bodies: dict[bytes, Body] = {}
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self._given: set[tuple[bytes, bytes]] = set()
        self._whole: set[bytes] = set()
        self._filled: Counter[tuple[int, bytes]] = Counter()

    # Ours

    def asked(self, peer: bytes) -> None:
        """A peer asked for a proposal: the next one it is sent is whole."""
        if len(self._whole) < MOST_PEERS:
            self._whole.add(peer)

    def write(self, proposal: Propose, to: bytes | None = None) -> tuple[int, bytes]:
        """Frame kind and payload that carry a proposal to a peer, or to all."""
        body = self._application.body_of(proposal.body)
        whole = to in self._whole
        self._whole.discard(to or b"")
        if whole or body is None or len(body.transactions) < FEW:
            return write_message(proposal)
        self._keep(proposal.header.id, body)
        return PROPOSAL, encode(shorten(proposal, body))

    def _keep(self, block: bytes, body: Body) -> None:
        if block not in self._bodies:
            while len(self._bodies) >= KEPT:
                gone = next(iter(self._bodies))
                del self._bodies[gone]
                self._given = {one for one in self._given if one[1] != gone}
            self._bodies[block] = body

    # Theirs

    def hear(self, peer: bytes, kind: int, payload: bytes, height: int) -> Propose | None:
        """A frame of ours from a validator; `height` is being decided. A whole proposal, if this
        made one."""
        try:
            if kind == PROPOSAL:
                return self._proposed(peer, _read(ShortProposal, payload), height)
            if kind == GIVE:
                return self._completed(peer, _read(Transactions, payload))
            self._give(peer, _read(GetTransactions, payload))
        except Invalid as error:
            self._drafts.pop(peer, None)
            self._peers.penalise(peer, MALFORMED_POINTS, error.rule)
        return None

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        self._drafts.pop(peer, None)
        self._whole.discard(peer)

    def _proposed(self, peer: bytes, short: ShortProposal, height: int) -> Propose | None:
        if not height <= short.header.height <= height + 1:
            return None
        known = self._known.get(short.header.id)
        if known is not None and known[0] == short.certificate:
            return in_full(short, known[1])  # said again, by whoever has no vote of ours yet
        pending = self._drafts.get(peer)
        if pending is not None and _same(pending.short, short):
            return None  # what lacks is on its way: asked for anew it would answer another question
        draft = Draft(short)
        if not self._affords(peer, short.header.height, height):
            self._ask_whole(peer, short)
            return None
        draft.fill(self._pooling.pool.transactions())
        missing = draft.missing
        if not missing:
            return self._made(peer, draft)
        if len(missing) > MAX_MISSING:
            self._ask_whole(peer, short)
            return None
        self._drafts[peer] = draft
        self._send(peer, GET, GetTransactions(short.header.id, missing))
        log.info("transactions of a block lack", height=short.header.height, count=len(missing))
        return None

    def _affords(self, peer: bytes, height: int, deciding: int) -> bool:
        """Whether another draft of a peer is worth a look through the pool; counts it, and forgets
        what is of heights decided."""
        for one in [one for one in self._filled if one[0] < deciding]:
            del self._filled[one]
        for sender, draft in list(self._drafts.items()):
            if draft.short.header.height < deciding:
                del self._drafts[sender]
        self._filled[height, peer] += 1
        return self._filled[height, peer] <= MOST_FILLED

    def _completed(self, peer: bytes, given: Transactions) -> Propose | None:
        draft = self._drafts.pop(peer, None)
        if draft is None or draft.short.header.id != given.block:
            return None  # late: another proposal came meanwhile
        draft.complete(given.transactions)
        return self._made(peer, draft)

    def _made(self, peer: bytes, draft: Draft) -> Propose | None:
        try:
            proposal, body = draft.proposal()
        except RootsDiffer:
            self._ask_whole(peer, draft.short)
            return None
        self._application.know(proposal.body, body)
        while len(self._known) >= KEPT:
            del self._known[next(iter(self._known))]
        self._known[proposal.header.id] = (body.certificate, proposal.body)
        return proposal

    def _ask_whole(self, peer: bytes, short: ShortProposal) -> None:
        """Two ids collide, or too much lacks: as if no proposal had come."""
        kind, payload = write_message(GetProposal(short.header.height, short.view))
        self._peers.send(peer, kind, payload, Class.CONSENSUS)

    def _give(self, peer: bytes, asked: GetTransactions) -> None:
        """Each block's once to each peer, so that asking costs us little."""
        body = self._bodies.get(asked.block)
        if body is None or (peer, asked.block) in self._given:
            return
        self._given.add((peer, asked.block))
        found = tuple(_at(body, asked.places))
        if len(found) == len(asked.places):
            self._send(peer, GIVE, Transactions(asked.block, found))

    def _send(self, peer: bytes, kind: int, message: Wire) -> None:
        payload = encode(message)
        if len(payload) <= SHORT_CAPS[kind]:
            self._peers.send(peer, kind, payload, Class.CONSENSUS)


def _same(one: ShortProposal, other: ShortProposal) -> bool:
    return one.header.id == other.header.id and one.view == other.view


def _at(body: Body, places: tuple[int, ...]) -> list[Transaction]:
    return [body.transactions[at] for at in places if at < len(body.transactions)]


def _read(kind: type[_W], payload: bytes) -> _W:
    return decode(kind, payload, MAX_MESSAGE)
