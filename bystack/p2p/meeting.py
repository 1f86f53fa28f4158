"""Nodes that a chain or charter names find each other: where each is goes round, and they connect.

Validators and members know each other by node id only. Owned by one task; never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

import structlog

from bystack.p2p.host import Class
from bystack.p2p.identity import Identity, node_id
from bystack.p2p.whereabouts import Directory, Whereabouts, declare, read_given
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

WHEREABOUTS: Final = 62
"""The frame kind; the consensus engine's, the gossip's and the members' lie elsewhere."""
BREACH_POINTS: Final = 20

log = structlog.get_logger("peers")


class Peers(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload for one peer."""

    def broadcast(self, kind: int, payload: bytes, cls: Class, *, skip: bytes | None = None) -> int:
        """Queue a payload for every peer but one."""

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        """Add to a peer's score."""

    def connect(self, address: str) -> None:
        """Keep a connection."""

    def let_go(self, address: str) -> None:
        """Keep it no more."""


class Meeting:
    """The whereabouts of those named, and the connections they ask for."""

    def __init__(
        self,
        host: Peers,
        identity: Identity,
        chain: bytes,
        address: Callable[[], str],
        now: Callable[[], int],
    ) -> None:
        self._host, self._identity, self._now = host, identity, now
        self._chain, self._address = chain, address
        self._directory = Directory(chain, identity.node_id)
        self._kept: dict[bytes, str] = {}

    def turn(self, nodes: Collection[bytes]) -> None:
        """These are the nodes named from now on: say where we are if we are one."""
        self._directory.want(nodes)
        if self._named and (address := self._address()):
            own = declare(self._identity, self._chain, address, self._now())
            self._spread(self._directory.take((own,), self._now()))
        for node in [node for node in self._kept if not self._directory.wants(node)]:
            self._host.let_go(self._kept.pop(node))
        self._meet()

    def join(self, peer: bytes) -> None:
        """A peer is connected: what we know may help it."""
        if known := self._directory.known:
            self._host.send(peer, WHEREABOUTS, encode(known), Class.BLOCK)

    def hear(self, peer: bytes, payload: bytes) -> None:
        """A peer passes on where the nodes named are."""
        try:
            fresh = self._directory.take(read_given(payload), self._now())
        except Invalid as error:
            return self._host.penalise(peer, BREACH_POINTS, error.rule)
        self._spread(fresh, skip=peer)
        self._meet()

    @property
    def _named(self) -> bool:
        return self._directory.wants(self._identity.node_id)

    def _spread(self, fresh: tuple[Whereabouts, ...], skip: bytes | None = None) -> None:
        if fresh:
            self._host.broadcast(WHEREABOUTS, encode(fresh), Class.BLOCK, skip=skip)

    def _meet(self) -> None:
        """Whoever is named is connected to all who are, wherever they moved."""
        if not self._named:
            return
        for one in self._directory.known:
            self._keep(one)

    def _keep(self, one: Whereabouts) -> None:
        node = node_id(one.key)
        address = self._directory.address_of(node)
        if address is None or self._kept.get(node) == (text := f"{node.hex()}@{address}"):
            return
        if node in self._kept:
            self._host.let_go(self._kept[node])
        log.info("a node is at", node=node.hex(), address=str(address))
        self._kept[node] = text
        self._host.connect(text)
