"""Whatever waits in the pool, the block made of it is one that every node connects.

Payments, lines of them, issues of every kind of asset and consolidations; blocks of our own and of
others between; reorganisations. Each template is filled as the miner does it, mined, and connected
with every signature verified.
"""

from __future__ import annotations

from contextlib import suppress

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.template import select
from bystack.ledger.transactions import Output, Transaction, TransactionBody
from bystack.mainchain.issues import Issue
from bystack.node.mainchain.admission import claims_of
from bystack.node.mainchain.mining import fill
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.node.pool_world import World

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

    def __init__(self) -> None:
        self.world = World(blocks=COINS + 2)

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
        claims = [claim for tx in txs for claim in claims_of(tx)]
        await self.world.pool.connect(txs, self.world.height, claims)

    async def back(self) -> None:
        """The last block leaves, and what it held comes back."""
        chain = self.world.chain
        if chain.tip.header.height <= COINS + 2:
            return
        gone = chain.blocks[chain.tip.id].transactions[1:]
        chain.disconnect()
        await self.world.pool.replace(gone, [], self.world.height)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_a_template_is_never_invalid(steps: list[Step]) -> None:
    async def main() -> None:
        mill = Mill()
        for step in steps:
            await mill.take(step)
        await mill.mine(4_000_000)

    trio.run(main)
