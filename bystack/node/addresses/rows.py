"""The index of addresses at rest: what lies under which key, and what a block changes there.

    x root transaction index     an unspent coin of that address
    y root height position       a passage: a transaction that paid the address or spent from it
    X                            id of the last block that is in the index

Heights are 8 bytes, positions and indices 4, big endian; a root is the 32 bytes an address stands
for. The rows go into the batch of their block, so that the index is never of another moment than
the chain. What the chain itself gives out (records of a sidechain: refunds, a module's payouts)
stands in rows of its own, whose position begins with `GIVEN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import (
    MAX_INPUTS,
    MAX_OUTPUTS,
    Lock,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
)
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.hashes import fixed

COIN, PASSAGE, MARK = b"x", b"y", b"X"
KINDS: Final = (COIN, PASSAGE, MARK)
GIVEN: Final = 0x8000_0000
ELSEWHERE: Final = 0x7FFF_FFFF
"""The position where the transaction that a coin is named after is not in the block."""
MAX_FLOWS: Final = MAX_INPUTS + MAX_OUTPUTS
MAX_PASSAGE: Final = 100 + MAX_FLOWS * 54

Changes = dict[bytes, bytes | None]


class Flow(Wire):
    """How much of an asset a transaction brought to an address, and took from it."""

    asset: Bytes32
    received: U63
    spent: U63


class Passage(Wire):
    """What a transaction did at one address."""

    transaction: Bytes32
    flows: Annotated[tuple[Flow, ...], Meta(max_length=MAX_FLOWS)]


class Place(NamedTuple):
    """Where a passage stands: a block's height, and the position in it (see `GIVEN`)."""

    height: int
    position: int


def coin_key(root: bytes, place: Outpoint) -> bytes:
    """Where an unspent coin of an address is noted."""
    return COIN + root + place.transaction + fixed(place.index, 4)


def coin_place(key: bytes) -> Outpoint:
    """The coin that a key notes."""
    return Outpoint(key[33:65], int.from_bytes(key[65:], "big"))


def passage_key(root: bytes, place: Place) -> bytes:
    """Where a passage lies."""
    return PASSAGE + root + fixed(place.height) + fixed(place.position, 4)


def passage_place(key: bytes) -> Place:
    """Where the passage under a key stands."""
    return Place(int.from_bytes(key[33:41], "big"), int.from_bytes(key[41:], "big"))


def read_passage(data: bytes) -> Passage:
    """A stored passage; raises the codec's errors, which here mean a damaged store."""
    return decode(Passage, data, MAX_PASSAGE)


def root_of(lock: Lock) -> bytes | None:
    """The address's root that a lock pays to; None for what has no address."""
    return lock.root if type(lock) is PolicyLock else None


def connected(id: bytes, height: int, transactions: Sequence[Transaction], delta: Delta) -> Changes:
    """What connecting a block changes; `delta` is that of this block alone."""
    return {**coin_changes(delta), **passages(height, transactions, delta), MARK: id}


def disconnected(
    previous: bytes, height: int, transactions: Sequence[Transaction], delta: Delta
) -> Changes:
    """What disconnecting the last block changes; `delta` is what undoes it."""
    gone: Changes = dict.fromkeys(passages(height, transactions, delta.inverse()))
    return {**coin_changes(delta), **gone, MARK: previous}


def coin_changes(delta: Delta) -> Changes:
    """How the unspent coins of addresses follow the coins."""
    changes: Changes = dict.fromkeys(key for key, _ in noted(delta.spent.items()))
    changes.update((key, b"") for key, _ in noted(delta.created.items()))
    return changes


def noted(coins: Iterable[tuple[Outpoint, Coin]]) -> Iterator[tuple[bytes, Coin]]:
    """The keys of coins that have an address."""
    for place, coin in coins:
        if (root := root_of(coin.lock)) is not None:
            yield coin_key(root, place), coin


def passages(height: int, transactions: Sequence[Transaction], delta: Delta) -> dict[bytes, bytes]:
    """The passages of a block; `delta` holds at least the coins it spent from before."""
    book, made = Book(height), dict[Outpoint, Coin | Output](delta.spent)
    at = {tx.id: position for position, tx in enumerate(transactions)}
    for tx in transactions:
        made.update((Outpoint(tx.id, n), output) for n, output in enumerate(tx.body.outputs))
    for place, coin in delta.created.items():
        if place not in made:
            book.note(GIVEN | at.get(place.transaction, ELSEWHERE), place.transaction, coin, 1)
            made[place] = coin
    for position, tx in enumerate(transactions):
        for place in tx.body.inputs:
            if (source := made.get(place)) is not None:
                book.note(position, tx.id, source, -1)
        for output in tx.body.outputs:
            book.note(position, tx.id, output, 1)
    return book.rows()


class Book:
    """Sums by address, position and asset while a block is gone over."""

    def __init__(self, height: int) -> None:
        self._height = height
        self._sums: dict[tuple[bytes, int, bytes], dict[bytes, list[int]]] = {}

    def note(self, position: int, id: bytes, coin: Coin | Output, sign: int) -> None:
        """A coin came (1) or went (-1)."""
        root = root_of(coin.lock)
        if root is None or not coin.amount:
            return
        flow = self._sums.setdefault((root, position, id), {}).setdefault(coin.asset, [0, 0])
        flow[sign < 0] += coin.amount

    def rows(self) -> dict[bytes, bytes]:
        """The passages under their keys."""
        return {
            passage_key(root, Place(self._height, position)): encode(Passage(id, _flows(sums)))
            for (root, position, id), sums in self._sums.items()
        }


def _flows(sums: Mapping[bytes, Sequence[int]]) -> tuple[Flow, ...]:
    return tuple(Flow(asset, *sums[asset]) for asset in sorted(sums))
