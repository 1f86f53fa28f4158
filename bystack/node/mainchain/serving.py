"""Giving peers the blocks they ask for: one task per peer, at the pace at which it reads."""

from __future__ import annotations

from typing import Final, Protocol

import trio

from bystack.mainchain.messages import MAX_BLOCKS, Missing, encode_message
from bystack.node.mainchain.wire import BLOCK_KIND, block_payload
from bystack.p2p.queues import Class

WAITING: Final = 4 * MAX_BLOCKS
PAUSE: Final = 0.05
PATIENCE: Final = 400


class Sender(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload; False when the peer's queue is full or it is gone."""


class Blocks(Protocol):
    """What is needed of the store."""

    def block_bytes(self, id: bytes) -> bytes | None:
        """A stored block."""


class Serving:
    """Serves blocks to every peer that asks."""

    def __init__(self, host: Sender, blocks: Blocks, nursery: trio.Nursery) -> None:
        self._host, self._blocks, self._nursery = host, blocks, nursery
        self._peers: dict[bytes, trio.MemorySendChannel[bytes]] = {}

    def join(self, peer: bytes) -> None:
        """A peer is connected."""
        send, receive = trio.open_memory_channel[bytes](WAITING)
        self._peers[peer] = send
        self._nursery.start_soon(self._serve, peer, receive)

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        if (channel := self._peers.pop(peer, None)) is not None:
            channel.close()

    def ask(self, peer: bytes, ids: tuple[bytes, ...]) -> None:
        """A peer wants these blocks; what exceeds its due is not served."""
        channel = self._peers.get(peer)
        for id in ids if channel else ():
            try:
                assert channel is not None
                channel.send_nowait(id)
            except trio.WouldBlock:
                return

    async def _serve(self, peer: bytes, wanted: trio.MemoryReceiveChannel[bytes]) -> None:
        async for id in wanted:
            kind, payload = await trio.to_thread.run_sync(self._answer, id)
            await self._deliver(peer, kind, payload)

    def _answer(self, id: bytes) -> tuple[int, bytes]:
        data = self._blocks.block_bytes(id)
        return encode_message(Missing((id,))) if data is None else (BLOCK_KIND, block_payload(data))

    async def _deliver(self, peer: bytes, kind: int, payload: bytes) -> None:
        for _ in range(PATIENCE):
            if peer not in self._peers or self._host.send(peer, kind, payload, Class.SYNC):
                return
            await trio.sleep(PAUSE)
