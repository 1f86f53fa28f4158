"""Whatever is seen in whatever order: tip, coins, undo data, indexes and followers end the same."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cache
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.chain import genesis_entry
from bystack.node.mainchain.following import follow
from bystack.node.store.storage import Store
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from bystack.primitives.errors import Invalid
from bystack.sidechain.params import Genesis
from bystack.sidechain.relay import extend, start_relay
from bystack.sidechain.state import SystemState
from tests.mainchain.builders import EASY, LATE, child
from tests.node.mainchain.branches import replayed
from tests.node.mainchain.forest import derived, forest, merged, pay
from tests.node.mainchain.network import Node, running, until
from tests.node.mainchain.test_driver import forged, with_transactions
from tests.node.wallet.people import HERE, KEY
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for

BEST = forest().best
orders = st.permutations([0] * 3 + [1] * 4 + [2] * 4)
several = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def fresh(folder: Path) -> Path:
    return folder / str(len(list(folder.iterdir())))


@cache
def best_alone(folder: Path) -> dict[bytes, bytes]:
    """The store of a node that saw the best branch only."""
    place = folder / "best"

    async def main() -> None:
        async with running(place) as (node,):
            await node.take(*BEST)

    trio.run(main)
    return derived(place)


# Any order of blocks, from anyone


@given(order=orders)
@several
def test_three_branches_in_any_order_leave_the_store_of_the_best_alone(
    tmp_path: Path, order: list[int]
) -> None:
    place = fresh(tmp_path)

    async def main() -> None:
        async with running(place) as (node,):
            await node.take(*forest().trunk, *merged(order))
            assert node.tip == BEST[-1].id

    trio.run(main)
    assert derived(place) == best_alone(tmp_path)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_peers_on_three_branches_in_any_order_bring_a_newcomer_to_the_best(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    known = forest()
    lines = ((*known.trunk, *known.branches[0]), (*known.trunk, *known.branches[1]), BEST)

    async def main() -> None:
        async with running(*(tmp_path / str(n) for n in range(4))) as (new, *peers):
            for peer, line in zip(peers, lines, strict=True):
                await peer.take(*line)
            for which in order:
                new.host.join(peers[which].host)
                heaviest = max(order[: order.index(which) + 1])
                await until(lambda goal=lines[heaviest][-1].id: new.tip == goal)
            await until(lambda: all(peer.tip == BEST[-1].id for peer in peers))

    trio.run(main)
    assert derived(tmp_path / "0") == derived(tmp_path / "1") == best_alone(tmp_path)


@given(order=orders, restarts=st.sets(st.integers(0, 10), max_size=3))
@settings(several, max_examples=8)
def test_restarts_on_the_way_change_nothing(
    tmp_path: Path, order: list[int], restarts: set[int]
) -> None:
    place, blocks = fresh(tmp_path), [*forest().trunk, *merged(order)]
    cuts = [0, *sorted(len(forest().trunk) + at for at in restarts), len(blocks)]

    async def main() -> None:
        for begin, end in pairwise(cuts):
            async with running(place) as (node,):
                await node.take(*blocks[begin:end])

    trio.run(main)
    assert derived(place) == best_alone(tmp_path)


def test_of_equal_branches_the_first_seen_stays_also_after_a_restart(tmp_path: Path) -> None:
    trunk = forest().trunk
    model = replayed(trunk)
    one, other = (child(model.tip, extra=name) for name in (b"one", b"other"))

    async def main() -> None:
        for name, (first, second) in (("a", (one, other)), ("b", (other, one))):
            async with running(tmp_path / name) as (node,):
                await node.take(*trunk, first, second)
                assert node.tip == first.id
            async with running(tmp_path / name) as (node,):
                assert node.tip == first.id

    trio.run(main)


# Invalid blocks in heavy branches


@given(good=st.integers(0, 3), order=orders)
@settings(several, max_examples=8)
def test_a_heavy_branch_with_an_invalid_block_leaves_the_best_valid_chain(
    tmp_path: Path, good: int, order: list[int]
) -> None:
    """A fourth branch, heavier than all, turns bad after `good` blocks; it comes in between."""
    place, trunk = fresh(tmp_path), forest().trunk
    evil = heavy_and_bad(good)
    blocks = merged(order)

    async def main() -> None:
        async with running(place) as (node,):
            await node.take(*trunk, *blocks[:6])
            for block in evil:
                try:
                    await node.driver.hand_in(block)
                except Invalid as error:
                    # The last two: what was refused is out of the tree, with all that follows it.
                    assert error.rule in ("SignatureWrong", "BranchInvalid", "HeaderOrphan")
            await node.take(*blocks[6:])
            assert node.tip == BEST[-1].id
            assert all(node.driver.machine.tree.entry(block.id) is None for block in evil[good:])

    trio.run(main)
    assert derived(place) == best_alone(tmp_path)


def heavy_and_bad(good: int) -> list[Block]:
    """Twelve blocks on the trunk, the one after `good` sound ones with a false signature."""
    fork = replayed(forest().trunk)
    found = [fork.mine(extra=b"evil") for _ in range(good)]
    base = child(fork.tip, extra=b"evil")
    found.append(with_transactions(base, fork, forged(pay(fork, 0, 9_000))))
    fork.tree.add([found[-1].header], None)
    while len(found) < 12:
        entry = fork.tree.entry(found[-1].id)
        assert entry is not None
        found.append(child(entry, extra=b"evil"))
        fork.tree.add([found[-1].header], None)
    return found


# Any depth


def test_two_hundred_blocks_are_left_for_a_heavier_branch(tmp_path: Path) -> None:
    trunk = forest().trunk
    old, new = replayed(trunk), replayed(trunk)
    leaving = [old.mine(extra=b"old") for _ in range(210)]
    joining = [new.mine(extra=b"new") for _ in range(211)]

    async def main() -> None:
        async with running(tmp_path / "a", tmp_path / "b") as (node, other):
            await node.take(*trunk, *leaving)
            assert node.tip == leaving[-1].id
            await other.take(*trunk, *joining)
            node.host.join(other.host)
            await until(lambda: node.tip == joining[-1].id)
            await until(lambda: node.driver.deepest == 210)

    trio.run(main)
    assert derived(tmp_path / "a") == derived(tmp_path / "b")


# Those who follow the chain


class Followers:
    """A wallet, a header relay and a list of ids, fed by the stream as the processes are."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node = node
        self._store = Store.open(folder, kind=KIND, magic=EASY.magic, version=FORMAT)
        self.purse = Purse(HERE, KEY, self._store)
        self.line: list[bytes] = []
        self.relay: dict[bytes, bytes] = {}
        self._state(lambda state: start_relay(state, relayed()))
        self.at = b""

    async def run(self) -> None:
        async for item in follow(self._node.driver, []):
            self.take(item)

    def take(self, item: Sequence[Any]) -> None:
        match item:
            case ["connect", height, id, data]:
                self.purse.connect(height, id, decode_block(data).transactions)
                self.line.append(id)
            case ["disconnect", height, id]:
                assert self.purse.disconnect(height, id)
                assert self.line.pop() == id
            case ["tip", _, id]:
                self._extend()
                self.at = id

    def _extend(self) -> None:
        machine = self._node.driver.machine
        known = self.relay.get(b"relay/tip/", b"")
        entry = machine.tree.entry(known)
        assert entry is not None
        if entry.work < machine.tip.work:
            headers = machine.line.after(machine.tree.line.locator(entry), 2_000)
            self._state(lambda state: extend(state, relayed(), headers, LATE))

    def _state(self, work: Any) -> None:
        state = SystemState(self.relay)
        work(state)
        for key, value in state.changes.items():
            if value is None:
                self.relay.pop(key, None)
            else:
                self.relay[key] = value

    def facts(self) -> tuple[Any, ...]:
        wallet = self.purse.wallet
        return (self.line, wallet.coins, wallet.height, dict(wallet.history), self.relay)

    def close(self) -> None:
        self._store.close()


