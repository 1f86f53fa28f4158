"""What a transfer costs one node, step by step: processor time of a single thread, no network.

On the store of a validator that has stopped, with transfers nobody sent: heard as gossip brings
them, verified, judged and admitted, built into a block, executed, stored, followed by the pool.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import trio

from bystack.client.bench.transfers import Signed
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.node.processes.garbage import collect_seldom
from bystack.node.sidechain.admission import SideRules
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.pooling import TOGETHER, Pooling
from bystack.node.sidechain.store import SideStore
from bystack.node.verifying.inline import InlineVerifier
from bystack.p2p.host import Host
from bystack.primitives.codec import encode
from bystack.sidechain.assembly import Built
from bystack.sidechain.blocks import Body
from bystack.sidechain.consensus.events import BuildBlock, Decide
from bystack.sidechain.params import Genesis


class Nobody:
    """A peer network without peers."""

    def send(self, *_: object) -> bool:
        """Nothing leaves."""
        return True

    def penalise(self, *_: object) -> None:
        """Nobody is there."""


class Stages:
    """Processor time by step, in microseconds for each of `number` transfers."""

    def __init__(self, number: int) -> None:
        self.figures: dict[str, float] = {}
        self._number = number

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what this thread computes meanwhile."""
        begun = time.thread_time()
        yield
        spent = 1e6 * (time.thread_time() - begun) / self._number
        self.figures[f"us_{name}"] = self.figures.get(f"us_{name}", 0) + spent


def stages(home: Path, name: str, genesis: Genesis, transfers: Sequence[Signed]) -> Stages:
    """Each step of these transfers, whose coins the store in this home holds."""
    path = home / "data" / f"sidechain-{name}" / "chain"
    store = SideStore.open(str(path), genesis, modules_of(genesis))
    try:
        return trio.run(_Run(store, transfers).measure)
    finally:
        store.close()


class _Run:
    def __init__(self, store: SideStore, transfers: Sequence[Signed]) -> None:
        self._store, self._transfers = store, transfers
        self._modules = modules_of(store.genesis)
        self._verifier = InlineVerifier()
        rules = SideRules(store, self._modules, lambda: time.time_ns() // 1_000_000)
        self._pooling = Pooling(store, rules, cast(Host, Nobody()), self._verifier)
        self._stages = Stages(len(transfers))

    async def measure(self) -> Stages:
        """Every step in the order in which a node takes them."""
        collect_seldom()
        with self._stages.step("decode"):
            txs = [decode_transaction(one.data) for one in self._transfers]
        await self._admit(txs)
        figures = self._stages.figures
        figures["us_verify"] -= figures["us_admit"]
        built = await self._build()
        await self._follow(built)
        return self._stages

    async def _admit(self, txs: Sequence[Transaction]) -> None:
        for at in range(0, len(txs), TOGETHER):
            lot = txs[at : at + TOGETHER]
            with self._stages.step("verify"):
                await self._pooling.pool.judge_all(lot)  # and judged, which is taken off below
            with self._stages.step("admit"):
                await self._pooling.pool.admit_all(lot)

    async def _build(self) -> Built:
        store = self._store
        wish = BuildBlock(
            store.height + 1, 0, store.header.time + 500, store.header, store.certificate, 0
        )
        with self._stages.step("choose"):
            candidates = await self._pooling.candidates(store.height + 1)
        with self._stages.step("build"):
            return await Application(store, self._modules, self._verifier).build(wish, candidates)

    async def _follow(self, built: Built) -> None:
        """As a validator that did not build the block."""
        application = Application(self._store, self._modules, self._verifier)
        body = encode(built.body)
        application.know(body, built.body)
        with self._stages.step("execute"):
            await application.execute(built.header, body)
        with self._stages.step("store"):
            done = await application.finish(Decide(built.header, body, self._store.certificate))
        with self._stages.step("leave_pool"):
            await self._pooling.settle(cast(Body, done).transactions, self._store.height + 1)
