"""Coins at rest, for either chain's store: their keys, a bounded cache, what a delta changes.

How a chain role uses it (fetch – decide – commit, from one task):

    coins = CoinStore(store, cache_mb=64)
    view = await coins.fetch(outpoints)                 # those that exist: a `CoinView`
    delta = …                                           # a pure rule decides over `view`
    await store.commit({**coins.changes(delta), **the_rest_of_the_block})
    coins.apply(delta)                                  # the cache follows, after the commit only

Keys are `c` + transaction id + index (big endian); no other part of a store may use that prefix.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

import trio

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint
from bystack.node.storage import View
from bystack.primitives.codec import decode, encode
from bystack.primitives.hashes import fixed

PREFIX = b"c"
MAX_COIN = 64_000
MIB = 1024 * 1024
COIN_COST = 700
"""Bytes of memory that a cached coin takes, about, beside its state."""


def coin_key(outpoint: Outpoint) -> bytes:
    """Where a coin lies in the store."""
    return PREFIX + outpoint.transaction + fixed(outpoint.index, 4)


def outpoint_of(key: bytes) -> Outpoint:
    """The outpoint whose coin lies at `key`."""
    return Outpoint(key[1:33], int.from_bytes(key[33:], "big"))


def decode_coin(data: bytes) -> Coin:
    """A stored coin; raises the codec's errors, which here mean a damaged store."""
    return decode(Coin, data, MAX_COIN)


class CoinStore:
    """The unspent coins of a chain, in a store that others commit to."""

    def __init__(self, store: View, cache_mb: int = 64) -> None:
        self._store = store
        self._bound = cache_mb * MIB
        self._cache: OrderedDict[Outpoint, Coin] = OrderedDict()
        self._cost = 0
        self._generation = 0

    async def fetch(self, outpoints: Iterable[Outpoint]) -> dict[Outpoint, Coin]:
        """The coins at these outpoints, as far as they exist; read in a thread where not cached."""
        wanted = list(dict.fromkeys(outpoints))
        found = {place: self._cache[place] for place in wanted if place in self._cache}
        missing = [place for place in wanted if place not in found]
        if missing:
            generation = self._generation
            read = await trio.to_thread.run_sync(self._read, missing)
            found |= read
            if generation == self._generation:  # else the block since then may have spent them
                self._remember(read)
        for place in found:
            self._touch(place)
        return found

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """One coin, read at once, the cache left as it is: for lookups outside the chain's task."""
        cached = self._cache.get(outpoint)
        if cached is not None:
            return cached
        data = self._store.get(coin_key(outpoint))
        return None if data is None else decode_coin(data)

    def all(self) -> Iterator[tuple[Outpoint, Coin]]:
        """Every coin in order of outpoint, past the cache: for checks and statistics."""
        for key, data in self._store.iterate(PREFIX):
            yield outpoint_of(key), decode_coin(data)

    def changes(self, delta: Delta) -> dict[bytes, bytes | None]:
        """What to commit so that the store follows the delta."""
        gone: dict[bytes, bytes | None] = {coin_key(place): None for place in delta.spent}
        return gone | {coin_key(place): encode(coin) for place, coin in delta.created.items()}

    def apply(self, delta: Delta) -> None:
        """The delta is committed: let the cache follow."""
        self._generation += 1
        for place in delta.spent:
            self._forget(place)
        self._remember(delta.created)

    def _read(self, places: list[Outpoint]) -> dict[Outpoint, Coin]:
        stored = ((place, self._store.get(coin_key(place))) for place in places)
        return {place: decode_coin(data) for place, data in stored if data is not None}

    def _touch(self, place: Outpoint) -> None:
        if place in self._cache:
            self._cache.move_to_end(place)

    def _remember(self, coins: Mapping[Outpoint, Coin]) -> None:
        for place, coin in coins.items():
            self._forget(place)
            self._cache[place] = coin
            self._cost += COIN_COST + len(coin.state)
        while self._cost > self._bound and self._cache:
            self._forget(next(iter(self._cache)))

    def _forget(self, place: Outpoint) -> None:
        coin = self._cache.pop(place, None)
        if coin is not None:
            self._cost -= COIN_COST + len(coin.state)
