"""Making blocks: what goes into the next one, and making some to order.

A block is filled from the pool by fee rate, each transaction judged anew for the height at hand;
what no longer stands is left out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import Candidate
from bystack.ledger.coins import CoinView, Overlay
from bystack.ledger.template import select
from bystack.ledger.transactions import PolicyLock, Transaction
from bystack.mainchain.actions import needs
from bystack.mainchain.assembly import COINBASE_WEIGHT, build_block, with_nonce
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.params import Params
from bystack.mainchain.transition import apply_main
from bystack.mainchain.work import Engine, engine_named, search
from bystack.node.mainchain.driver import Driver
from bystack.primitives.errors import Invalid

FIRST_TRIES: Final = 16
PIECE_SECONDS: Final = 0.5
"""About how long a search to order goes on before it looks whether anybody still waits for it."""

log = structlog.get_logger("mining")


class Contents(NamedTuple):
    """What the block after `parent` holds beside its coinbase, in order, and the fees, in units."""

    parent: Entry
    chosen: tuple[Candidate, ...]
    fees: int


def fill(coins: CoinView, waiting: Sequence[Candidate], parent: Entry, params: Params) -> Contents:
    """Those of the candidates that a block after `parent` can hold."""
    overlay, chosen, fees = Overlay(coins), list[Candidate](), 0
    for one in waiting:
        try:
            applied = apply_main(overlay, one.tx, parent.header.height + 1, params)
        except Invalid as error:
            log.info("left out of a block", id=one.tx.id.hex(), reason=error.rule)
            continue
        overlay.apply(applied.delta)
        chosen.append(one)
        fees += applied.fees.get(BTM, 0)
    return Contents(parent, tuple(chosen), fees)


async def contents(driver: Driver) -> Contents:
    """The best contents of the next block, from the pool as it is now."""
    params, parent = driver.store.params, driver.machine.tip
    room = params.max_weight - COINBASE_WEIGHT
    waiting = select(driver.pool.machine, room, params.max_bls_checks)
    coins = await driver.store.coins.fetch(place for one in waiting for place in needs(one.tx))
    return await trio.to_thread.run_sync(fill, coins, waiting, parent, params)


def built(holds: Contents, lock: PolicyLock, params: Params, extra: bytes = b"") -> Block:
    """The unmined block with these contents, its time the clock's; the reward goes to `lock`."""
    transactions = [one.tx for one in holds.chosen]
    now = int(time.time())
    return build_block(holds.parent, transactions, lock, now, params, fees=holds.fees, extra=extra)


async def template(driver: Driver, lock: PolicyLock) -> tuple[Block, Entry]:
    """The next block, unmined, and the entry it follows; the reward goes to `lock`."""
    holds = await contents(driver)
    return built(holds, lock, driver.store.params), holds.parent


async def generate(driver: Driver, count: int, lock: PolicyLock) -> list[bytes]:
    """Mine and connect `count` blocks here and now (regtest); their ids."""
    ids: list[bytes] = []
    engine = engine_named(driver.store.params.work, driver.store.engines)
    while len(ids) < count:
        made, parent = await template(driver, lock)
        block = await mined(made, parent, engine)
        await driver.hand_in(block)
        ids.append(block.id)
    return ids


async def generate_of(driver: Driver, lock: PolicyLock, txs: Sequence[Transaction]) -> bytes:
    """Mine and connect one block of just these transactions (regtest); its id.

    Raises the rule by which one of them, or the block, is refused.
    """
    params, parent = driver.store.params, driver.machine.tip
    overlay, fees = Overlay(await driver.store.coins.fetch(p for tx in txs for p in needs(tx))), 0
    for tx in txs:
        applied = apply_main(overlay, tx, parent.header.height + 1, params)
        overlay.apply(applied.delta)
        fees += applied.fees.get(BTM, 0)
    made = build_block(parent, txs, lock, int(time.time()), params, fees=fees)
    block = await mined(made, parent, engine_named(params.work, driver.store.engines))
    await driver.hand_in(block)
    return block.id


async def mined(block: Block, parent: Entry, engine: Engine) -> Block:
    """The block with a nonce that fits, however long that takes; can be cancelled meanwhile."""
    first, tries = 0, FIRST_TRIES
    while True:
        begun = trio.current_time()
        args = block.header, first, tries, parent.seed, engine
        nonce = await trio.to_thread.run_sync(search, *args)
        if nonce is not None:
            return with_nonce(block, nonce)
        first, slow = first + tries, trio.current_time() - begun > PIECE_SECONDS
        tries = max(1, tries // 2) if slow else tries * 2
