"""A purse's rows at rest: one key per coin, address, transaction; a batch holds what changed.

A row's key is its kind (one byte), the chain's id, and what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from msgspec import Meta

from bystack.ledger.accounts import Place
from bystack.ledger.addressbook import AddressRecord
from bystack.ledger.coins import Coin
from bystack.ledger.policies import MAX_BRANCHES, Policy
from bystack.ledger.rows import Rows as Kept
from bystack.ledger.transactions import Outpoint, Transaction, decode_transaction
from bystack.ledger.wallet_records import HistoryRecord, Reservation
from bystack.mainchain.transition import Undo
from bystack.node.store.storage import Changes, View
from bystack.primitives.codec import U32, U63, Bit, Bytes32, Wire, decode

ADDRESS, COIN, HISTORY, ACCOUNT, LABEL = b"A", b"C", b"H", b"K", b"L"
NOTE, POSITION, BLOCK, TRANSACTION = b"M", b"P", b"R", b"T"
RESERVATION, POLICY, OPEN, SCAN, ASIDE, PATH, STOOD = b"V", b"W", b"p", b"X", b"Y", b"D", b"S"

MAX_ROW: Final = 100_000_000
MAX_TEXT: Final = 1_024

Text = Annotated[bytes, Meta(max_length=MAX_TEXT)]


class Position(Wire):
    """How far a chain was followed, how far addresses are watched, and from behind which block on
    (0 and nothing: all of them).
    """

    height: U63
    gap: U32
    birth: U63
    block: Annotated[bytes, Meta(max_length=32)]


class Block(Wire):
    """A followed block, and what it changed of ours."""

    height: U63
    id: Bytes32
    change: Undo


class PaymentNote(Wire):
    """What we know of a payment of ours beside its bytes: when it was made (seconds since 1970),
    what for, to whom (in the owner's words), whether it was given up, and what replaced it.
    """

    time: U63
    comment: Text
    to: Text
    abandoned: Bit
    replaced: Annotated[bytes, Meta(max_length=32)]


class PolicyRecord(Wire):
    """The branches of a lock that is watched by itself; none where only its address is known."""

    branches: Annotated[tuple[Policy, ...], Meta(max_length=MAX_BRANCHES)]


class ScanRecord(Wire):
    """A rescan under way: from which height on, and where the wallet stood when it began."""

    start: U63
    height: U63
    id: Annotated[bytes, Meta(max_length=32)]


NO_NOTE = PaymentNote(0, b"", b"", 0, b"")


def number(value: int, size: int = 4) -> bytes:
    """A number in a key, so that keys stand in its order."""
    return value.to_bytes(size, "big")


class Table(NamedTuple):
    """Rows of one kind: how their keys are told apart, how their values are written."""

    kind: bytes
    rows: Kept[Any, Any]
    name: Callable[[Any], bytes]
    written: Callable[[Any], bytes]


class Taken(NamedTuple):
    """A table, and those of its rows that go into a batch."""

    kind: bytes
    rows: Kept[Any, Any]
    name: Callable[[Any], bytes]
    written: Callable[[Any], bytes]
    changes: Mapping[Any, Any]


class Rows:
    """Reads one chain's rows of a store and turns changed ones into a batch."""

    def __init__(self, store: View, chain: bytes) -> None:
        self._store, self._chain = store, chain

    def key(self, kind: bytes, rest: bytes = b"") -> bytes:
        """The key of a row."""
        return kind + self._chain + rest

    def one(self, kind: bytes, rest: bytes, type: Any) -> Any:
        """A row, or None."""
        data = self._store.get(self.key(kind, rest))
        return None if data is None else decode(type, data, MAX_ROW)

    def all(self, kind: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a kind in order: what they are about, and their bytes."""
        start = len(self.key(kind))
        for key, data in self._store.iterate(self.key(kind)):
            yield key[start:], data

    def coins(self) -> Iterator[tuple[Outpoint, Coin]]:
        """Every coin."""
        for rest, data in self.all(COIN):
            yield decode(Outpoint, rest, 64), decode(Coin, data, MAX_ROW)

    def history(self, kind: bytes = HISTORY) -> Iterator[tuple[tuple[int, int], HistoryRecord]]:
        """What happened, oldest first; of `ASIDE`: what a rescan has still to find again."""
        for _, data in self.all(kind):
            record = decode(HistoryRecord, data, MAX_ROW)
            yield (record.height, record.position), record

    def records(self) -> Iterator[tuple[int, AddressRecord]]:
        """The accounts."""
        for rest, data in self.all(ACCOUNT):
            yield int.from_bytes(rest, "big"), decode(AddressRecord, data, MAX_ROW)

    def places(self) -> Iterator[tuple[bytes, Place]]:
        """Every address watched."""
        for rest, data in self.all(ADDRESS):
            yield rest, decode(Place, data, MAX_ROW)

    def reservations(self) -> Iterator[tuple[Outpoint, Reservation]]:
        """The coins set aside."""
        for rest, data in self.all(RESERVATION):
            yield decode(Outpoint, rest, 64), decode(Reservation, data, MAX_ROW)

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """The last blocks followed, oldest first."""
        for _, data in self.all(BLOCK):
            block = decode(Block, data, MAX_ROW)
            yield block.height, block

    def open(self) -> Iterator[tuple[bytes, Transaction]]:
        """Payments on their way, in the order in which they were made."""
        found = [(rest, decode_transaction(data)) for rest, data in self.all(OPEN)]
        notes = dict(self.notes())
        yield from sorted(found, key=lambda pair: notes.get(pair[0], NO_NOTE).time)

    def notes(self) -> Iterator[tuple[bytes, PaymentNote]]:
        """What is noted about payments of ours."""
        for rest, data in self.all(NOTE):
            yield rest, decode(PaymentNote, data, MAX_ROW)

    def policies(self) -> Iterator[tuple[bytes, PolicyRecord]]:
        """The policies of locks watched one by one."""
        for rest, data in self.all(POLICY):
            yield rest, decode(PolicyRecord, data, MAX_ROW)

    def batch(self, taken: Sequence[Taken]) -> Changes:
        """Changed rows as a batch."""
        return {
            self.key(one.kind, one.name(about)): None if value is None else one.written(value)
            for one in taken
            for about, value in one.changes.items()
        }


def place_of(entry: tuple[int, int]) -> bytes:
    """The key of a history record: height and position."""
    return number(entry[0], 8) + number(entry[1])
