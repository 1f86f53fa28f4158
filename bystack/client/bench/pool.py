"""The memory pool through the node's own way in: bytes decoded, judged on stored coins, signatures
verified, admitted in lots as gossip brings them; then chains, a full pool, and a template.

The floor is the library's bare signature verification on as many threads as there are cores.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import msgspec
import trio

from bystack.client.bench.connecting import raw_rate
from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.headers import PARAMS
from bystack.client.bench.world import FRAMES, Owned, Size, build, locks, split
from bystack.ledger.mempool import MAX_WEIGHT, MIN_RATE
from bystack.ledger.template import select
from bystack.ledger.transactions import Outpoint, Transaction, decode_transaction
from bystack.mainchain.blocks import decode_block
from bystack.node.mainchain.admission import MainRules, PoolSettings
from bystack.node.pool.pool import TOGETHER, Pool
from bystack.node.processes.garbage import collect_seldom
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode

SMALL = Size(coins=40_000, blocks=10, payments=2_000)
CHAIN = 25
SEED = 1


class World(NamedTuple):
    """A store with coins of ours, how much each holds, and signed payments of them, encoded."""

    store: ChainStore
    owned: list[Owned]
    amount: int
    payments: list[bytes]


class Result(NamedTuple):
    """Seconds it took to offer so many transactions, and the pool they ended in."""

    seconds: float
    offered: int
    pool: Pool

    @property
    def per_second(self) -> float:
        """Transactions a second."""
        return self.offered / self.seconds


def measure(show: Show, *, size: Size = SMALL, rounds: int = 3) -> Measured:
    """Transactions per second of each kind of traffic, beside the bare verification rate."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, size, show)
        store = ChainStore.open(folder / "chain", PARAMS)
        try:
            return trio.run(_measure, _world(folder, store), rounds, show)
        finally:
            store.close()


def _world(folder: Path, store: ChainStore) -> World:
    """Payments stand in blocks nobody connected, in the order of their keys' numbers."""
    frames: list[bytes] = msgspec.msgpack.decode((folder / FRAMES).read_bytes())
    txs = [tx for frame in frames for tx in decode_block(frame).transactions[1:]]
    owned = [Owned(tx.body.inputs[0], number) for number, tx in enumerate(txs, 1)]
    coin = store.coins.get(owned[0].place)
    assert coin is not None, "the coins are connected"
    return World(store, owned, coin.amount, [encode(tx) for tx in txs])


async def _measure(world: World, rounds: int, show: Show) -> Measured:
    show("signing chains and payments of many rates")
    chains = list(_chains(world, len(world.owned) // CHAIN // 2))
    mixed = list(_mixed(world, len(world.owned) // 2))
    collect_seldom()
    figures, raws = dict[str, list[float]](), list[float]()

    async def offer(name: str, payments: Sequence[bytes], **how: int) -> Result:
        result = await _offer(world.store, payments, **how)
        figures.setdefault(f"{name}tx_per_second", []).append(result.per_second)
        return result

    cores = len(os.sched_getaffinity(0))
    for number in range(rounds):
        show(f"admitting, round {number + 1} of {rounds}")
        before = raw_rate(cores)
        whole = await offer("", world.payments)
        raws.append((before + raw_rate(cores)) / 2)
        figures.setdefault("template_ms", []).append(_milliseconds(_template, whole.pool))
        await offer("one_by_one_", world.payments[: len(world.payments) // 4], together=1)
        await offer("chain_of_25_", chains)
        await offer("full_pool_", mixed, room=whole.pool.machine.weight // 4)
    return _measured(figures, raws)


async def _offer(
    store: ChainStore,
    payments: Sequence[bytes],
    *,
    together: int = TOGETHER,
    room: int = MAX_WEIGHT,
) -> Result:
    """Offer payments to a new pool of at most this weight, so many at a time."""
    settings, height = PoolSettings(room, MIN_RATE), 1 + _height(store)
    pool = Pool(settings.pool_at(height, 0), MainRules(PARAMS), store.coins.fetch, Verifier())
    begun = time.perf_counter()
    for start in range(0, len(payments), together):
        lot = payments[start : start + together]
        await pool.admit_all([decode_transaction(one) for one in lot])
    return Result(time.perf_counter() - begun, len(payments), pool)


def _height(store: ChainStore) -> int:
    return store.block(store.tip()).header.height


def _chains(world: World, number: int) -> Iterator[bytes]:
    """Lines of 25 payments, each of the one before, as many lines as asked."""
    for one in world.owned[:number]:
        amount, root = world.amount, locks([one.number])
        for _ in range(CHAIN):
            tx = split(one, amount, amount - _fee(2), root)
            amount, one = amount - _fee(2), one._replace(place=_first(tx))
            yield encode(tx)


def _mixed(world: World, number: int) -> Iterator[bytes]:
    """Payments whose fee rates vary by a hundred, in no order."""
    random = Random(SEED)
    for one in world.owned[-number:]:
        fee = _fee(random.uniform(1.1, 100))
        yield encode(split(one, world.amount, (world.amount - fee) // 2, locks([0, 0])))


def _fee(times: float) -> int:
    """So many times the least fee of a small payment."""
    return int(500 * times)


def _first(tx: Transaction) -> Outpoint:
    return Outpoint(tx.id, 0)


def _template(pool: Pool) -> None:
    select(pool.machine, PARAMS.max_weight)


def _milliseconds(work: Callable[[Pool], None], pool: Pool) -> float:
    begun = time.perf_counter()
    work(pool)
    return (time.perf_counter() - begun) * 1_000


def _measured(figures: dict[str, list[float]], raws: list[float]) -> Measured:
    middle = {name: median(values) for name, values in figures.items()}
    raw = median(raws)
    floor = {"raw_signatures_per_second": raw}
    return Measured(middle, floor, {"admission_to_raw": middle["tx_per_second"] / raw})
