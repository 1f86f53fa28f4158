"""The protocol's own messages (kinds 0-15) and the most bytes each may take."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from bystack.p2p.handshake import AddressBytes
from bystack.primitives.codec import U63, Wire

MAX_ADDRESSES: Final = 64
MAX_REASON: Final = 64


class Kind(IntEnum):
    """Message kinds below 16."""

    HELLO = 0
    PROOF = 1
    PING = 2
    PONG = 3
    GET_ADDRESSES = 4
    ADDRESSES = 5
    GOODBYE = 6


class Ping(Wire):
    """Are you there? The peer answers with a `Pong` of the same number."""

    number: U63


class Pong(Wire):
    """The answer to the `Ping` of this number."""

    number: U63


class GetAddresses(Wire):
    """Asks for addresses of other nodes; answered once per connection."""


class Addresses(Wire):
    """Addresses of nodes the sender knows, "host:port" in ASCII each."""

    addresses: Annotated[tuple[AddressBytes, ...], Meta(max_length=MAX_ADDRESSES)]


class Goodbye(Wire):
    """The sender closes now; `reason` is a rule's name or a word, in ASCII."""

    reason: Annotated[bytes, Meta(max_length=MAX_REASON)]


HANDSHAKE_CAPS: Mapping[int, int] = MappingProxyType(
    {Kind.HELLO: 512, Kind.PROOF: 80, Kind.GOODBYE: 80}
)
OPEN_CAPS: Mapping[int, int] = MappingProxyType(
    {
        Kind.PING: 16,
        Kind.PONG: 16,
        Kind.GET_ADDRESSES: 1,
        Kind.ADDRESSES: MAX_ADDRESSES * 258 + 8,
        Kind.GOODBYE: 80,
    }
)
