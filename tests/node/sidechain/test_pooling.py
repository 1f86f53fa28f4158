"""What waits on a sidechain: free proofs once each, fees in any asset, stale ones put out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from bystack.ledger.candidates import FeeNotHigher
from bystack.ledger.coins import CoinView
from bystack.ledger.mempool import AlreadyPooled
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.mainchain.wire import GOSSIP, TRANSACTIONS
from bystack.node.pool.judging import Judged
from bystack.node.sidechain.admission import SideRules
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.pooling import INBOX, ROOM, BlockFinal, Joined, Pooling, Useless
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.waiting_room import SIZE
from bystack.node.verifying.verifier import Verifier
from bystack.p2p.host import Host
from bystack.p2p.items import Announce, Get, Items, read
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.claims import AlreadyClaimed
from bystack.sidechain.fees import FeeTooLow
from bystack.sidechain.inclusion import NotDeepEnough
from bystack.sidechain.stops import PegsPaused
from tests.ledger.people import ALICE, BOB, CAROL
from tests.node.mainchain.network import Wired
from tests.node.sidechain.network import until
from tests.node.sidechain.test_store import follow
from tests.sidechain.world import K, World, ready


class Stage:
    def __init__(self, path: Path, world: World) -> None:
        self.world = world
        modules = modules_of(world.genesis)
        self.store = SideStore.open(str(path), world.genesis, modules)
        rules = SideRules(self.store, modules, lambda: world.now)
        self.host = Wired(1)
        host = cast(Host, self.host)
        self.pooling = Pooling(self.store, rules, host, Verifier(1))

    async def settle(self) -> None:
        """Commit the world's new blocks and tell the pool of each."""
        height = self.store.height
        await follow(self.store, self.world)
        for built in self.world.side.blocks[height:]:
            done = BlockFinal(built.body.transactions, built.header.height + 1)
            await self.pooling.tell(done)
        await until(lambda: self.pooling.pool.machine.height == self.store.height + 1)
        await until(lambda: not self.pooling._inbox.statistics().current_buffer_used)
        await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def pooling(path: Path, world: World) -> AsyncIterator[Stage]:
    stage = Stage(path, world)
    with trio.fail_after(180):
        async with trio.open_nursery() as nursery:
            await nursery.start(stage.pooling.run)
            await stage.settle()
            yield stage
            nursery.cancel_scope.cancel()
    stage.store.close()


