"""Blocks for peers: as many as one message should hold, at the pace at which they are read."""

from __future__ import annotations

import trio
import trio.testing
from msgspec.structs import replace

from bystack.node.sidechain.serving import MAX_ANSWER, WAITING, Serving, answer
from bystack.p2p.queues import Class
from bystack.sidechain.consensus.messages import MAX_BLOCKS, Blocks, FinalBlock, GetBlocks
from bystack.sidechain.consensus.statements import genesis_certificate
from bystack.sidechain.messages import read_message
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.start import start
from tests.node.sidechain.network import until
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for

PEER = b"p" * 32
HEADER = start(genesis_for(vault_chain()), Modules(())).header
CERTIFICATE = genesis_certificate(HEADER)


class Chain:
    def __init__(self, height: int, size: int = 10) -> None:
        self.height, self._body = height, b"b" * size

    def final(self, height: int) -> FinalBlock | None:
        found = 0 <= height <= self.height
        return FinalBlock(HEADER, self._body, CERTIFICATE) if found else None


class Host:
    def __init__(self) -> None:
        self.full = False
        self.sent: list[Blocks] = []

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        assert cls == Class.SYNC
        message = read_message(kind, payload)
        assert isinstance(message, Blocks)
        if not self.full:
            self.sent.append(message)
        return not self.full


def test_an_answer_ends_with_the_chain_or_the_count() -> None:
    assert len(answer(Chain(9), GetBlocks(4, 32)).blocks) == 6
    assert len(answer(Chain(99), GetBlocks(4, 5)).blocks) == 5
    assert len(answer(Chain(99), GetBlocks(4, 2**16 - 1)).blocks) == MAX_BLOCKS
    assert not answer(Chain(9), GetBlocks(10, 5)).blocks
    assert not answer(Chain(9), GetBlocks(2**63 - 1, 5)).blocks


def test_an_answer_is_not_much_larger_than_it_should_be() -> None:
    size = MAX_ANSWER // 3 + 1
    assert len(answer(Chain(99, size), GetBlocks(0, 32)).blocks) == 3
    # A block larger than that is given alone.
    assert len(answer(Chain(99, MAX_ANSWER + 1), GetBlocks(0, 32)).blocks) == 1


def test_a_peer_is_served_one_after_another_and_not_beyond_its_due() -> None:
    async def main() -> None:
        host = Host()
        async with trio.open_nursery() as nursery:
            serving = Serving(host, Chain(50), nursery)
            serving.ask(PEER, GetBlocks(0, 1))  # not connected: nobody to serve
            serving.join(PEER)
            await trio.testing.wait_all_tasks_blocked()
            for count in range(1, 10):
                serving.ask(PEER, GetBlocks(0, count))
            await until(lambda: len(host.sent) >= WAITING)
            serving.leave(PEER)
        sizes = [len(blocks.blocks) for blocks in host.sent]
        assert sizes == [1, 2, 3][: len(sizes)] and WAITING <= len(sizes) <= WAITING + 1

    trio.run(main)


def test_it_waits_for_a_slow_peer_and_stops_when_it_leaves() -> None:
    async def main() -> None:
        host = Host()
        host.full = True
        async with trio.open_nursery() as nursery:
            serving = Serving(host, Chain(50), nursery)
            serving.join(PEER)
            serving.ask(PEER, GetBlocks(0, 3))
            await trio.sleep(1)
            host.full = False
            await until(lambda: host.sent)
            host.full = True
            serving.ask(PEER, GetBlocks(0, 3))
            await trio.sleep(1)
            serving.leave(PEER)
        assert len(host.sent) == 1

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))


class Turning(Chain):
    """Epochs of five heights."""

    def final(self, height: int) -> FinalBlock | None:
        block = super().final(height)
        if block is None:
            return None
        header = replace(block.header, height=height, epoch=height // 5)
        return FinalBlock(header, block.body, block.certificate)


def test_an_answer_ends_with_its_epoch() -> None:
    assert [b.header.height for b in answer(Turning(99), GetBlocks(7, 32)).blocks] == [7, 8, 9]
    assert len(answer(Turning(99), GetBlocks(10, 32)).blocks) == 5
