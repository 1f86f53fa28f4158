"""Whatever waits in the pool, the block made of it is one that every node connects.

Payments, lines of them, issues of every kind of asset and consolidations, every operation of a
vault; blocks of our own and of others between; reorganisations. Each template is filled as the
miner does it, mined, and connected with every signature verified.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.template import select
from bystack.ledger.transactions import Output, Transaction, TransactionBody
from bystack.mainchain.issues import Issue
from bystack.mainchain.transition import apply_main
from bystack.node.mainchain.admission import records_of
from bystack.node.mainchain.mining import fill
from bystack.node.mainchain.templates import Templates
from bystack.node.pool import pool as pools
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.node.mainchain.network import running
from tests.node.pool.pool_world import World
from tests.node.vault_steps import KINDS, Vault

ASSETS = (
    AssetDefinition("DEED", "", 0, 0, 0, b"7", 0),
    AssetDefinition("CAP", "", 0, 1, 1, b"", 100),
    AssetDefinition("OPEN", "", 0, 1, 1, b"", 0),
)
AMOUNTS = (1, 60, 2**62)
COINS = 8

Step = tuple[str, int, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("pay", "pay", "line", "join", "issue", "issue", "mine", "theirs", "back")),
        st.integers(0, COINS - 1),
        st.integers(1, 30),
        st.integers(0, 2),
    ),
    max_size=18,
)


class Mill:
    """A world, and the steps that can be taken in it."""

    def __init__(self, world: World) -> None:
        self.world, self.least = world, world.chain.tip.header.height

    async def offer(self, *txs: Transaction) -> None:
        await self.world.pool.admit_all(txs)

    async def take(self, step: Step) -> None:
        kind, coin, size, which = step
        world = self.world
        if kind == "mine":
            return await self.mine(size * 300)
        if kind == "back":
            return await self.back()
        coin %= max(1, len(world.chain.owned(ALICE)))
        if kind == "pay":
            await self.offer(world.pay(coin, 2_000 * size, bytes([which])))
        elif kind == "line":
            await self.offer(*world.line(coin, size, 2_000 + 100 * size))
        elif kind == "join":
            await self.offer(self.join(coin, size))
        elif kind == "issue":
            await self.offer(self.issue(coin, which, 3_000 * size))
        else:
            await self.theirs(self.issue(coin, which, 0))

    def join(self, first: int, count: int) -> Transaction:
        """Several coins into one."""
        owned = self.world.chain.owned(ALICE)[first : first + count]
        total = sum(coin.amount for _, coin in owned)
        outputs = (Output(BTM, total - 5_000 * len(owned), BOB.lock),)
        places = tuple(place for place, _ in owned)
        return self.world.chain.sign(TransactionBody(1, places, outputs, (), 0, 0, b""), ALICE)

    def issue(self, coin: int, which: int, fee: int) -> Transaction:
        chain = self.world.chain
        asset = Issue(ALICE.lock.root, ASSETS[which], AMOUNTS[which])
        body = chain.issue(ALICE, asset, spends=coin).body
        paid = Output(BTM, body.outputs[0].amount - fee, ALICE.lock)
        outputs = (paid, *body.outputs[1:])
        whole = TransactionBody(1, body.inputs, outputs, body.actions, 0, 0, b"")
        return chain.sign(whole, ALICE, ALICE)

    async def mine(self, room: int) -> None:
        """What the miner does: choose, fill, mine; the model connects it or raises."""
        world, chain = self.world, self.world.chain
        waiting = select(world.pool.machine, room, chain.params.max_bls_checks)
        holds = fill(dict(chain.coins), waiting, chain.tip, chain.params)
        assert sum(one.weight for one in holds.chosen) <= room
        assert sum(one.fee for one in holds.chosen) == holds.fees
        await self.connect(*(one.tx for one in holds.chosen))

    async def theirs(self, tx: Transaction) -> None:
        """Another's block, if what it holds stands."""
        with suppress(Invalid):  # issued already, or up to the cap
            await self.connect(tx)

    async def connect(self, *txs: Transaction) -> None:
        self.world.chain.mine(*txs)
        claims = [claim for tx in txs for claim in records_of(tx)]
        await self.world.pool.connect(txs, self.world.height, claims)
        self.check_none_waits_in_vain()

    def check_none_waits_in_vain(self) -> None:
        """Whoever builds on the chain alone could stand in the next block."""
        world = self.world
        for one in world.pool.machine:
            if not world.pool.machine.ancestors(one.tx.id):
                apply_main(world.chain.coins, one.tx, world.height, world.chain.params)

    async def back(self) -> None:
        """The last block leaves, and what it held comes back."""
        chain = self.world.chain
        if chain.tip.header.height <= self.least:
            return
        gone = chain.blocks[chain.tip.id].transactions[1:]
        chain.disconnect()
        await self.world.pool.replace(gone, [], self.world.height)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_a_template_is_never_invalid(steps: list[Step]) -> None:
    async def main() -> None:
        mill = Mill(World(blocks=COINS + 2))
        for step in steps:
            await mill.take(step)
        await mill.mine(4_000_000)

    trio.run(main)


VAULT_STEPS = st.lists(
    st.tuples(
        st.sampled_from((*KINDS, "pay", *["mine"] * 4, "back")),
        st.integers(0, COINS - 1),
        st.integers(1, 40),
        st.integers(0, 2),
    ),
    min_size=8,
    max_size=40,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(VAULT_STEPS)
def test_a_template_of_vault_operations_is_never_invalid(steps: list[Step]) -> None:
    async def main() -> None:
        vault = Vault()
        mill = Mill(vault.world)
        for step in steps:
            if step[0] not in KINDS:
                await mill.take(step)
            elif (tx := vault.make(*step)) is not None:
                await mill.offer(tx)
        await mill.mine(4_000_000)

    trio.run(main)


def test_contents_filled_amid_a_reorganisation_are_filled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "RETURNING", 1)

    async def main() -> None:
        world = World(blocks=4)
        async with running(tmp_path / "a") as (node,), trio.open_nursery() as nursery:
            await node.take(*world.chain.blocks.values())
            line, pool = world.line(0, 20), node.driver.pool
            for tx in line:
                await node.driver.submit(tx)
            templates = Templates(node.driver, pause=0.0)
            nursery.start_soon(pool.replace, [], [], world.height)
            while pool.settled:
                await trio.lowlevel.checkpoint()
            part = await templates.contents()
            assert len(part.chosen) < len(line)
            while not pool.settled:
                await trio.lowlevel.checkpoint()
            assert [one.tx for one in (await templates.contents()).chosen] == line

    trio.run(main)