@cache
def relayed() -> Genesis:
    return genesis_for(vault_chain(), main=EASY, checkpoint=genesis_entry(EASY))


@given(order=orders)
@settings(several, max_examples=8)
def test_wallet_relay_and_subscribers_end_as_if_they_had_seen_the_best_alone(
    tmp_path: Path, order: list[int]
) -> None:
    async def seen(place: Path, blocks: Sequence[Block]) -> tuple[Any, ...]:
        async with running(place / "chain") as (node,), trio.open_nursery() as nursery:
            followers = Followers(node, place / "wallet")
            nursery.start_soon(followers.run)
            for block in blocks:
                await node.take(block)
                await until(lambda: followers.at == node.tip)
            nursery.cancel_scope.cancel()
        followers.close()
        return followers.facts()

    async def main() -> None:
        place = fresh(tmp_path)
        one = await seen(place, [*forest().trunk, *merged(order)])
        two = await seen(place / "best", BEST)
        assert one == two
        assert one[1], "the wallet owns nothing: the test shows nothing"
        shutil.rmtree(place)

    trio.run(main)


@given(order=orders)
@settings(several, max_examples=8)
def test_the_pool_holds_what_a_fresh_one_would_take_of_the_blocks_undone(
    tmp_path: Path, order: list[int]
) -> None:
    place = fresh(tmp_path)

    async def main() -> None:
        connected: dict[bytes, Block] = {}
        async with running(place / "a", place / "b") as (node, other):
            for block in (*forest().trunk, *merged(order)):
                await node.take(block)
                line = node.driver.machine.line
                connected |= {b.id: b for b in all_blocks() if line.holds(b.id)}
            await other.take(*BEST)
            undone = [b for b in connected.values() if b not in BEST]
            for block in sorted(undone, key=lambda block: block.header.height):
                for tx in block.transactions[1:]:
                    await offered(other, tx)
            assert waiting(node) == waiting(other)

    trio.run(main)


def all_blocks() -> list[Block]:
    return [*forest().trunk, *(block for branch in forest().branches for block in branch)]


async def offered(node: Node, tx: Transaction) -> None:
    try:
        await node.driver.submit(tx)
    except Invalid:
        return


def waiting(node: Node) -> set[bytes]:
    return {tx.id for tx in node.driver.pool.transactions()}
