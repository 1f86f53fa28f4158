"""One node on the peer network: listens, dials, keeps connections, delivers what peers send."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from bystack.p2p.identity import Identity, NodeId
from bystack.p2p.peers import PeerBook
from bystack.p2p.queues import Class

__all__ = [
    "Class",
    "Connected",
    "Event",
    "Host",
    "HostConfig",
    "HostStatistics",
    "Lost",
    "Message",
    "PeerInfo",
]


@dataclass(frozen=True)
class HostConfig:
    """What a host is told: the network it belongs to, where it listens, whom it keeps.

    `chain` is 32 bytes, `magic` 4; `peers` are "host:port" or "nodeidhex@host:port", kept
    connected with back-off; `allow` holds the only node ids admitted (None: any); `caps` maps each
    application kind (16-255) to its largest payload in bytes: a kind without a cap is refused.
    """

    chain: bytes
    magic: bytes
    listen: str = "127.0.0.1:0"
    peers: tuple[str, ...] = ()
    allow: frozenset[bytes] | None = None
    caps: Mapping[int, int] = field(default_factory=dict)
    max_inbound: int = 64
    max_outbound: int = 16


@dataclass(frozen=True)
class Connected:
    """A peer proved its node id; `address` is "host:port" as seen from here."""

    peer: NodeId
    address: str
    inbound: bool


@dataclass(frozen=True)
class Lost:
    """The connection to a peer ended; `reason` is a rule's name or why we closed it."""

    peer: NodeId
    reason: str


@dataclass(frozen=True)
class Message:
    """A peer sent a payload of an application kind."""

    peer: NodeId
    kind: int
    payload: bytes


Event = Connected | Lost | Message


@dataclass(frozen=True)
class PeerInfo:
    """One connected peer; times in seconds (`since` on the wall clock), `rtt` None until a pong."""

    node_id: NodeId
    address: str
    inbound: bool
    since: float
    score: int
    bytes_in: int
    bytes_out: int
    rtt: float | None
    dropped: int


@dataclass(frozen=True)
class HostStatistics:
    """Counts since start: refusals by rule, frames dropped by full queues by class."""

    refused: Mapping[str, int]
    dropped: Mapping[Class, int]


class Host:
    """The peer network of one process; run it in a nursery, read `events` until it ends."""

    events: trio.MemoryReceiveChannel[Event]
    book: PeerBook

    def __init__(
        self,
        identity: Identity,
        config: HostConfig,
        book: PeerBook | None = None,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        raise NotImplementedError

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, dial and serve until cancelled; the status value is the bound "host:port"."""
        raise NotImplementedError

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload for a peer; False when it is not connected or its queue is full."""
        raise NotImplementedError

    def broadcast(self, kind: int, payload: bytes, cls: Class, *, skip: bytes | None = None) -> int:
        """Queue a payload for every connected peer but `skip`; how many took it."""
        raise NotImplementedError

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        """Add to a peer's score; at 100 it is disconnected and banned."""
        raise NotImplementedError

    def connect(self, address: str) -> None:
        """Keep a connection to "host:port" or "nodeidhex@host:port" from now on."""
        raise NotImplementedError

    def disconnect(self, peer: bytes) -> None:
        """Close the connection and stop keeping it."""
        raise NotImplementedError

    def ban(self, target: bytes | str, seconds: float) -> None:
        """Refuse a node id (32 bytes) or an address ("host" or "host:port") for a time."""
        raise NotImplementedError

    def unban(self, target: bytes | str) -> None:
        """Lift a ban."""
        raise NotImplementedError

    def peers(self) -> tuple[PeerInfo, ...]:
        """The connected peers, in order of node id."""
        raise NotImplementedError

    def statistics(self) -> HostStatistics:
        """What was refused and dropped so far."""
        raise NotImplementedError
