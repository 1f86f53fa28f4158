"""Who is connected, who may be, and which of two connections to one peer stays. No I/O.

Faults are charged to the host, since node keys are free, and to the node id once it is proved.
Whom we dialled bears nothing before that: who stands still for some minutes is dialled many times,
and an address is hearsay, so that anyone could have a third party's host banned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from bystack.p2p.addresses import Address, Target, group, is_loopback, parse_target
from bystack.p2p.buckets import AddressBuckets, Rate
from bystack.p2p.faults import points
from bystack.p2p.handshake import Role
from bystack.p2p.identity import NodeId
from bystack.p2p.peers import PeerBook
from bystack.p2p.queues import Class
from bystack.p2p.reports import HostConfig, PeerInfo
from bystack.primitives.errors import Invalid

NOBODY: Final = NodeId(b"")
MAX_MET: Final = 4096
MAX_INBOUND_PER_HOST: Final = 8
INBOUND_RATE: Final = Rate(per_second=2, burst=40)
YOUNG_SECONDS: Final = 10.0
"""Two connections to one peer made within this time count as made at once."""


class Line(Protocol):
    """What the roster needs of a link."""

    bytes_in: int
    bytes_out: int

    def post(self, cls: Class, frame: bytes) -> bool:
        """Queue a frame; False when its class is full."""

    def close(self, reason: str) -> None:
        """Say goodbye and end."""


@dataclass(eq=False)
class Session:
    """One connection from TLS to its end; `peer` is empty until it proved its key.

    `began` is on the steady clock, `since` on the wall clock.
    """

    link: Line
    role: Role
    address: Address
    began: float
    since: float
    peer: NodeId = NOBODY
    advertised: str = ""
    rtt: float | None = None
    dropped: int = 0
    answered: bool = False

    @property
    def blamed(self) -> tuple[str, ...]:
        """The names that bear this peer's faults."""
        return bearers(self.role, self.address, self.peer)

    @property
    def names(self) -> tuple[str, ...]:
        """All names this peer may be banned by."""
        known = (str(self.address), self.address.host)
        return (*known, self.peer.hex()) if self.peer else known


def bearers(role: Role, address: Address, peer: NodeId = NOBODY) -> tuple[str, ...]:
    """The names that bear a connection's faults; `role` is ours, `peer` empty unless proved."""
    if peer:
        return (address.host, peer.hex())
    return (address.host,) if role is Role.LISTENER else ()


def name(target: bytes | str) -> str:
    """The name of a node id, or of an address as it is written."""
    return target.hex() if isinstance(target, bytes) else target


def names(target: Target) -> tuple[str, ...]:
    """All names by which a dialling target may be banned."""
    known = (str(target.address), target.address.host)
    return known if target.node is None else (*known, target.node.hex())


class Roster:
    """The sessions of one host and the rules over them."""

    def __init__(self, node: NodeId, config: HostConfig, book: PeerBook) -> None:
        self.book = book
        self.listening = ""
        self.sessions: dict[NodeId, Session] = {}
        self.everyone: set[Session] = set()
        self.kept = {str(target.address): target for target in map(parse_target, config.peers)}
        self.nodes: dict[str, NodeId] = {}
        """The node that proved itself when we last dialled an address."""
        self.dialling: set[str] = set()
        self.inbound: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[Class] = Counter()
        self._node = node
        self._config = config
        self._arrivals = AddressBuckets(INBOUND_RATE)

    def refusal(self, address: Address, now: int, clock: float) -> str | None:
        """Why an inbound stream is not even listened to; None to go on.

        Loopback is shared by all processes of a machine, so it has no limits of its own.
        """
        host, local = address.host, is_loopback(address.host)
        if self.book.banned(now, host):
            return "Banned"
        if self.inbound.total() >= self._config.max_inbound:
            return "Full"
        if not local and self.inbound[host] >= MAX_INBOUND_PER_HOST:
            return "FullForHost"
        if not local and not self._arrivals.try_take(host, clock):
            return "TooOften"
        return None

    def connected(self, target: Target) -> Session | None:
        """The session with the node at a target, whoever dialled it."""
        node = target.node or self.nodes.get(str(target.address))
        return None if node is None else self.sessions.get(node)

    def candidate(self, now: int, dice: Random) -> str | None:
        """An address for a free outbound slot, in a neighbourhood we have none in yet."""
        outbound = [session for session in self.everyone if session.role is Role.DIALER]
        if max(len(outbound), len(self.dialling)) >= self._config.max_outbound:
            return None
        skip = {self.listening, *self.kept, *self.dialling}
        skip.update(text for text, node in self.nodes.items() if node in self.sessions)
        skip.update(session.advertised for session in self.everyone)
        taken = {group(session.address) for session in outbound}
        return self.book.candidate(now, taken, skip, dice)

    def prefers(self, new: Session, old: Session, peer: NodeId) -> bool:
        """Whether a second connection replaces the first; both ends come to the same answer.

        A peer that dials again has lost the first. When both dialled at once, the connection made
        by the smaller node id stays; one of some age is not given up for that.
        """
        if new.role is old.role:
            return True
        if new.began - old.began > YOUNG_SECONDS:
            return False
        return (new.role is Role.DIALER) == (self._node < peer)

    def met(self, address: Address, peer: NodeId) -> None:
        """Remember who answered at an address we dialled; the oldest such memory makes room."""
        self.nodes.pop(str(address), None)
        self.nodes[str(address)] = peer
        if len(self.nodes) > MAX_MET:
            del self.nodes[next(iter(self.nodes))]

    def keep(self, target: Target) -> bool:
        """From now on a connection there is kept; False if it was before."""
        text = str(target.address)
        if self.kept.get(text) == target:
            return False
        self.kept[text] = target
        return True

    def let_go(self, target: Target) -> None:
        """Keep it no more, if it is what is kept there."""
        if self.kept.get(str(target.address)) == target:
            del self.kept[str(target.address)]

    def dismiss(self, peer: bytes) -> None:
        """Close the connection to a peer and stop keeping its addresses."""
        for text, target in list(self.kept.items()):
            if peer in (target.node, self.nodes.get(text)):
                del self.kept[text]
        if (session := self.sessions.get(NodeId(peer))) is not None:
            session.link.close("Disconnected")

    def put_out(self, name: str) -> None:
        """Close every connection of a banned name."""
        for session in list(self.everyone):
            if name in session.names:
                session.link.close("Banned")

    def post(self, session: Session, frame: bytes, cls: Class) -> bool:
        """Queue a frame for a peer, or count it as dropped."""
        if session.link.post(cls, frame):
            return True
        session.dropped += 1
        self.dropped[cls] += 1
        return False

    def blame(self, names: Iterable[str], error: Invalid, now: int) -> None:
        """Count a broken rule, and charge it to those who bear it."""
        self.refused[error.rule] += 1
        if cost := points(error):
            self.score(names, cost, now)

    def score(self, names: Iterable[str], points: int, now: int) -> bool:
        """Add points to names; whether that banned one."""
        return any([self.book.penalise(name, points, now) for name in names])

    def info(self, session: Session, now: int) -> PeerInfo:
        """What may be known about a session."""
        return PeerInfo(
            node_id=session.peer,
            address=str(session.address),
            inbound=session.role is Role.LISTENER,
            since=session.since,
            score=self.book.score(session.peer.hex(), now),
            bytes_in=session.link.bytes_in,
            bytes_out=session.link.bytes_out,
            rtt=session.rtt,
            dropped=session.dropped,
        )
