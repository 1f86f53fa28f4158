"""C01: blocks that touch more coins than the cache holds, always those that just left it.

Bounds: the cache exceeds `cache_mb` by 15 % at most, whatever is touched in whatever order, also
where ids are ground so that all fall into one of its tables; a block costs at most one look-up in
the store for each coin it touches, all of them in one pass; and what is read is what was written,
however full the cache is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint
from bystack.node.store.coinstore import MIB, CoinStore
from bystack.node.store.storage import Store
from bystack.primitives.hashes import sha256
from tests.ledger.people import ALICE

COINS = 12_000
TOUCHED = 4_000
CACHE_MB = 1
ROUNDS = 9


class Counted:
    """A store that counts what it is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.passes, self.keys = 0, 0

    def get(self, key: bytes) -> bytes | None:
        self.passes, self.keys = self.passes + 1, self.keys + 1
        return self._store.get(key)

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        wanted = list(keys)
        self.passes, self.keys = self.passes + 1, self.keys + len(wanted)
        return self._store.get_many(wanted)

    def iterate(
        self, prefix: bytes = b"", *, reverse: bool = False, start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._store.iterate(prefix, reverse=reverse, start=start)


def place(number: int, ground: bool) -> Outpoint:
    id = sha256(b"%d" % number)
    return Outpoint(id[:31] + b"\x00" if ground else id, number % 7)


def coin(number: int, round: int) -> Coin:
    return Coin(BTM, number + 1, ALICE.lock, round, 0, 1, b"s" * (number % 40))


@pytest.mark.parametrize("ground", [False, True])
@pytest.mark.parametrize("stride", [TOUCHED, TOUCHED // 2, 1])
def test_the_cache_keeps_its_bound_and_each_coin_costs_one_look_up(
    tmp_path: Path, stride: int, ground: bool
) -> None:
    """Each block spends `TOUCHED` coins and makes as many; `stride` apart from the last one's."""

    async def main() -> None:
        with Store.open(tmp_path / "s", kind="coins", magic=b"test", version=1) as store:
            counted, places = Counted(store), [place(n, ground) for n in range(COINS)]
            coins, model = CoinStore(counted, CACHE_MB), dict[Outpoint, Coin]()
            made = {places[n]: coin(n, 0) for n in range(COINS)}
            await commit(store, coins, Delta({}, made))
            model |= made
            for round in range(1, ROUNDS):
                numbers = [(round * stride + n) % COINS for n in range(TOUCHED)]
                counted.passes = counted.keys = 0
                found = coins.read([places[n] for n in numbers])  # as a block's coins are read
                assert found == {places[n]: model[places[n]] for n in numbers}
                assert counted.keys <= TOUCHED and counted.passes <= 1
                counted.keys = 0
                assert await coins.fetch([places[n] for n in numbers]) == found  # as the pool's are
                assert counted.keys <= TOUCHED
                new = {places[n]: coin(n, round) for n in numbers}
                await commit(store, coins, Delta(found, new))
                model |= new
                assert coins.memory <= CACHE_MB * MIB * 1.15
                assert 0 < coins.cached < COINS
            assert dict(coins.all()) == model

    trio.run(main)


async def commit(store: Store, coins: CoinStore, delta: Delta) -> None:
    changes = coins.changes(delta)
    await store.commit(changes)
    coins.apply(changes)
