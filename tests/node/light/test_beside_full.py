"""Full nodes and light ones on one network: none asks a light one for blocks, none is blamed."""

from pathlib import Path

import trio

from bystack.mainchain.work import SHA256D
from bystack.node.engines import Installed
from tests.mainchain.builders import EASY
from tests.node.light.network import light_among
from tests.node.mainchain.branches import branches
from tests.node.mainchain.network import until

KNOWN = branches()
CHAIN = (*KNOWN.trunk, *KNOWN.right)
GET_BLOCKS = 19


def test_a_full_node_takes_headers_of_a_light_one_and_blocks_of_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=2, agree=1) as (light, nodes):
            light.host.part(nodes[1].host)
            await nodes[0].take(*CHAIN)
            await light.at(CHAIN[-1].id)
            light.host.part(nodes[0].host)
            light.host.join(nodes[1].host)  # which has nothing but what a light node shows
            await until(lambda: nodes[1].driver.machine.tree.entry(CHAIN[-1].id))
            assert not [kind for to, kind, _ in nodes[1].host.sent if kind == GET_BLOCKS]
            nodes[1].host.join(nodes[0].host)
            await until(lambda: nodes[1].tip == CHAIN[-1].id)
            every = (light.host, nodes[0].host, nodes[1].host)
            assert [host.penalties for host in every] == [[], [], []]

    trio.run(main)


def test_a_light_node_follows_every_block_as_it_is_made(tmp_path: Path) -> None:
    """By announcements: from a full node that has just connected it."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=1, agree=1) as (light, nodes):
            await until(lambda: light.driver.machine.full())
            for block in CHAIN:
                await nodes[0].take(block)
                await light.at(block.id)
            assert light.host.penalties == nodes[0].host.penalties == []

    trio.run(main)


def test_a_slow_engine_digests_beside_the_task(tmp_path: Path) -> None:
    """Each header once, in a thread: when it is judged its digest is there."""
    seen: list[bytes] = []
    threads: set[bool] = set()

    class Slow:
        def digest(self, id: bytes, seed: bytes, /) -> bytes:
            seen.append(id)
            try:
                trio.lowlevel.current_task()
                threads.add(False)
            except RuntimeError:
                threads.add(True)
            return SHA256D.digest(id, seed)

    async def main() -> None:
        async with light_among(tmp_path, fulls=1, agree=1) as (light, nodes):
            light.host.part(nodes[0].host)
            await nodes[0].take(*CHAIN)
            engine = Installed("slow", Slow())
            light.driver._engine = engine
            light.driver.machine.tree._engines = {EASY.work: engine}
            light.host.join(nodes[0].host)
            await light.at(CHAIN[-1].id)
            assert seen == [block.id for block in CHAIN]
            assert threads == {True}

    trio.run(main)
