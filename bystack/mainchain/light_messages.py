"""What a light node asks full ones for, and their answers: filters, matches, proofs.

A request names the last block it is about by its id, so that an answer is about one branch. Who
cannot serve a request says so with `Unserved`: it costs nothing, another is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.coins import Coin
from bystack.mainchain.filters import MAX_FILTER, BlockFilter
from bystack.mainchain.messages import MessageUnknown
from bystack.mainchain.proofs import MAX_PROOF, TransactionProof
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.hashes import fixed

MAX_FILTERS: Final = 500
MAX_KEYS: Final = 256
MAX_MATCHES: Final = 256
FILTERS_SIZE: Final = 1_000_000
"""Filters of one answer end before this many bytes, one filter excepted."""
MAX_RECORD: Final = 8_192
MAX_TARGET: Final = 1_008


Target = Annotated[int, Meta(ge=1, le=MAX_TARGET)]


class GetFilters(Wire):
    """Asks for the filters of the blocks from height `first` to the block `last`."""

    first: U63
    last: Bytes32


class Filters(Wire):
    """Filters from height `first` on, towards `last`: as many as the sender gives at a time."""

    first: U63
    last: Bytes32
    filters: Annotated[tuple[BlockFilter, ...], Meta(min_length=1, max_length=MAX_FILTERS)]


class GetDigests(Wire):
    """Asks for the digests of the same filters, to compare another peer's with."""

    first: U63
    last: Bytes32


class Digests(Wire):
    """Digests of filters from height `first` on, towards `last`."""

    first: U63
    last: Bytes32
    digests: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_FILTERS)]


class GetMatches(Wire):
    """Asks for every transaction of a block that holds one of these keys."""

    block: Bytes32
    keys: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_KEYS)]


class Matches(Wire):
    """Those transactions in the block's order, each with its proof."""

    block: Bytes32
    proofs: Annotated[tuple[TransactionProof, ...], Meta(max_length=MAX_MATCHES)]


class GetProof(Wire):
    """Asks where a transaction stands in the chain."""

    transaction: Bytes32


class Proof(Wire):
    """The proof of a transaction; none when the sender's chain does not hold it."""

    transaction: Bytes32
    proof: Annotated[tuple[TransactionProof, ...], Meta(max_length=1)]


class GetRecord(Wire):
    """Asks for the record of an asset."""

    asset: Bytes32


class Record(Wire):
    """The coin that holds an asset's record; none when the sender's chain has no such asset."""

    asset: Bytes32
    coin: Annotated[tuple[Coin, ...], Meta(max_length=1)]


class GetFee(Wire):
    """Asks what fee rate had transactions mined within so many blocks."""

    target: Target


class Fee(Wire):
    """That rate, per million of weight, never below what the sender's pool asks for."""

    target: Target
    rate: U63


class Unserved(Wire):
    """The sender does not serve what was asked about this block, transaction, asset or target."""

    subject: Bytes32


Request = GetFilters | GetDigests | GetMatches | GetProof | GetRecord | GetFee
Reply = Filters | Digests | Matches | Proof | Record | Fee | Unserved
LightMessage = Request | Reply

_KINDS: Mapping[int, tuple[type[LightMessage], int]] = MappingProxyType(
    {
        33: (GetFilters, 64),
        34: (Filters, FILTERS_SIZE + MAX_FILTER + 64),
        35: (GetDigests, 64),
        36: (Digests, MAX_FILTERS * 34 + 64),
        37: (GetMatches, MAX_KEYS * 34 + 64),
        38: (Matches, MAX_PROOF + 64),
        39: (GetProof, 64),
        40: (Proof, MAX_PROOF + 64),
        41: (GetRecord, 64),
        42: (Record, MAX_RECORD + 64),
        43: (Unserved, 64),
        44: (GetFee, 16),
        45: (Fee, 32),
    }
)
_numbers = {cls: kind for kind, (cls, _) in _KINDS.items()}
CAPS: Mapping[int, int] = MappingProxyType({kind: cap for kind, (_, cap) in _KINDS.items()})


def subject_of(message: LightMessage) -> bytes:
    """The block, transaction, asset or target that a request and its answer are about."""
    match message:
        case GetFilters(_, last) | GetDigests(_, last) | Filters(_, last) | Digests(_, last):
            return last
        case GetMatches(block) | Matches(block):
            return block
        case GetProof(transaction) | Proof(transaction):
            return transaction
        case GetRecord(asset) | Record(asset):
            return asset
        case GetFee(target) | Fee(target):
            return fixed(target, 32)
        case Unserved(subject):
            return subject


def encode_light(message: LightMessage) -> tuple[int, bytes]:
    """The frame kind and payload of a message."""
    return _numbers[type(message)], encode(message)


def decode_light(kind: int, payload: bytes) -> LightMessage:
    """The message in a frame; raises `MessageUnknown` and the codec's errors."""
    if kind not in _KINDS:
        raise MessageUnknown(kind=kind)
    cls, cap = _KINDS[kind]
    return decode(cls, payload, cap)
