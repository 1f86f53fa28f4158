"""Joining a chain of several epochs by a snapshot: real stores, engines and keys in one program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from bystack.node.sidechain.snapshots.asking import PATIENCE
from bystack.node.sidechain.snapshots.state_sync import (
    AID_KINDS,
    GATHERING,
    LOOKS,
    REST,
    STALL,
    Policy,
    StateSync,
)
from bystack.node.sidechain.voting.engines import verifier_of
from bystack.p2p.host import Host
from bystack.p2p.queues import Class
from bystack.sidechain.consensus.messages import MAX_BLOCKS, GetBlocks, Status
from bystack.sidechain.messages import read_message
from bystack.sidechain.snapshots.messages import read_aid
from tests.node.sidechain.network import FAST, SECONDS, Network, running, until
from tests.node.sidechain.snapshots.places import lived, store_at
from tests.node.sidechain.test_store import certificate_for

EPOCH = 6
SHORT = replace(FAST, epoch=EPOCH, freeze=2, interval=100, empty_interval=250)
JOINS = Policy(joins=True)


async def joined(net: Network, number: int) -> None:
    """Start a node that joins by a snapshot, until it goes on from one."""
    node = await net.start(number, JOINS)
    await until(node.state_sync.arrived.is_set)
    assert node.store.height < EPOCH, "it fetched no blocks meanwhile"
    await net.stop(number)
    await net.start(number, JOINS)


def test_a_late_node_joins_by_a_snapshot_and_follows(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, consensus=SHORT) as net:
            await net.reach(2 * EPOCH + 2)
            await joined(net, 4)
            node = net.nodes[4]
            assert node.store.first > EPOCH and node.store.final(node.store.first - 1) is None
            await net.reach(net.nodes[0].store.height)
            height = node.store.height
            assert node.store.header_at(height) == net.nodes[0].store.header_at(height)
            told = (await node.rpc("getsidechaininfo"))["sync"]
            assert told["first"] == node.store.first
            mine = await node.rpc("getepochproofs", 0)
            theirs = await net.nodes[0].rpc("getepochproofs", 0)  # the chain may have gone on
            assert len(mine) >= 2 and mine == theirs[: len(mine)], "of all epochs"

    trio.run(main)


def test_a_liar_who_says_the_chain_is_far_stops_no_snapshots(tmp_path: Path) -> None:
    """Two honest peers are as far as we are; the one who claims the moon is not the most."""
    store, host = store_at(tmp_path / "chain", lived()), Quiet()
    policy = Policy(every=1)
    sync = StateSync(str(tmp_path), store, cast(Host, host), verifier_of(store.genesis), policy)
    here = certificate_for(lived(), store.height)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            sync.start(nursery, lambda peer, rule: None)
            moon = Status(replace(here, height=1 << 40))
            for peer in (b"b" * 32, b"c" * 32):
                sync.overhear(peer, moon)
            sync.overhear(b"a" * 32, Status(here))
            sync.final(store.header)
            assert not sync._making, "most say that we are far behind"
            sync.leave(b"c" * 32)
            sync.final(store.header)
            await until(lambda: sync.report()["snapshots"] == [store.height])
            nursery.cancel_scope.cancel()

    with_deadline(main)
    store.close()


def with_deadline(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        with trio.fail_after(SECONDS):
            await main()

    trio.run(run)


def test_nothing_is_signed_while_a_snapshot_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later header is final by then. The others go on; afterwards the same node votes."""
    taking = [True]
    folder = str(tmp_path / "node3")
    inside = property(lambda sync: taking[0] and sync._folder == folder)
    monkeypatch.setattr(StateSync, "takes_in", inside)

    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(4)
            assert not len(net.nodes[3].journal)
            taking[0] = False
            await until(lambda: len(net.nodes[3].journal))

    trio.run(main)


class Quiet:
    """A host that notes what is asked of whom."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, object]] = []

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        read = read_aid if kind in AID_KINDS else read_message
        self.asked.append((peer, read(kind, payload)))
        return True


def test_where_no_block_comes_one_peer_after_another_is_asked(tmp_path: Path) -> None:
    """A new engine, or one that cannot judge a later epoch's certificates, may not ask again."""
    store, host = store_at(tmp_path / "chain", lived()), Quiet()
    genesis, height = store.genesis, store.height
    sync = StateSync(str(tmp_path), store, cast(Host, host), verifier_of(genesis), Policy(kept=0))
    claim = Status(certificate_for(lived(), height))
    outdated: list[str] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            sync.start(nursery, lambda peer, rule: None, lambda: not outdated)
            for peer in (b"a" * 32, b"b" * 32):
                sync.join(peer)
                sync.overhear(peer, claim)
            await trio.sleep(3 * STALL + 0.1)
            assert not host.asked, "nobody is ahead"
            for peer, ahead in ((b"a" * 32, 1), (b"b" * 32, 5)):
                further = replace(claim.certificate, height=height + ahead)
                sync.overhear(peer, Status(further))
            await trio.sleep(2 * STALL)
            wanted = GetBlocks(height + 1, MAX_BLOCKS)
            assert host.asked == [(b"a" * 32, wanted), (b"b" * 32, wanted)]
            sync.leave(b"a" * 32)
            await trio.sleep(STALL)
            assert host.asked[2:] == [(b"b" * 32, wanted)]
            assert sync.report()["mode"] == "blocks" and sync.report()["target"] == height + 5
            outdated.append("by a version that is not known here")
            await trio.sleep(3 * STALL)
            assert len(host.asked) == 3, "what it could not execute it does not ask for"
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.01))
    store.close()


def test_whom_nobody_gives_a_snapshot_goes_on_by_blocks_and_looks_a_few_times(
    tmp_path: Path,
) -> None:
    """Who has one may come later; who says he has one and never gives it is not waited for long."""
    store, host = store_at(tmp_path / "chain", lived()), Quiet()
    joins = Policy(joins=True, kept=0)
    sync = StateSync(str(tmp_path), store, cast(Host, host), verifier_of(store.genesis), joins)
    certificate = certificate_for(lived(), store.height)
    length = store.genesis.consensus.epoch
    near = replace(certificate, height=store.height + length)
    far = replace(certificate, height=store.height + length + 1)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            sync.start(nursery, lambda peer, rule: None)
            sync.join(b"a" * 32)
            sync.overhear(b"a" * 32, Status(near))
            assert not sync.looks, "one epoch is caught up by blocks"
            sync.overhear(b"a" * 32, Status(far))
            assert sync.looks and not sync.takes_in
            await trio.sleep(GATHERING + PATIENCE + 1)
            assert not sync.looks and not sync.arrived.is_set()
            assert LOOKS > 1
            for _ in range(LOOKS - 1):
                sync.overhear(b"a" * 32, Status(far))
                assert not sync.looks, "blocks are asked for first"
                host.asked.clear()
                await trio.sleep(REST)
                assert any(isinstance(asked, GetBlocks) for _, asked in host.asked)
                sync.overhear(b"a" * 32, Status(far))
                assert sync.looks
                await trio.sleep(GATHERING + PATIENCE + 1)
            await trio.sleep(2 * REST)
            sync.overhear(b"a" * 32, Status(far))
            assert not sync.looks, "not for ever"
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))
    store.close()
