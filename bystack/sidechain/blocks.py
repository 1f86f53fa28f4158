"""What a sidechain block is: a header that commits to everything, and a body.

The header names no view, so a block proposed again in a later view is byte for byte the same
(bbft.md, section 1). The state root is the state *after* the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import Transaction
from bystack.primitives.codec import U16, U32, U63, Bytes32, Wire, decode, encode
from bystack.primitives.hashes import tagged
from bystack.primitives.merkle import merkle_root

MAX_BODY = 8_000_000
MAX_HEADER = 2_000
MAX_TRANSACTIONS = 50_000

_header_id = tagged("sidechain/header")


class Header(Wire, dict=True):
    """A sidechain block's header. `time` is in milliseconds; `demotions` is a bitmap."""

    version: U32
    chain: Bytes32
    height: U63
    epoch: U63
    time: U63
    parent: Bytes32
    parent_certificate: Bytes32
    transaction_root: Bytes32
    witness_root: Bytes32
    transaction_count: U32
    state_root: Bytes32
    outbox_root: Bytes32
    relay_tip: Bytes32
    validators_hash: Bytes32
    next_validators_hash: Bytes32
    demotions: Annotated[bytes, Meta(max_length=64)]
    proposer: U16

    @cached_property
    def id(self) -> bytes:
        """The block id: tagged hash of the header's encoding."""
        return _header_id(encode(self))


class Body(Wire, dict=True):
    """What the header commits to: the parent's commit certificate (encoded) and transactions."""

    certificate: Annotated[bytes, Meta(max_length=65_536)]
    transactions: Annotated[tuple[Transaction, ...], Meta(max_length=MAX_TRANSACTIONS)]

    @cached_property
    def roots(self) -> tuple[bytes, bytes]:
        """Transaction root and witness root, as the header names them."""
        return body_roots(self.transactions)


def body_roots(transactions: Sequence[Transaction]) -> tuple[bytes, bytes]:
    """Transaction root and witness root of these."""
    ids = merkle_root([tx.id for tx in transactions])
    return ids, merkle_root([tx.witness_id for tx in transactions])


def decode_header(data: bytes) -> Header:
    """A header from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Header, data, MAX_HEADER)


def decode_body(data: bytes) -> Body:
    """A body from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Body, data, MAX_BODY)
