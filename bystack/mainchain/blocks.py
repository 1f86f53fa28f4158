"""What a main-chain block is: a header that commits to everything, and its transactions.

The nonce stands last, so that a miner hashes the rest once. The header commits to the number of
transactions beside their roots, for a Merkle root alone does not bind it (attack P06), and to the
history: a mountain range over every earlier header and its accumulated work.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import Transaction
from bystack.primitives.codec import U32, U63, Bytes8, Bytes32, Wire, decode, encode, encode_array
from bystack.primitives.hashes import tagged
from bystack.primitives.merkle import merkle_root

VERSION = 1
MAX_HEADER = 256
MAX_BLOCK = 4_000_000 + MAX_HEADER + 16
MAX_TRANSACTIONS = 65_536
NONCE_SIZE = 8
HEADER_TAG = "mainchain/header"

_header_id = tagged(HEADER_TAG)


class Header(Wire, dict=True):
    """A main-chain block's header. `time` is in seconds, `target` in compact form (`work`)."""

    version: U32
    height: U63
    previous: Bytes32
    transaction_root: Bytes32
    witness_root: Bytes32
    transaction_count: U32
    history_root: Bytes32
    time: U63
    target: U32
    nonce: Bytes8

    def encoded(self) -> bytes:
        """The encoding; the id comes with it."""
        data = encode(self)
        self.__dict__["id"] = _header_id(data)
        return data

    @cached_property
    def id(self) -> bytes:
        """The block id: tagged hash of the header's encoding."""
        return _header_id(encode(self))


class Block(Wire, dict=True):
    """A header and what it commits to; the first transaction is the coinbase."""

    header: Header
    transactions: Annotated[tuple[Transaction, ...], Meta(max_length=MAX_TRANSACTIONS)]

    def encoded(self) -> bytes:
        """The encoding, header and transactions apart: all ids come with it."""
        transactions = encode_array([tx.encoded() for tx in self.transactions])
        return encode_array((self.header.encoded(), transactions))

    @property
    def id(self) -> bytes:
        """The id of the header."""
        return self.header.id


def transaction_root(transactions: Sequence[Transaction]) -> bytes:
    """The Merkle root over the ids."""
    return merkle_root([transaction.id for transaction in transactions])


def witness_root(transactions: Sequence[Transaction]) -> bytes:
    """The Merkle root over the witness ids, each of which binds a transaction's every byte."""
    return merkle_root([transaction.witness_id for transaction in transactions])


def decode_header(data: bytes) -> Header:
    """A header from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Header, data, MAX_HEADER)


def decode_block(data: bytes) -> Block:
    """A block from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Block, data, MAX_BLOCK)
