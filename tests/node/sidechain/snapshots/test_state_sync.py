"""Joining a chain of several epochs by a snapshot: real stores, engines and keys in one program."""

from __future__ import annotations

from pathlib import Path

import trio
from msgspec.structs import replace

from bystack.node.sidechain.snapshots.state_sync import Policy
from tests.node.sidechain.network import FAST, Network, running, until

EPOCH = 8
SHORT = replace(FAST, epoch=EPOCH, freeze=3)
JOINS = Policy(joins=True)


async def joined(net: Network, number: int) -> None:
    """Start a node that joins by a snapshot, until it goes on from one."""
    node = await net.start(number, JOINS)
    await until(node.state_sync.arrived.is_set)
    assert node.store.height < EPOCH, "it fetched no blocks meanwhile"
    await net.stop(number)
    await net.start(number, JOINS)


def test_a_late_validator_joins_by_a_snapshot_and_votes(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, nodes=3, consensus=SHORT) as net:
            await net.reach(4 * EPOCH + 2)
            await joined(net, 3)
            node = net.nodes[3]
            assert node.store.first > 2 * EPOCH and node.store.final(node.store.first - 1) is None
            await net.reach(net.nodes[0].store.height)
            height = node.store.height
            assert node.store.header_at(height) == net.nodes[0].store.header_at(height)
            await until(lambda: net.nodes[0].store.certificate.bitmap[0] >> 3 & 1)

    trio.run(main)
