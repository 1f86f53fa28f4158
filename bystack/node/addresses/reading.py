"""Reading what belongs to an address: from the index, or without one from the coins themselves.

Each answer is bounded and says where the next one begins. Without an index every coin of the chain
has to be looked at, a bounded number of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint
from bystack.node.addresses.rows import (
    COIN,
    PASSAGE,
    Passage,
    Place,
    coin_key,
    coin_place,
    passage_key,
    passage_place,
    read_passage,
    root_of,
)
from bystack.node.store import coinstore
from bystack.node.store.storage import View

SCANNED: Final = 20_000
"""Coins that one answer looks at without an index: some hundredths of a second."""
SUMMED: Final = 10_000
"""Coins that one balance adds up."""


class Coins(NamedTuple):
    """Coins of an address, and where to go on: the last coin looked at, None at the end."""

    found: list[tuple[Outpoint, Coin]]
    last: Outpoint | None


class History(NamedTuple):
    """Passages, newest first, and the place of the last, None at the end."""

    found: list[tuple[Place, Passage]]
    last: Place | None


def coins_of(view: View, root: bytes, count: int, after: Outpoint | None = None) -> Coins:
    """Up to `count` unspent coins of an address above `after`, by the index."""
    start = None if after is None else coin_key(root, after) + b"\x00"
    rows = list(islice(view.iterate(COIN + root, start=start), count + 1))
    places = [coin_place(key) for key, _ in rows[:count]]
    read = coinstore.CoinStore(view, 0).get
    found = [(place, coin) for place in places if (coin := read(place)) is not None]
    return Coins(found, places[-1] if len(rows) > count else None)


def scanned(view: View, root: bytes, after: Outpoint | None = None) -> Coins:
    """The same without the index: those among the next `SCANNED` coins of the chain."""
    start = None if after is None else coinstore.coin_key(after) + b"\x00"
    rows = view.iterate(coinstore.PREFIX, start=start)
    found, key = list[tuple[Outpoint, Coin]](), b""
    for key, data in islice(rows, SCANNED):
        if root in data and root_of((coin := coinstore.decode_coin(data)).lock) == root:
            found.append((coinstore.outpoint_of(key), coin))
    return Coins(found, coinstore.outpoint_of(key) if next(rows, None) else None)


def balance_of(view: View, root: bytes) -> tuple[dict[bytes, tuple[int, int]], bool]:
    """By asset: how much, in how many coins; and whether these are all."""
    sums: dict[bytes, tuple[int, int]] = {}
    found, last = coins_of(view, root, SUMMED)
    for _, coin in found:
        amount, coins = sums.get(coin.asset, (0, 0))
        sums[coin.asset] = amount + coin.amount, coins + 1
    return dict(sorted(sums.items())), last is None


def history_of(view: View, root: bytes, count: int, before: Place | None = None) -> History:
    """Up to `count` passages below `before`, newest first."""
    found = list(islice(_below(view, root, before), count + 1))
    return History(found[:count], found[count - 1][0] if len(found) > count else None)


def _below(view: View, root: bytes, before: Place | None) -> Iterator[tuple[Place, Passage]]:
    start = None if before is None else passage_key(root, before)
    for key, data in view.iterate(PASSAGE + root, reverse=True, start=start):
        if key != start:
            yield passage_place(key), read_passage(data)
