"""What main-chain peers say to each other; transactions go by the peer network's gossip.

Each message is a frame kind of its own with a size cap that is checked before anything is decoded.
Chain id, network magic and protocol version are settled by the handshake before the first of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import MAX_BLOCK, MAX_HEADER, MAX_TRANSACTIONS, Block, Header
from bystack.primitives.codec import (
    MAX_INT,
    U32,
    U63,
    Bit,
    Bytes8,
    Bytes32,
    Wire,
    decode,
    encode,
    encode_array,
)
from bystack.primitives.errors import Invalid

MAX_LOCATOR = 64
MAX_HEADERS = 2_000
MAX_BLOCKS = 128
NO_BLOCKS: Final = MAX_INT
"""`Status.blocks_from` of one who serves no blocks at all: a light node."""

Ids = Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]


class MessageUnknown(Invalid):
    """The main chain knows no message of this kind."""


class Status(Wire):
    """Where the sender is: its last connected block and the work up to it. A claim, no proof.

    It serves the blocks of its chain from the height `blocks_from` on: 0 or 1 when it has all of
    them, more when it is pruned, `NO_BLOCKS` when it keeps none.
    """

    height: U63
    tip: Bytes32
    work: Bytes32
    blocks_from: U63


class GetHeaders(Wire):
    """Asks for the headers after the first of these ids that is on the receiver's best chain."""

    locator: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_LOCATOR)]


class Headers(Wire):
    """Up to 2,000 headers, oldest first, each the child of the one before; fewer end the answer."""

    headers: Annotated[tuple[Header, ...], Meta(max_length=MAX_HEADERS)]


class GetBlocks(Wire):
    """Asks for these blocks, each to come in a `BlockMessage` or to be named in a `Missing`."""

    ids: Ids


class BlockMessage(Wire):
    """Blocks that were asked for: one of any size, or several that together are no larger."""

    blocks: Annotated[tuple[Block, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]

    def encoded(self) -> bytes:
        """The encoding, block by block: all ids come with it."""
        return encode_array((encode_array([block.encoded() for block in self.blocks]),))


class Missing(Wire):
    """Blocks that were asked for, whole or in part, and that the sender does not have."""

    ids: Ids


class Announce(Wire):
    """The header of the sender's new tip."""

    header: Header


class WantCompact(Wire):
    """Whether the sender wants each new tip as a `CompactBlock` at once instead of an `Announce`.

    It should ask few peers for that: it pays for the bytes of each.
    """

    unasked: Bit


class GetCompact(Wire):
    """Asks for a recent block in its compact form; answered by `CompactBlock` or `Missing`."""

    id: Bytes32


class CompactBlock(Wire):
    """A block for one who holds most of its transactions (the idea of BIP 152).

    `short` names every transaction after the coinbase, in order, under a key made of the header
    and `salt` (`sync.compact`).
    """

    header: Header
    salt: Bytes8
    coinbase: Transaction
    short: Annotated[tuple[Bytes8, ...], Meta(max_length=MAX_TRANSACTIONS - 1)]


class GetBlockTransactions(Wire):
    """Asks for transactions of a recent block by position, ascending; 0 is the coinbase."""

    id: Bytes32
    positions: Annotated[tuple[U32, ...], Meta(min_length=1, max_length=MAX_TRANSACTIONS)]


class BlockTransactions(Wire):
    """Exactly the transactions asked for, in the same order."""

    id: Bytes32
    transactions: Annotated[tuple[Transaction, ...], Meta(max_length=MAX_TRANSACTIONS)]


MainMessage = (
    Status
    | GetHeaders
    | Headers
    | GetBlocks
    | BlockMessage
    | Missing
    | Announce
    | WantCompact
    | GetCompact
    | CompactBlock
    | GetBlockTransactions
    | BlockTransactions
)

_KINDS: Mapping[int, tuple[type[MainMessage], int]] = MappingProxyType(
    {
        16: (Status, 128),
        17: (GetHeaders, MAX_LOCATOR * 34 + 8),
        18: (Headers, MAX_HEADERS * MAX_HEADER + 8),
        19: (GetBlocks, MAX_BLOCKS * 34 + 8),
        20: (BlockMessage, MAX_BLOCK + 8),
        21: (Missing, MAX_BLOCKS * 34 + 8),
        22: (Announce, MAX_HEADER + 8),
        23: (WantCompact, 8),
        24: (GetCompact, 40),
        25: (CompactBlock, MAX_BLOCK + 64),
        26: (GetBlockTransactions, MAX_TRANSACTIONS * 5 + 48),
        27: (BlockTransactions, MAX_BLOCK + 48),
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
