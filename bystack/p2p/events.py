"""What a connection reports: the values `Connection.next_event` returns."""

from __future__ import annotations

from dataclasses import dataclass

from bystack.p2p.identity import NodeId


@dataclass(frozen=True)
class Established:
    """The peer proved its node key; `listen` is the "host:port" it says it listens on, or empty."""

    peer: NodeId
    key: bytes
    listen: str


@dataclass(frozen=True)
class Received:
    """A message of an application kind."""

    kind: int
    payload: bytes


@dataclass(frozen=True)
class AddressesAsked:
    """The peer wants to know other nodes."""


@dataclass(frozen=True)
class AddressesGiven:
    """The peer named other nodes, because we asked."""

    addresses: tuple[str, ...]


@dataclass(frozen=True)
class RoundTrip:
    """A ping came back after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Farewell:
    """The peer says why it closes."""

    reason: str


ConnectionEvent = Established | Received | AddressesAsked | AddressesGiven | RoundTrip | Farewell
