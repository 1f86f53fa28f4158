"""Giving peers the blocks they ask for: one task per peer, at the pace at which it reads.

Small blocks go many to a message. One answer is made at a time, so a peer that asks for much and
reads slowly costs the memory of one message and of its bounded queue.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import trio

from bystack.mainchain.blocks import decode_block
from bystack.mainchain.messages import MAX_BLOCKS, BlockTransactions, Missing, encode_message
from bystack.mainchain.sync.compact import SHORT, compact
from bystack.node.mainchain.wire import BLOCK_KIND, block_payload
from bystack.p2p.queues import Class

WAITING: Final = 1_024
"""Most blocks a peer may wait for; what exceeds that is not served."""
TOGETHER: Final = 256_000
"""Bytes of blocks that share a message, one block excepted."""
PAUSE: Final = 0.02
PATIENCE: Final = 1_000


class Sender(Protocol):
    """What is needed of the peer host."""

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        """Queue a payload; False when the peer's queue is full or it is gone."""


class Blocks(Protocol):
    """What is needed of the store."""

    def block_bytes(self, id: bytes) -> bytes | None:
        """A stored block."""


@dataclass(frozen=True)
class Whole:
    """A block."""

    id: bytes


@dataclass(frozen=True)
class Short:
    """A block in compact form."""

    id: bytes


@dataclass(frozen=True)
class Part:
    """Some of a block's transactions."""

    id: bytes
    positions: tuple[int, ...]


Wanted = Whole | Short | Part


class Answer(NamedTuple):
    """A message to a peer, and how urgent it is."""

    kind: int
    payload: bytes
    urgency: Class


class Serving:
    """Serves blocks to every peer that asks."""

    def __init__(self, host: Sender, blocks: Blocks, nursery: trio.Nursery) -> None:
        self._host, self._blocks, self._nursery = host, blocks, nursery
        self._peers: dict[bytes, trio.MemorySendChannel[Wanted]] = {}

    def join(self, peer: bytes) -> None:
        """A peer is connected."""
        send, receive = trio.open_memory_channel[Wanted](WAITING)
        self._peers[peer] = send
        self._nursery.start_soon(self._serve, peer, send, receive)

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        if (channel := self._peers.pop(peer, None)) is not None:
            channel.close()

    def ask(self, peer: bytes, ids: tuple[bytes, ...]) -> None:
        """A peer wants these blocks; what exceeds its due is not served."""
        self._queue(peer, map(Whole, ids))

    def ask_compact(self, peers: tuple[bytes, ...], id: bytes) -> None:
        """These peers want a block in compact form."""
        for peer in peers:
            self._queue(peer, [Short(id)])

    def ask_part(self, peer: bytes, id: bytes, positions: tuple[int, ...]) -> None:
        """A peer wants some transactions of a block."""
        self._queue(peer, [Part(id, positions)])

    def _queue(self, peer: bytes, wanted: Iterable[Wanted]) -> None:
        channel = self._peers.get(peer)
        for one in wanted if channel else ():
            try:
                assert channel is not None
                channel.send_nowait(one)
            except trio.WouldBlock:
                return

    async def _serve(
        self,
        peer: bytes,
        asks: trio.MemorySendChannel[Wanted],
        wanted: trio.MemoryReceiveChannel[Wanted],
    ) -> None:
        """Answer what a peer asks in one connection: in the next one nobody waits for it."""
        async for first in wanted:
            queue = deque([first])
            while self._peers.get(peer) is asks:
                _drain(wanted, queue)
                if not queue:
                    break
                answer = await trio.to_thread.run_sync(self._answer, queue)
                await self._deliver(peer, asks, answer)

    def _answer(self, queue: deque[Wanted]) -> Answer:
        """The next message; takes off the queue what it answers."""
        match queue.popleft():
            case Whole(id):
                return self._whole(id, queue)
            case Short(id):
                return self._short(id)
            case Part(id, positions):
                return self._part(id, positions)

    def _whole(self, id: bytes, queue: deque[Wanted]) -> Answer:
        data = self._blocks.block_bytes(id)
        if data is None:
            return _missing(id)
        blocks, size = [data], len(data)
        while queue and isinstance(queue[0], Whole):
            data = self._blocks.block_bytes(queue[0].id)
            if data is None or size + len(data) > TOGETHER:
                break
            queue.popleft()
            blocks.append(data)
            size += len(data)
        return Answer(BLOCK_KIND, block_payload(*blocks), Class.SYNC)

    def _short(self, id: bytes) -> Answer:
        data = self._blocks.block_bytes(id)
        if data is None:
            return _missing(id)
        block = compact(decode_block(data), secrets.token_bytes(SHORT))
        return Answer(*encode_message(block), Class.BLOCK)

    def _part(self, id: bytes, positions: tuple[int, ...]) -> Answer:
        data = self._blocks.block_bytes(id)
        if data is None:
            return _missing(id)
        block = decode_block(data)
        chosen = tuple(block.transactions[at] for at in positions)
        return Answer(*encode_message(BlockTransactions(id, chosen)), Class.BLOCK)

    async def _deliver(
        self, peer: bytes, asks: trio.MemorySendChannel[Wanted], answer: Answer
    ) -> None:
        for _ in range(PATIENCE):
            here = self._peers.get(peer) is asks
            if not here or self._host.send(peer, answer.kind, answer.payload, answer.urgency):
                return
            await trio.sleep(PAUSE)


def _drain(wanted: trio.MemoryReceiveChannel[Wanted], queue: deque[Wanted]) -> None:
    """Take what waits already, as much as one message may answer."""
    while len(queue) < MAX_BLOCKS:
        try:
            queue.append(wanted.receive_nowait())
        except (trio.WouldBlock, trio.EndOfChannel):
            return


def _missing(id: bytes) -> Answer:
    return Answer(*encode_message(Missing((id,))), Class.SYNC)