def test_a_claim_waits_once_and_goes_first(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        world.pegged(900)
        first, second = world.deposit(50), world.deposit(60)
        world.relay(K)
        async with pooling(tmp_path, world) as stage:
            payment = world.transact(CAROL, fee=500)
            await stage.pooling.submit(payment)
            claim = world.claim_tx(first)
            await stage.pooling.submit(claim)
            with pytest.raises(AlreadyPooled):
                await stage.pooling.submit(claim)
            # The same deposit by another proof: one waits at most, and none outbids another.
            other = world.claim_of(world.main.inclusion(first, world.relayed - K), first)
            assert other.id != claim.id
            with pytest.raises(FeeNotHigher):
                await stage.pooling.submit(other)
            await stage.pooling.submit(world.claim_tx(second))
            assert stage.pooling.proving() == {Outpoint(first.id, 0), Outpoint(second.id, 0)}
            assert (await stage.pooling.candidates(stage.pooling.pool.machine.height))[
                -1
            ] == payment
            assert len(stage.pooling) == 3

    trio.run(main)


def test_what_a_block_claims_no_longer_waits(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        paid, later = world.deposit(50), world.deposit(60)
        world.relay(K)
        async with pooling(tmp_path, world) as stage:
            await stage.pooling.submit(world.claim_tx(paid))
            await stage.pooling.submit(world.claim_tx(later))
            world.block(world.claim_of(world.main.inclusion(paid, world.relayed - K), paid))
            await stage.settle()
            assert stage.pooling.proving() == {Outpoint(later.id, 0)}
            with pytest.raises(AlreadyClaimed):
                await stage.pooling.submit(world.claim_tx(paid))

    trio.run(main)


def test_what_has_become_impossible_is_put_out(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        world.pegged(900)
        paid = world.deposit(50)
        world.relay(K)
        async with pooling(tmp_path, world) as stage:
            await stage.pooling.submit(world.claim_tx(paid))
            await stage.pooling.submit(world.burn_tx(100))
            assert len(stage.pooling) == 2
            # A reorganisation deeper than K stops the pegs; the burn and the claim go.
            world.main.reorganise(K + 1)
            world.relay()
            assert world.stops
            await stage.settle()
            assert len(stage.pooling) == 0
            with pytest.raises(PegsPaused):
                await stage.pooling.submit(world.burn_tx(100))

    trio.run(main)


def test_of_many_that_wait_some_are_judged_after_a_block_and_all_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool full of actions must not hold up the loop that consensus runs on."""
    monkeypatch.setattr("bystack.node.sidechain.pooling.JUDGED_AGAIN", 2)

    async def main() -> None:
        world = ready()
        deposits = [world.deposit(50 + number) for number in range(5)]
        world.relay(K)
        async with pooling(tmp_path, world) as stage:
            for deposit in deposits:
                await stage.pooling.submit(world.claim_tx(deposit))
            judged: list[bytes] = []
            judge = stage.pooling._rules.judge

            def counted(coins: CoinView, tx: Transaction, height: int) -> Judged:
                judged.append(tx.id)
                return judge(coins, tx, height)

            monkeypatch.setattr(stage.pooling._rules, "judge", counted)
            for blocks in range(1, 6):
                world.idle()
                await stage.settle()
                assert len(judged) == 2 * blocks
            assert all(judged.count(id) == 2 for id in judged) and len({*judged}) == 5

    trio.run(main)


def test_refusals_name_the_rule(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        world.pegged(900)
        paid = world.deposit(50)
        world.relay(K - 1)
        async with pooling(tmp_path, world) as stage:
            with pytest.raises(NotDeepEnough):
                await stage.pooling.submit(world.claim_tx(paid))
            with pytest.raises(FeeTooLow):
                await stage.pooling.submit(world.transact(CAROL, fee=0))
            assert len(stage.pooling) == 0

    trio.run(main)


def test_a_proposer_may_put_out_what_it_could_not_use(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        world.pegged(900)
        async with pooling(tmp_path, world) as stage:
            tx = world.transact(CAROL)
            await stage.pooling.submit(tx)
            await stage.pooling.tell(Useless((tx.id, bytes(32))))
            await until(lambda: len(stage.pooling) == 0)

    trio.run(main)


def test_those_who_would_make_blocks_are_woken(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        world.pegged(900)
        async with pooling(tmp_path, world) as stage, trio.open_nursery() as nursery:
            nursery.start_soon(stage.pooling.waiting.wait)
            await trio.testing.wait_all_tasks_blocked()
            await stage.pooling.submit(world.transact(CAROL))

    trio.run(main)


def test_gossip_beyond_the_inbox_is_dropped_and_the_rest_is_heard(tmp_path: Path) -> None:
    world = ready()
    stage = Stage(tmp_path, world)
    alone = (INBOX - ROOM) // 2
    for peer, waiting in ((FIRST, alone), (SECOND, alone + alone // 2)):
        for _ in range(2 * INBOX):
            stage.pooling.hear(peer, b"")
        assert stage.pooling._inbox.statistics().current_buffer_used == waiting
    stage.store.close()


def test_large_gossip_takes_bounded_room_and_once_heard_leaves_it(tmp_path: Path) -> None:
    async def main() -> None:
        stage, large = Stage(tmp_path, ready()), bytes(2_000_000)
        for number in range(INBOX):
            stage.pooling.hear(bytes([number % 8]) * 32, large)
        room = stage.pooling._room
        assert sum(load.size for load in room.inside.values()) <= SIZE
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                await nursery.start(stage.pooling.run)
                for peer in [*room.inside]:
                    await stage.pooling.tell(Joined(peer))
                await until(lambda: not room.inside)
                nursery.cancel_scope.cancel()
        stage.store.close()

    trio.run(main)


def test_an_invalid_transaction_is_no_end(tmp_path: Path) -> None:
    async def main() -> None:
        world = ready()
        world.pegged(900)
        async with pooling(tmp_path, world) as stage:
            good = world.transact(CAROL)
            with pytest.raises(Invalid):
                await stage.pooling.submit(world.donate_tx(world.main.created))
            await stage.pooling.submit(good)

    trio.run(main)


def announced(stage: Stage, peer: bytes) -> list[bytes]:
    """The ids of transactions that a peer was told of."""
    payloads = [payload for to, _, payload in stage.host.sent if to == peer]
    told = [read(payload, len(payload)) for payload in payloads]
    return [id for one in told if isinstance(one, Announce) for id in one.ids]


async def sent_by(stage: Stage, peer: bytes, *txs: Transaction) -> None:
    """A peer announces these and sends them, once asked, in one message."""
    stage.pooling.hear(peer, encode(Announce(TRANSACTIONS, tuple(tx.id for tx in txs))))
    get = encode(Get(TRANSACTIONS, tuple(tx.id for tx in txs)))
    await until(lambda: (peer, GOSSIP, get) in stage.host.sent)
    bodies = tuple((tx.id, encode(tx)) for tx in txs)
    stage.pooling.hear(peer, encode(Items(TRANSACTIONS, bodies)))
    await until(lambda: all(tx.id in stage.pooling.pool.machine for tx in txs))
    await until(lambda: not stage.pooling._inbox.statistics().current_buffer_used)


@asynccontextmanager
async def with_peers(path: Path, world: World) -> AsyncIterator[Stage]:
    async with pooling(path, world) as stage:
        for peer in (FIRST, SECOND):
            await stage.pooling.tell(Joined(peer))
        yield stage


FIRST, SECOND = b"1" * 32, b"2" * 32


def paying_all(world: World) -> list[Transaction]:
    fees = ((CAROL, 500), (ALICE, 400), (BOB, 300))
    for who, _ in fees:
        world.pegged(900, to=who)
    return [world.transact(who, fee=fee) for who, fee in fees]


def test_what_peers_sent_is_announced_on_together_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bystack.node.sidechain.pooling.HOP", 0.2)

    async def main() -> None:
        world = ready()
        one, two, three = paying_all(world)
        async with with_peers(tmp_path, world) as stage:
            await sent_by(stage, FIRST, one)
            await until(lambda: announced(stage, SECOND) == [one.id])  # the first at once
            await sent_by(stage, FIRST, two, three)
            await until(lambda: announced(stage, SECOND) == [one.id, two.id, three.id])
            assert announced(stage, FIRST) == []

    trio.run(main)


def test_what_a_block_took_meanwhile_is_not_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bystack.node.sidechain.pooling.HOP", 1e9)

    async def main() -> None:
        world = ready()
        one, two, three = paying_all(world)
        async with with_peers(tmp_path, world) as stage:
            await sent_by(stage, FIRST, one)
            await sent_by(stage, FIRST, two, three)
            world.block(two)
            await stage.settle()
            assert announced(stage, SECOND) == [one.id]
            await stage.pooling._relay.pass_on(trio.current_time())
            assert announced(stage, SECOND) == [one.id, three.id]

    trio.run(main)


def test_where_thousands_wait_whoever_hands_in_more_waits_for_the_next_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bystack.node.sidechain.pooling.CROWDED", 2)
    monkeypatch.setattr("bystack.node.sidechain.pooling.DELAY", 1e9)

    async def main() -> None:
        world = ready()
        one, two, three = paying_all(world)
        async with pooling(tmp_path, world) as stage, trio.open_nursery() as nursery:
            await stage.pooling.submit(one)
            await stage.pooling.submit(two)
            nursery.start_soon(stage.pooling.submit, three)
            await trio.testing.wait_all_tasks_blocked(cushion=0.01)
            assert len(stage.pooling) == 2
            world.block(one, two)
            await stage.settle()
            await until(lambda: three.id in stage.pooling.pool.machine)

    trio.run(main)
