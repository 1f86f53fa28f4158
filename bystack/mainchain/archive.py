"""A chain as a stream of MessagePack objects, to be carried from node to node.

Each object is an array of a kind and a byte string that holds the record's own encoding: `Start`,
then blocks in the order of their heights, then `End` with a digest over all bytes before it. A file
proves nothing: whoever reads it judges every block as if a peer had sent it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from bystack.mainchain.blocks import MAX_BLOCK, Block, decode_block
from bystack.mainchain.params import Params, chain_id
from bystack.primitives.codec import U32, U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid

FORMAT: Final = 1
MAX_START: Final = 128
MAX_END: Final = 64

_PAIR: Final = 0x92
_SIZES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}  # MessagePack's bin 8, 16, 32: bytes of the length


class ArchiveForeign(Invalid):
    """The file is no export of a chain."""


class ArchiveFormat(Invalid):
    """The file has a format that this program does not read."""


class ArchiveNetwork(Invalid):
    """The file holds blocks of another network."""


class ArchiveTooLong(Invalid):
    """A record of the file is longer than its kind allows."""


class ArchiveTruncated(Invalid):
    """The file ends in the middle."""


class ArchiveDamaged(Invalid):
    """The file's bytes are not those that its last record commits to."""


class Network(NamedTuple):
    """What tells networks apart: the magic (4 bytes) and the chain id."""

    magic: bytes
    chain: bytes


def network_of(params: Params) -> Network:
    """The network with these parameters."""
    return Network(params.magic, chain_id(params))


class Kind(IntEnum):
    """The kinds of records."""

    START = 0
    BLOCK = 1
    END = 2


class Start(Wire):
    """Which chain follows, in which format, from which height to which; the last two are claims."""

    format: U32
    magic: Annotated[bytes, Meta(min_length=4, max_length=4)]
    chain: Bytes32
    first: U63
    last: U63


class End(Wire):
    """How many blocks there were, and the SHA-256 of every byte before this record."""

    blocks: U63
    digest: Bytes32


_CAPS: Final = {Kind.START: MAX_START, Kind.BLOCK: MAX_BLOCK, Kind.END: MAX_END}


class Writer:
    """Makes the bytes of an archive, record by record."""

    def __init__(self, network: Network, first: int, last: int) -> None:
        self._digest = hashlib.sha256()
        self._blocks = 0
        start = Start(FORMAT, network.magic, network.chain, first, last)
        self.begin = self._record(Kind.START, encode(start))

    def block(self, data: bytes) -> bytes:
        """The record of a block, given its encoding."""
        self._blocks += 1
        return self._record(Kind.BLOCK, data)

    def end(self) -> bytes:
        """The last record."""
        return self._record(Kind.END, encode(End(self._blocks, self._digest.digest())))

    def _record(self, kind: Kind, payload: bytes) -> bytes:
        record = encode((int(kind), payload))
        self._digest.update(record)
        return record


class Reader:
    """Takes an archive's bytes in any pieces and gives its records; holds one record at most.

    The first record must name `network`.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._blocks = 0
        self.start: Start | None = None
        self.end: End | None = None

    def receive(self, data: bytes) -> Iterator[tuple[Block, int]]:
        """The blocks that are whole now and their sizes; raises this file's errors, the codec's."""
        self._buffer += data
        while (record := self._next()) is not None:
            kind, payload, whole = record
            block = self._take(kind, payload)
            self._digest.update(whole)
            if block is not None:
                yield block, len(payload)

    def finish(self) -> None:
        """There is no more; raises `ArchiveTruncated` unless the archive is whole."""
        if self.end is None:
            raise ArchiveTruncated(blocks=self._blocks)

    def _next(self) -> tuple[Kind, bytes, bytes] | None:
        """The next whole record: its kind, payload and all its bytes."""
        head = self._buffer[:7]
        if self.end is not None and head:
            raise ArchiveForeign(after="the end")
        if len(head) < 3:
            return None
        if head[0] != _PAIR or head[1] > Kind.END or head[2] not in _SIZES:
            raise ArchiveForeign(bytes=bytes(head))
        kind, width = Kind(head[1]), _SIZES[head[2]]
        if len(head) < 3 + width:
            return None
        length = int.from_bytes(head[3 : 3 + width], "big")
        if length > _CAPS[kind]:
            raise ArchiveTooLong(length=length, most=_CAPS[kind])
        size = 3 + width + length
        if len(self._buffer) < size:
            return None
        whole = bytes(self._buffer[:size])
        del self._buffer[:size]
        return kind, whole[3 + width :], whole

    def _take(self, kind: Kind, payload: bytes) -> Block | None:
        if (kind is Kind.START) != (self.start is None):
            raise ArchiveForeign(record=kind.name)
        match kind:
            case Kind.START:
                self._begin(decode(Start, payload, MAX_START))
            case Kind.BLOCK:
                self._blocks += 1
                return decode_block(payload)
            case Kind.END:
                self._close(decode(End, payload, MAX_END))
        return None

    def _begin(self, start: Start) -> None:
        if start.format != FORMAT:
            raise ArchiveFormat(given=start.format, known=FORMAT)
        if (start.magic, start.chain) != self._network:
            raise ArchiveNetwork(given=start.chain, expected=self._network.chain)
        self.start = start

    def _close(self, end: End) -> None:
        if end.blocks != self._blocks or end.digest != self._digest.digest():
            raise ArchiveDamaged(blocks=self._blocks)
        self.end = end
