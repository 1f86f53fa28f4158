"""Entries of the system state by the names people use, and what a proved one says in words.

A kind has a key for what is asked (`claim TXID:N`, `certificate DIGEST`), the type of its value,
and a sentence each for an entry that is there and for one that is not. A key of no kind is shown
as it is: a module's own entries are proved as well as any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bystack.ledger.transactions import Outpoint
from bystack.primitives.codec import U63, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import to_plain
from bystack.sidechain.convictions import convicted_key
from bystack.sidechain.epochs import EpochRecord, record_key
from bystack.sidechain.modules.registry.certificates import Certificate, certificate_key
from bystack.sidechain.records import (
    Batch,
    Claimed,
    Request,
    Sums,
    batch_key,
    claimed_key,
    request_key,
    sums_key,
)
from bystack.sidechain.state import MAX_VALUE

MAX_ASKED = 2_100


class EntryKind(Invalid):
    """There is no kind of entry with this name."""


class EntryName(Invalid):
    """What is asked for does not have the shape of its kind."""


class Kind(NamedTuple):
    """A kind of entry: its key for a name, its value's type (None: bytes), its sentences."""

    key: Callable[[str], bytes]
    prefix: bytes
    type: type[Wire] | None
    there: str
    absent: str


class Told(NamedTuple):
    """A proved entry in words: its kind's name, a sentence, and the value's fields."""

    kind: str
    sentence: str
    fields: dict[str, Any]


def _hash(text: str, size: int = 32) -> bytes:
    data = bytes.fromhex(text)
    if len(data) != size:
        raise ValueError(f"{size} bytes in hex are expected")
    return data


def _number(text: str) -> int:
    return decode(U63, encode(int(text)), 16)


def _deposit(text: str) -> bytes:
    txid, _, index = text.partition(":")
    return claimed_key(Outpoint(_hash(txid), _number(index)))


def _before(key: bytes, tail: int) -> bytes:
    return key[: len(key) - tail]


KINDS: Mapping[str, Kind] = {
    "claim": Kind(
        _deposit,
        _before(claimed_key(Outpoint(bytes(32), 0)), 40),
        Claimed,
        "This deposit on the main chain was claimed here.",
        "This deposit on the main chain was not claimed here.",
    ),
    "pegout": Kind(
        lambda text: request_key(_hash(text)),
        _before(request_key(bytes(32)), 32),
        Request,
        "A peg-out of this id was burned for, and stands so.",
        "There is no peg-out of this id.",
    ),
    "batch": Kind(
        lambda text: batch_key(_number(text)),
        _before(batch_key(0), 8),
        Batch,
        "The batch of this seq stands so.",
        "No batch has this seq.",
    ),
    "sums": Kind(
        lambda text: sums_key(_hash(text)),
        _before(sums_key(bytes(32)), 32),
        Sums,
        "Of this asset so much circulates, waits in the fee pool and is owed.",
        "Nothing of this asset was ever here.",
    ),
    "epoch": Kind(
        lambda text: record_key(_number(text)),
        _before(record_key(0), 8),
        EpochRecord,
        "In this epoch these validators vote.",
        "The epoch has not begun, or is too old to be kept.",
    ),
    "conviction": Kind(
        lambda text: convicted_key(_hash(text, 48)),
        _before(convicted_key(bytes(48)), 48),
        None,
        "The validator with this key is convicted of breaking the rules.",
        "The validator with this key is not convicted of anything.",
    ),
    "certificate": Kind(
        lambda text: certificate_key(_hash(text)),
        _before(certificate_key(bytes(32)), 32),
        Certificate,
        "The registry has a certificate for this digest.",
        "The registry has no certificate for this digest.",
    ),
}
"""By name. A prefix holds a `/` where the name ends, so none begins another's keys."""


def entry_key(kind: str, asked: str) -> bytes:
    """The key of an entry; kind `entry` takes the key itself in hex.

    Raises `EntryKind`, `EntryName`.
    """
    if kind != "entry" and kind not in KINDS:
        raise EntryKind(kind=kind, known=", ".join([*KINDS, "entry"]))
    try:
        if len(asked) > MAX_ASKED:
            raise ValueError("it is too long")
        return bytes.fromhex(asked) if kind == "entry" else KINDS[kind].key(asked)
    except (ValueError, Invalid) as error:
        raise EntryName(kind=kind, asked=asked[:200], reason=str(error)) from None


def in_words(key: bytes, value: bytes | None) -> Told:
    """What an entry says; a value that is none of its kind's is shown as bytes."""
    for name, kind in KINDS.items():
        if key.startswith(kind.prefix):
            sentence = kind.absent if value is None else kind.there
            return Told(name, sentence, _fields(kind, value))
    if value is None:
        return Told("entry", "The state has no entry under this key.", {})
    return Told("entry", "The state has this value under this key.", {"value": value.hex()})


def _fields(kind: Kind, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {}
    try:
        read = None if kind.type is None else decode(kind.type, value, MAX_VALUE)
    except Invalid:
        read = None
    return {"value": value.hex()} if read is None else dict(to_plain(read))
