"""What a host is told and what it tells the application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bystack.p2p.frames import FIRST_APPLICATION_KIND, LAST_KIND
from bystack.p2p.identity import NodeId
from bystack.p2p.queues import Class
from bystack.primitives.errors import Misuse

CHAIN_SIZE: Final = 32
MAGIC_SIZE: Final = 4


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

    def __post_init__(self) -> None:
        if len(self.chain) != CHAIN_SIZE or len(self.magic) != MAGIC_SIZE:
            raise Misuse(f"a chain id is {CHAIN_SIZE} bytes and a network magic {MAGIC_SIZE}")
        if not all(FIRST_APPLICATION_KIND <= kind <= LAST_KIND for kind in self.caps):
            raise Misuse(f"application kinds are {FIRST_APPLICATION_KIND} to {LAST_KIND}")


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
