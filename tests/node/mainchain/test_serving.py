"""Serving blocks: many small ones to a message, one task per peer, what is not there is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from bystack.mainchain.blocks import Block
from bystack.mainchain.messages import (
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    MainMessage,
    Missing,
    decode_message,
)
from bystack.mainchain.sync.compact import Filling, match
from bystack.node.mainchain import serving
from bystack.node.mainchain.serving import WAITING, Serving
from bystack.p2p.queues import Class
from bystack.primitives.codec import encode
from tests.mainchain.builders import Chain
from tests.node.mainchain.branches import branches
from tests.node.mainchain.network import until

PEER, OTHER = b"p" * 32, b"q" * 32


class Wire:
    """A host whose queue for a peer may be full."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, MainMessage, Class]] = []
        self.full: set[bytes] = set()

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        if peer not in self.full:
            self.sent.append((peer, decode_message(kind, payload), cls))
        return peer not in self.full

    def messages(self, peer: bytes) -> list[MainMessage]:
        return [message for one, message, _ in self.sent if one == peer]

    def blocks(self, peer: bytes) -> list[Block]:
        found = [one.blocks for one in self.messages(peer) if isinstance(one, BlockMessage)]
        return [block for several in found for block in several]


class Shelves:
    """A store of blocks."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.stored = {block.id: encode(block) for block in blocks}

    def block_bytes(self, id: bytes) -> bytes | None:
        return self.stored.get(id)


@asynccontextmanager
async def served(wire: Wire, *blocks: Block) -> AsyncIterator[Serving]:
    """Two peers served these blocks."""
    with trio.fail_after(180):
        async with trio.open_nursery() as nursery:
            serves = Serving(wire, Shelves(blocks), nursery)
            serves.join(PEER)
            serves.join(OTHER)
            yield serves
            nursery.cancel_scope.cancel()


def grown(count: int) -> tuple[Block, ...]:
    chain = Chain()
    chain.grow(count)
    return tuple(chain.blocks.values())


BLOCKS = grown(20)
IDS = tuple(block.id for block in BLOCKS)


@pytest.mark.parametrize(("together", "most"), [(2, 2), (1, 1), (1_000, 20)])
def test_blocks_share_a_message_up_to_a_size(
    monkeypatch: pytest.MonkeyPatch, together: int, most: int
) -> None:
    monkeypatch.setattr(serving, "TOGETHER", together * (len(encode(BLOCKS[0])) + 8))

    async def main() -> None:
        wire = Wire()
        async with served(wire, *BLOCKS) as serves:
            serves.ask(PEER, IDS)
            await until(lambda: len(wire.blocks(PEER)) == 20)
        assert wire.blocks(PEER) == list(BLOCKS)
        sizes = [len(one.blocks) for one in wire.messages(PEER) if isinstance(one, BlockMessage)]
        assert max(sizes) == most
        assert {cls for _, _, cls in wire.sent} == {Class.SYNC}

    trio.run(main)


def test_what_is_not_there_is_named_and_the_rest_given() -> None:
    async def main() -> None:
        wire = Wire()
        async with served(wire, *BLOCKS) as serves:
            serves.ask(PEER, (IDS[0], bytes(32), IDS[1]))
            await until(lambda: len(wire.blocks(PEER)) == 2)
        assert Missing((bytes(32),)) in wire.messages(PEER)

    trio.run(main)


def test_a_peer_that_reads_slowly_costs_no_other() -> None:
    async def main() -> None:
        wire = Wire()
        wire.full.add(PEER)
        async with served(wire, *BLOCKS) as serves:
            serves.ask(PEER, IDS * 100)  # what exceeds its due is not queued
            serves.ask(OTHER, IDS[:3])
            await until(lambda: len(wire.blocks(OTHER)) == 3)
            wire.full.clear()
            await until(lambda: len(wire.blocks(PEER)) >= WAITING)
            serves.ask(PEER, IDS[:1])
            await until(lambda: len(wire.blocks(PEER)) == WAITING + 1)
            serves.leave(PEER)
            serves.ask(PEER, IDS)
            serves.ask(OTHER, IDS[:3])
            await until(lambda: len(wire.blocks(OTHER)) == 6)
            assert len(wire.blocks(PEER)) == WAITING + 1

    trio.run(main)


def test_nothing_is_read_or_sent_in_a_connection_that_did_not_ask_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A peer that comes back would take what it asked for before as answers to no question."""
    monkeypatch.setattr(serving, "TOGETHER", 1)
    read: list[bytes] = []

    def reading(self: Shelves, id: bytes) -> bytes | None:
        read.append(id)
        return self.stored.get(id)

    monkeypatch.setattr(Shelves, "block_bytes", reading)

    async def main() -> None:
        wire = Wire()
        wire.full.add(PEER)
        async with served(wire, *BLOCKS) as serves:
            serves.ask(PEER, IDS)
            await until(lambda: bool(read))  # the first answer is made and finds no room
            serves.leave(PEER)
            serves.join(PEER)
            serves.ask(PEER, (bytes(32),))
            wire.full.clear()
            await until(lambda: Missing((bytes(32),)) in wire.messages(PEER))
            await until(lambda: len(serves._nursery.child_tasks) == 2)  # the first one has ended
        assert wire.blocks(PEER) == [] and len(read) <= 4

    trio.run(main)


def test_compact_forms_and_parts_go_as_news() -> None:
    block = branches().right[0]

    async def main() -> None:
        wire = Wire()
        async with served(wire, block) as serves:
            serves.ask_compact((PEER, OTHER), block.id)
            serves.ask_part(PEER, block.id, (1,))
            serves.ask_compact((OTHER,), bytes(32))
            serves.ask_part(OTHER, bytes(32), (0,))
            await until(lambda: len(wire.sent) == 5)
        short, part = wire.messages(PEER)
        assert isinstance(short, CompactBlock)
        assert part == BlockTransactions(block.id, (block.transactions[1],))
        filling = Filling(PEER, short, 0, match(short, block.transactions[1:]))
        assert filling.whole(()) == block
        other, *missing = wire.messages(OTHER)
        assert isinstance(other, CompactBlock)
        assert other.salt != short.salt and missing == [Missing((bytes(32),))] * 2

    trio.run(main)
