"""What main-chain peers say to each other; transactions go by the peer network's gossip.

Each message is a frame kind of its own with a size cap that is checked before anything is decoded.
Chain id, network magic and protocol version are settled by the handshake before the first of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta

from bystack.mainchain.blocks import MAX_BLOCK, MAX_HEADER, Block, Header
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid

MAX_LOCATOR = 64
MAX_HEADERS = 2_000
MAX_BLOCKS = 16

Ids = Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]


class MessageUnknown(Invalid):
    """The main chain knows no message of this kind."""


class Status(Wire):
    """Where the sender is: its last connected block and the work up to it. A claim, no proof."""

    height: U63
    tip: Bytes32
    work: Bytes32


class GetHeaders(Wire):
    """Asks for the headers after the first of these ids that is on the receiver's best chain."""

    locator: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_LOCATOR)]


class Headers(Wire):
    """Up to 2,000 headers, oldest first, each the child of the one before; fewer end the answer."""

    headers: Annotated[tuple[Header, ...], Meta(max_length=MAX_HEADERS)]


class GetBlocks(Wire):
    """Asks for these blocks, each answered by a `BlockMessage` or named in a `Missing`."""

    ids: Ids


class BlockMessage(Wire):
    """A block that was asked for."""

    block: Block


class Missing(Wire):
    """Blocks that were asked for and that the sender does not have."""

    ids: Ids


class Announce(Wire):
    """The header of the sender's new tip."""

    header: Header


MainMessage = Status | GetHeaders | Headers | GetBlocks | BlockMessage | Missing | Announce

_KINDS: Mapping[int, tuple[type[MainMessage], int]] = MappingProxyType(
    {
        16: (Status, 128),
        17: (GetHeaders, MAX_LOCATOR * 34 + 8),
        18: (Headers, MAX_HEADERS * MAX_HEADER + 8),
        19: (GetBlocks, MAX_BLOCKS * 34 + 8),
        20: (BlockMessage, MAX_BLOCK + 8),
        21: (Missing, MAX_BLOCKS * 34 + 8),
        22: (Announce, MAX_HEADER + 8),
    }
)
_numbers = {cls: kind for kind, (cls, _) in _KINDS.items()}
CAPS: Mapping[int, int] = MappingProxyType({kind: cap for kind, (_, cap) in _KINDS.items()})


def encode_message(message: MainMessage) -> tuple[int, bytes]:
    """The frame kind and payload of a message."""
    return _numbers[type(message)], encode(message)


def decode_message(kind: int, payload: bytes) -> MainMessage:
    """The message in a frame; raises `MessageUnknown` and the codec's errors."""
    if kind not in _KINDS:
        raise MessageUnknown(kind=kind)
    cls, cap = _KINDS[kind]
    return decode(cls, payload, cap)
