"""Making blocks: what goes into the next one, and searching its nonce in worker processes.

The template is filled from the pool by fee rate, each transaction judged anew for the height at
hand; what no longer stands is left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from subprocess import PIPE
from typing import Final

import structlog
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import Candidate
from bystack.ledger.coins import CoinView, Overlay
from bystack.ledger.template import select
from bystack.ledger.transactions import PolicyLock, Transaction
from bystack.mainchain.actions import needs
from bystack.mainchain.assembly import COINBASE_WEIGHT, build_block, mine, with_nonce
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.params import Params
from bystack.mainchain.transition import apply_main
from bystack.node.mainchain.driver import Driver
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid, Misuse

ATTEMPTS: Final = 200_000
PACE_SECONDS: Final = 1.0
"""Between two blocks where the target never moves and the first nonces fit."""

log = structlog.get_logger("mining")


def fill(
    coins: CoinView, waiting: Sequence[Candidate], height: int, params: Params
) -> tuple[list[Transaction], int]:
    """Those of the candidates that a block at `height` can hold, in order, and their fees."""
    overlay, chosen, fees = Overlay(coins), list[Transaction](), 0
    for one in waiting:
        try:
            applied = apply_main(overlay, one.tx, height, params)
        except Invalid as error:
            log.info("left out of a block", id=one.tx.id.hex(), reason=error.rule)
            continue
        overlay.apply(applied.delta)
        chosen.append(one.tx)
        fees += applied.fees.get(BTM, 0)
    return chosen, fees


async def template(driver: Driver, lock: PolicyLock) -> tuple[Block, Entry]:
    """The next block, unmined, and the entry it follows; the reward goes to `lock`."""
    params, parent = driver.store.params, driver.machine.tip
    room = params.max_weight - COINBASE_WEIGHT
    waiting = select(driver.pool.machine, room, params.max_bls_checks)
    coins = await driver.store.coins.fetch(place for one in waiting for place in needs(one.tx))
    chosen, fees = fill(coins, waiting, parent.header.height + 1, params)
    return build_block(parent, chosen, lock, int(time.time()), params, fees=fees), parent


async def generate(driver: Driver, count: int, lock: PolicyLock) -> list[bytes]:
    """Mine and connect `count` blocks here and now (regtest); their ids."""
    ids: list[bytes] = []
    while len(ids) < count:
        made, parent = await template(driver, lock)
        block = await trio.to_thread.run_sync(mine, made, parent)
        if block is None:
            raise Misuse("every nonce was tried")
        await driver.hand_in(block)
        ids.append(block.id)
    return ids


class Worker:
    """One process that searches nonces: a line in, a line out (`mainchain.searcher`)."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._buffer = b""

    @classmethod
    async def start(cls, nursery: trio.Nursery) -> Worker:
        """Start the process; it ends with its input."""
        argv = [sys.executable, "-P", "-m", "bystack.node.mainchain.searcher"]
        run = partial(trio.run_process, argv, stdin=PIPE, stdout=PIPE, check=False)
        process: trio.Process = await nursery.start(run)
        return cls(process)

    async def search(self, block: Block, parent: Entry, start: int, engine: str) -> bytes | None:
        """The first fitting nonce of `ATTEMPTS` from `start`, or None."""
        assert self._process.stdin is not None and self._process.stdout is not None
        job = (encode(block.header).hex(), str(start), str(ATTEMPTS), parent.seed.hex(), engine)
        await self._process.stdin.send_all(" ".join(job).encode() + b"\n")
        while b"\n" not in self._buffer:
            self._buffer += await self._process.stdout.receive_some(256) or _ended()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return None if line == b"-" else bytes.fromhex(line.decode())


def _ended() -> bytes:
    raise Misuse("a nonce searcher ended by itself")


async def mine_on(
    driver: Driver, workers: int, reward: Callable[[], Awaitable[PolicyLock]]
) -> None:
    """Mine until cancelled with so many processes; a new tip or a second restarts the template."""
    params = driver.store.params
    async with trio.open_nursery() as nursery:
        searchers = [await Worker.start(nursery) for _ in range(workers)]
        lock = await reward()
        start = 0
        while True:
            made, parent = await template(driver, lock)
            nonce = await _round(searchers, made, parent, start, params.work)
            start = 0 if nonce else start + workers * ATTEMPTS
            if nonce is not None:
                await _hand_in(driver, with_nonce(made, nonce))
                await trio.sleep(0 if params.retarget else PACE_SECONDS)


async def _hand_in(driver: Driver, block: Block) -> None:
    try:
        await driver.hand_in(block)
    except Invalid as error:
        log.error("own block refused", id=block.id.hex(), reason=str(error))


async def _round(
    searchers: list[Worker], made: Block, parent: Entry, start: int, engine: str
) -> bytes | None:
    """One search of every worker, side by side."""
    found: list[bytes] = []

    async def search(worker: Worker, first: int) -> None:
        nonce = await worker.search(made, parent, first, engine)
        found.extend([] if nonce is None else [nonce])

    async with trio.open_nursery() as nursery:
        for at, worker in enumerate(searchers):
            nursery.start_soon(search, worker, start + at * ATTEMPTS)
    return found[0] if found else None
