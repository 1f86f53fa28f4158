"""Giving peers final blocks: one task per peer, at the pace at which it reads."""

from __future__ import annotations

from typing import Final, Protocol

import trio

from bystack.p2p.queues import Class
from bystack.sidechain.consensus.messages import MAX_BLOCKS, Blocks, FinalBlock, GetBlocks
from bystack.sidechain.messages import write_message

WAITING: Final = 2
PAUSE: Final = 0.05
PATIENCE: Final = 200
MAX_ANSWER: Final = 4_000_000
"""An answer ends with the block that goes beyond this; one block is always given."""


class Sender(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload; False when the peer's queue is full or it is gone."""


class Chain(Protocol):
    """What is needed of the store."""

    def final(self, height: int) -> FinalBlock | None:
        """The final block at a height."""


def answer(chain: Chain, asked: GetBlocks) -> Blocks:
    """The blocks a peer is given: from the height it names on, as many as one message should.

    They end with their epoch: one certificate speaks for them all, and only for one set.
    """
    found: list[FinalBlock] = []
    size = 0
    for height in range(asked.from_height, asked.from_height + min(asked.count, MAX_BLOCKS)):
        block = chain.final(height)
        if block is None or size > MAX_ANSWER:
            break
        if found and block.header.epoch != found[0].header.epoch:
            break
        found.append(block)
        size += len(block.body)
    return Blocks(tuple(found))


class Serving:
    """Serves blocks to every peer that asks; what it asks beyond its due is not answered."""

    def __init__(self, host: Sender, chain: Chain, nursery: trio.Nursery) -> None:
        self._host, self._chain, self._nursery = host, chain, nursery
        self._peers: dict[bytes, trio.MemorySendChannel[GetBlocks]] = {}

    def join(self, peer: bytes) -> None:
        """A peer is connected."""
        send, receive = trio.open_memory_channel[GetBlocks](WAITING)
        self._peers[peer] = send
        self._nursery.start_soon(self._serve, peer, receive)

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        if (channel := self._peers.pop(peer, None)) is not None:
            channel.close()

    def ask(self, peer: bytes, asked: GetBlocks) -> None:
        """A peer wants blocks."""
        channel = self._peers.get(peer)
        try:
            if channel is not None:
                channel.send_nowait(asked)
        except trio.WouldBlock:
            return

    async def _serve(self, peer: bytes, wanted: trio.MemoryReceiveChannel[GetBlocks]) -> None:
        async for asked in wanted:
            blocks = await trio.to_thread.run_sync(answer, self._chain, asked)
            if blocks.blocks:
                await self._deliver(peer, blocks)

    async def _deliver(self, peer: bytes, blocks: Blocks) -> None:
        kind, payload = write_message(blocks)
        for _ in range(PATIENCE):
            if peer not in self._peers or self._host.send(peer, kind, payload, Class.SYNC):
                return
            await trio.sleep(PAUSE)
