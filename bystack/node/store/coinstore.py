"""Coins at rest, for either chain's store: their keys, a bounded cache, what a delta changes.

How a chain role uses it (fetch – decide – commit, from one task):

    coins = CoinStore(store, cache_mb=64)
    view = await coins.fetch(outpoints)                 # those that exist: a `CoinView`
    delta = …                                           # a pure rule decides over `view`
    changes = coins.changes(delta)
    await store.commit({**changes, **the_rest_of_the_block})
    coins.apply(changes)                                # the cache follows, after the commit only

Keys are `c` + transaction id + index (big endian); no other part of a store may use that prefix.
The cache holds coins as their stored bytes, a third of what the objects take. The oldest leave
first: a coin is asked for when it is about to be spent, so use says little about who is asked next.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import itemgetter

import trio

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint
from bystack.node.store.storage import View
from bystack.primitives.codec import decoder, encode

PREFIX = b"c"
MAX_COIN = 64_000
MIB = 1024 * 1024
SHARDS = 16
"""Tables the cache is spread over: one large table that grows leaves a hole as large behind."""
SLACK = 8
"""The part of a table that is dropped at a time: one in so many."""

CoinRow = tuple[bytes, bytes, bytes]
"""A coin's key in the store; outpoint and coin encoded as a pair; the coin encoded."""


def coin_key(outpoint: Outpoint) -> bytes:
    """Where a coin lies in the store."""
    return PREFIX + outpoint.transaction + outpoint.index.to_bytes(4, "big")


def outpoint_of(key: bytes) -> Outpoint:
    """The outpoint whose coin lies at `key`."""
    return Outpoint(key[1:33], int.from_bytes(key[33:], "big"))


decode_coin = decoder(Coin, MAX_COIN)
"""A stored coin from its bytes; raises the codec's errors, which here mean a damaged store."""


def coin_rows(coins: Mapping[Outpoint, Coin]) -> list[CoinRow]:
    """Coins as they lie in the store, in ascending order of outpoint."""
    rows = [(coin_key(at), encode((at, coin)), encode(coin)) for at, coin in coins.items()]
    rows.sort(key=itemgetter(0))  # twice as fast as comparing the rows
    return rows


def coin_changes(spent: Iterable[CoinRow], created: Iterable[CoinRow]) -> dict[bytes, bytes | None]:
    """What spending and creating coins changes in the store."""
    changes: dict[bytes, bytes | None] = dict.fromkeys([key for key, _, _ in spent])
    changes.update([(key, coin) for key, _, coin in created])
    return changes


class CoinStore:
    """The unspent coins of a chain, in a store that others commit to."""

    def __init__(self, store: View, cache_mb: int = 64) -> None:
        self._store = store
        self._bound = cache_mb * MIB // SHARDS
        self._shards = [_Shard() for _ in range(SHARDS)]
        self._generation = 0

    @property
    def cached(self) -> int:
        """How many coins are in memory."""
        return sum(len(shard.coins) for shard in self._shards)

    @property
    def memory(self) -> int:
        """Bytes of memory that the cache takes: keys, coins, tables."""
        return sum(shard.memory for shard in self._shards)

    async def fetch(self, outpoints: Iterable[Outpoint]) -> dict[Outpoint, Coin]:
        """The coins at these outpoints, as far as they exist; read in a thread where not cached."""
        wanted = {coin_key(place): place for place in outpoints}
        found, missing = self._cached(wanted)
        if missing:
            generation = self._generation
            read = await trio.to_thread.run_sync(self._read, missing)
            found |= {wanted[key]: decode_coin(data) for key, data in read.items()}
            if generation == self._generation:  # else the block since then may have spent them
                self._remember(read)
        return found

    def _read(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """Key by key: anybody may ask for coins that are gone, and where many are gone a cursor is
        slow.
        """
        found = ((key, self._store.get(key)) for key in keys)
        return {key: data for key, data in found if data is not None}

    def read(self, outpoints: Iterable[Outpoint]) -> dict[Outpoint, Coin]:
        """As `fetch`, in this thread, the cache left as it is: for coins that should be there."""
        wanted = {coin_key(place): place for place in outpoints}
        found, missing = self._cached(wanted)
        for key, data in self._store.get_many(missing).items() if missing else ():
            found[wanted[key]] = decode_coin(data)
        return found

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """One coin, read at once, the cache left as it is: for lookups outside the chain's task."""
        key = coin_key(outpoint)
        data = self._shards[key[32] % SHARDS].coins.get(key) or self._store.get(key)
        return None if data is None else decode_coin(data)

    def all(self) -> Iterator[tuple[Outpoint, Coin]]:
        """Every coin in order of outpoint, past the cache: for checks and statistics."""
        for key, data in self._store.iterate(PREFIX):
            yield outpoint_of(key), decode_coin(data)

    def changes(self, delta: Delta) -> dict[bytes, bytes | None]:
        """What to commit so that the store follows the delta."""
        changes: dict[bytes, bytes | None] = {coin_key(place): None for place in delta.spent}
        changes.update([(coin_key(place), encode(coin)) for place, coin in delta.created.items()])
        return changes

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """The changes of coins are committed: let the cache follow."""
        self._generation += 1
        shards = self._shards
        for key, data in changes.items():
            shards[key[32] % SHARDS].put(key, data)
        self._bind()

    def _cached(self, wanted: Mapping[bytes, Outpoint]) -> tuple[dict[Outpoint, Coin], list[bytes]]:
        """The coins in memory, and the keys of those that are not."""
        found, missing, shards = dict[Outpoint, Coin](), list[bytes](), self._shards
        for key, place in wanted.items():
            data = shards[key[32] % SHARDS].coins.get(key)
            if data is None:
                missing.append(key)
            else:
                found[place] = decode_coin(data)
        return found, missing

    def _remember(self, coins: Mapping[bytes, bytes]) -> None:
        for key, data in coins.items():
            self._shards[key[32] % SHARDS].put(key, data)
        self._bind()

    def _bind(self) -> None:
        for shard in self._shards:
            shard.keep_within(self._bound)


class _Shard:
    """One table of the cache: coins under their keys, the oldest first."""

    def __init__(self) -> None:
        self.coins: dict[bytes, bytes] = {}
        self._taken = 0

    @property
    def memory(self) -> int:
        """Bytes of memory this takes: the table twice, for the one before it left a hole."""
        return self._taken + 2 * sys.getsizeof(self.coins)

    def put(self, key: bytes, data: bytes | None) -> None:
        """Hold a coin as the youngest, or with None hold it no longer."""
        old = self.coins.pop(key, None)
        if old is not None:
            self._taken -= _size(key) + _size(old)
        if data is not None:
            self.coins[key] = data
            self._taken += _size(key) + _size(data)

    def keep_within(self, bound: int) -> None:
        """Drop the oldest until memory is within the bound; the rest in a table of its size."""
        while self.coins and self.memory > bound:
            self.coins = dict(islice(self.coins.items(), len(self.coins) // SLACK + 1, None))
            self._taken = sum([_size(key) + _size(coin) for key, coin in self.coins.items()])


def _size(data: bytes) -> int:
    """Bytes that the interpreter takes for a byte string: its head, then rounded to 16."""
    return len(data) + 48 & ~15
