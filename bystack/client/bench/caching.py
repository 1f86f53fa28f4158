"""Fills the coin cache in a process of its own and says what memory that took.

    python -m bystack.client.bench.caching CACHE_MB COINS

prints one line: coins cached, bytes by the cache's own count, bytes of anonymous memory that the
process has more than before, look-ups per second.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time

import msgspec
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.node.store.coinstore import CoinStore
from bystack.node.store.storage import Store
from bystack.primitives.hashes import fixed, tagged

STEP = 4_000
"""Coins at once: what a full block makes."""
LOOKED_UP = 50_000
_made = tagged("bench/coin")


class Taken(msgspec.Struct):
    """What a cache took."""

    coins: int
    counted: int
    anonymous: int
    lookups_per_second: float


def place_of(number: int) -> Outpoint:
    """Where the coin with this number is."""
    return Outpoint(_made(fixed(number)), number % 3)


def coins(begin: int, end: int) -> dict[Outpoint, Coin]:
    """Coins as payments make them, each under a lock of its own."""
    return {
        place_of(number): Coin(
            BTM, 10**8 + number, PolicyLock(_made(b"lock", fixed(number))), 500_000, 0, 1, b""
        )
        for number in range(begin, end)
    }


def anonymous() -> int:
    """Bytes of memory this process has to itself, files aside (`smaps_rollup`)."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
        sizes = [line.split()[1] for line in lines if line.startswith("Anonymous:")]
    return 1024 * int(sizes[0])


async def fill(cache: CoinStore, count: int) -> Taken:
    """Pass so many coins through the cache, as blocks that create them do."""
    _warm_up(cache, count)
    before = anonymous()
    for begin in range(0, count, STEP):
        _pass(cache, begin, min(begin + STEP, count))
    after = anonymous()
    rate = await _look_up(cache, count)
    return Taken(cache.cached, cache.memory, after - before, rate)


def _warm_up(cache: CoinStore, count: int) -> None:
    """Make coins and spend them: what the work itself takes is not the cache's."""
    for begin in range(count, count + 3 * STEP, STEP):
        made = coins(begin, begin + STEP)
        cache.apply(cache.changes(Delta({}, made)))
        cache.apply(cache.changes(Delta(made, {})))


def _pass(cache: CoinStore, begin: int, end: int) -> None:
    cache.apply(cache.changes(Delta({}, coins(begin, end))))


async def _look_up(cache: CoinStore, count: int) -> float:
    """Look-ups per second of coins among the youngest, which are still there."""
    dice, youngest = random.Random(1), range(count - min(cache.cached, count), count)
    places = [place_of(dice.choice(youngest)) for _ in range(min(LOOKED_UP, cache.cached))]
    begun = time.perf_counter()
    await cache.fetch(places)
    return len(places) / (time.perf_counter() - begun)


def main(cache_mb: str, count: str) -> None:
    """Fill a cache of this size with so many coins, and print what it took as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "store")
        with Store.open(path, kind="bench", magic=b"test", version=1) as store:
            taken = trio.run(fill, CoinStore(store, int(cache_mb)), int(count))
    print(msgspec.json.encode(taken).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
