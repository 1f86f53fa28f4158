"""Making the index of addresses in one pass, when it was switched on or is of another moment.

The mark goes first and comes back last, so a process killed in between begins anew. It runs in a
thread at start, before anything else reads or writes the store; memory is bounded by one block and
one batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from bystack.ledger.coins import NO_CHANGE, Coin, Delta
from bystack.ledger.transactions import MAX_OUTPUTS, Outpoint, Transaction
from bystack.node.addresses.rows import (
    COIN,
    ELSEWHERE,
    GIVEN,
    MARK,
    PASSAGE,
    Book,
    Changes,
    noted,
    passages,
)
from bystack.node.store.coinstore import PREFIX, decode_coin, outpoint_of
from bystack.node.store.storage import Store

BATCH: Final = 20_000
TELL_SECONDS: Final = 5.0

Tell = Callable[[str, int], None]
"""Hears what is done, and how much of it."""


class Held(NamedTuple):
    """A block as it is held, and the coins that it spent as far as they can be told."""

    height: int
    transactions: tuple[Transaction, ...]
    spent: dict[Outpoint, Coin]


class Chain(NamedTuple):
    """What the index is made of.

    `tip`: id of the last block. `blocks`: all that are held, oldest first. `position`: where a
    transaction stands in its block; None for one that is not held.
    """

    tip: bytes
    blocks: Callable[[], Iterator[Held]]
    position: Callable[[bytes], int | None]


def is_whole(store: Store, tip: bytes) -> bool:
    """The index is there, and goes up to the tip."""
    return store.get(MARK) == tip


def build(store: Store, chain: Chain, tell: Tell) -> None:
    """Make the index anew unless it is whole; to be run in a thread."""
    if is_whole(store, chain.tip):
        return
    store.commit_now({MARK: None})
    tell = _now_and_then(tell)
    for what, rows in (
        ("rows dropped", _old(store)),
        ("coins", _coins(store, chain)),
        ("passages", _passages(chain)),
    ):
        done = 0
        for batch in _batches(rows):
            store.commit_now(batch)
            done += len(batch)
            tell(what, done)
    store.commit_now({MARK: chain.tip})


def _old(store: Store) -> Iterator[tuple[bytes, bytes | None]]:
    for kind in (COIN, PASSAGE):
        yield from ((key, None) for key, _ in store.iterate(kind))


def _coins(store: Store, chain: Chain) -> Iterator[tuple[bytes, bytes | None]]:
    """Every unspent coin of an address; of those that no output made, also how they came."""
    given: list[tuple[Outpoint, Coin]] = []
    for key, data in store.iterate(PREFIX):
        place, coin = outpoint_of(key), decode_coin(data)
        if given and given[0][0].transaction != place.transaction:
            yield from _given(given, chain)
            given = []
        for row, _ in noted([(place, coin)]):
            yield row, b""
            if place.index >= MAX_OUTPUTS:
                given.append((place, coin))
    if given:
        yield from _given(given, chain)


def _given(
    coins: Sequence[tuple[Outpoint, Coin]], chain: Chain
) -> Iterator[tuple[bytes, bytes | None]]:
    """What the chain gave out, all of it named after one transaction."""
    id = coins[0][0].transaction
    at, book = chain.position(id), Book(coins[0][1].height)
    for _, coin in coins:
        book.note(GIVEN | (ELSEWHERE if at is None else at), id, coin, 1)
    yield from book.rows().items()


def _passages(chain: Chain) -> Iterator[tuple[bytes, bytes | None]]:
    for height, transactions, spent in chain.blocks():
        yield from passages(height, transactions, Delta(spent, NO_CHANGE.created)).items()


def _batches(rows: Iterable[tuple[bytes, bytes | None]]) -> Iterator[Changes]:
    batch: Changes = {}
    for key, value in rows:
        batch[key] = value
        if len(batch) == BATCH:
            yield batch
            batch = {}
    yield batch


def _now_and_then(tell: Tell) -> Tell:
    """The same, told at most every few seconds."""
    last = time.monotonic()

    def told(what: str, done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_SECONDS:
            last = time.monotonic()
            tell(what, done)

    return told
