"""Coins at rest behave as a set of coins, whatever the cache holds."""

from __future__ import annotations

import sys
from pathlib import Path

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint
from bystack.node.store.coinstore import MIB, CoinStore, coin_key, outpoint_of
from bystack.node.store.storage import Store
from tests.ledger.people import ALICE

PLACES = [Outpoint(bytes([number]) * 32, number % 3) for number in range(12)]


def coin(amount: int) -> Coin:
    return Coin(BTM, amount, ALICE.lock, 1, 0, 1, b"s" * (amount % 5))


def opened(path: Path) -> Store:
    return Store.open(path, kind="coins", magic=b"test", version=1)


@given(steps=st.lists(st.lists(st.integers(0, len(PLACES) - 1), unique=True), max_size=12))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_follows_deltas_with_a_tiny_cache(tmp_path: Path, steps: list[list[int]]) -> None:
    fresh = tmp_path / str(len(list(tmp_path.iterdir())))

    async def main() -> None:
        with opened(fresh) as store:
            coins, model = CoinStore(store, cache_mb=0), dict[Outpoint, Coin]()
            for number, flips in enumerate(steps):
                spent = {PLACES[i]: model[PLACES[i]] for i in flips if PLACES[i] in model}
                created = {PLACES[i]: coin(number) for i in flips if PLACES[i] not in model}
                delta = Delta(spent, created)
                changes = coins.changes(delta)
                await store.commit(changes)
                coins.apply(changes)
                model = {p: c for p, c in model.items() if p not in spent} | created
                assert coins.read(PLACES) == model
                assert await coins.fetch(PLACES) == model
                assert dict(coins.all()) == model
                assert {p: coins.get(p) for p in PLACES if coins.get(p)} == model

    trio.run(main)


def test_cache_keeps_within_its_bound_and_serves_without_the_store(tmp_path: Path) -> None:
    async def main() -> None:
        with opened(tmp_path / "s") as store:
            coins = CoinStore(store, cache_mb=1)
            many = {Outpoint(n.to_bytes(32, "big"), 0): coin(n) for n in range(1, 6_000)}
            changes = coins.changes(Delta({}, many))
            await store.commit(changes)
            coins.apply(changes)
            assert coins.memory <= MIB
            assert 0 < coins.cached < len(many)
            newest, oldest = (Outpoint(n.to_bytes(32, "big"), 0) for n in (5_999, 1))
            await store.commit({coin_key(newest): None, coin_key(oldest): None})
            assert list(await coins.fetch([newest, oldest])) == [newest], "the cache was not asked"

    trio.run(main)


def test_memory_is_what_the_interpreter_says_and_nothing_once_all_is_spent(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as store:
        coins = CoinStore(store)
        many = {Outpoint(n.to_bytes(32, "big"), 0): coin(n) for n in range(1, 500)}
        for _ in range(2):  # the same coins again are no more coins
            coins.apply(coins.changes(Delta({}, many)))
            assert coins.cached == len(many)
        tables = [shard.coins for shard in coins._shards]
        held = sum(sys.getsizeof(one) for t in tables for pair in t.items() for one in pair)
        room = sum(map(sys.getsizeof, tables))
        assert held + room <= coins.memory <= 1.4 * held + 2 * room
        coins.apply(coins.changes(Delta(many, {})))
        assert coins.cached == sum(shard._taken for shard in coins._shards) == 0


def test_a_block_that_touches_more_coins_than_the_cache_holds(tmp_path: Path) -> None:
    async def main() -> None:
        with opened(tmp_path / "s") as store:
            coins = CoinStore(store, cache_mb=1)
            many = {Outpoint(n.to_bytes(32, "big"), 0): coin(n) for n in range(1, 20_000)}
            await store.commit(coins.changes(Delta({}, many)))
            assert coins.read(many) == await coins.fetch(many) == many
            assert coins.memory <= MIB
            changes = coins.changes(Delta(many, {}))
            await store.commit(changes)
            coins.apply(changes)
            assert await coins.fetch(many) == {} and coins.cached == 0

    trio.run(main)


def test_a_coin_spent_while_it_is_read_is_not_cached(tmp_path: Path) -> None:
    """Between reading the store and remembering, the block that spends the coin is committed."""
    place = PLACES[0]

    async def main() -> None:
        with opened(tmp_path / "s") as store:
            await store.commit(CoinStore(store).changes(Delta({}, {place: coin(1)})))
            coins = CoinStore(store)
            read = coins._read

            def spent_meanwhile(keys: list[bytes]) -> dict[bytes, bytes]:
                found = read(keys)
                changes = coins.changes(Delta({place: coin(1)}, {}))
                store.commit_now(changes)
                trio.from_thread.run_sync(coins.apply, changes)
                return found

            coins._read = spent_meanwhile  # type: ignore[method-assign]
            assert await coins.fetch([place]) == {place: coin(1)}
            coins._read = read  # type: ignore[method-assign]
            assert await coins.fetch([place]) == {}

    trio.run(main)


def test_what_is_read_for_a_block_is_not_cached(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as store:
        coins = CoinStore(store)
        store.commit_now(coins.changes(Delta({}, {PLACES[0]: coin(1)})))
        assert coins.read([PLACES[0], PLACES[1]]) == {PLACES[0]: coin(1)}
        assert coins.cached == 0


def test_keys_lead_back_to_outpoints() -> None:
    assert [outpoint_of(coin_key(place)) for place in PLACES] == PLACES


def test_among_many_deleted_keys_the_missing_are_missing_and_the_rest_found(
    tmp_path: Path,
) -> None:
    """A cursor walks over what was deleted, so after a few misses each key is asked for."""
    with opened(tmp_path / "s") as store:
        keys = [b"k" + number.to_bytes(4, "big") for number in range(2_000)]
        store.commit_now(dict.fromkeys(keys, b"here"))
        kept = set(keys[::50])
        store.commit_now({key: None for key in keys if key not in kept})
        assert store.get_many(keys) == dict.fromkeys(kept, b"here")
        assert store.get_many(reversed(keys[:60])) == {keys[0]: b"here", keys[50]: b"here"}
        assert store.get_many([]) == {}
