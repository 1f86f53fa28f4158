"""Getting the chunks of a snapshot from several peers at once, and taking them in in their order.

A few chunks wait in memory, no more. A chunk that a peer does not give goes to another one; who
gives a false one, none, or lets us wait is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Final

import structlog
import trio

from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain.snapshots.arriving import Arriving
from bystack.node.sidechain.snapshots.asking import Asking, Unanswered
from bystack.node.store.errors import StoreError
from bystack.primitives.errors import Invalid
from bystack.sidechain.snapshots.messages import ChunkGiven, GetChunk
from bystack.sidechain.snapshots.restoring import ChunkWrong, check_chunk

WINDOW: Final = 16
"""Chunks that are asked for or wait, beyond the last one taken in."""

log = structlog.get_logger("snapshot")


class Incomplete(Exception):
    """Nobody is left who gives the rest of the snapshot."""


class Carrying:
    """One snapshot's chunks on their way."""

    def __init__(
        self, arriving: Arriving, asking: Asking, blame: Callable[[bytes, Invalid], None]
    ) -> None:
        self._arriving, self._asking, self._blame = arriving, asking, blame
        self.manifest = arriving.manifest
        self._next = arriving.progress.chunks
        self._again: list[int] = []
        self._ready: dict[int, bytes] = {}
        self._carriers = 0
        self._moved = Signal()

    @property
    def done(self) -> int:
        """How many chunks are taken in."""
        return self._arriving.progress.chunks

    @property
    def carriers(self) -> int:
        """How many peers give chunks now."""
        return self._carriers

    async def run(self, holders: Sequence[bytes]) -> None:
        """Until all is taken in. Raises `Incomplete`, `StoreError`, and as `Arriving.take`."""
        async with trio.open_nursery() as nursery:
            self._carriers = len(holders)
            for peer in holders:
                nursery.start_soon(self._carry, peer)
            lacking = await self._take_all()
            nursery.cancel_scope.cancel()
        for error in lacking:
            raise error

    async def _take_all(self) -> tuple[Exception, ...]:
        """Take chunk after chunk; why there are no more of them, if there should be."""
        while self.done < len(self.manifest.chunks):
            data = self._ready.pop(self.done, None)
            if data is None:
                if not self._carriers:
                    return (Incomplete(),)
                await self._moved.wait()
                continue
            try:
                await trio.to_thread.run_sync(self._arriving.take, data)
            except (Invalid, StoreError) as error:
                return (error,)
            self._moved.notify()
        return ()

    async def _carry(self, peer: bytes) -> None:
        """Ask a peer for one chunk after another, until it fails or none is left."""
        try:
            while (index := await self._index()) is not None:
                try:
                    self._ready[index] = await self._chunk(peer, index)
                except (Unanswered, ChunkWrong) as error:
                    heappush(self._again, index)
                    return self._leave(peer, error)
                self._moved.notify()
        finally:
            self._carriers -= 1
            self._moved.notify()

    def _leave(self, peer: bytes, error: Unanswered | ChunkWrong) -> None:
        if isinstance(error, ChunkWrong):
            return self._blame(peer, error)
        log.info("peer left", peer=peer.hex(), reason="it does not give the chunk")
        return None

    async def _index(self) -> int | None:
        """The next chunk to ask for; None when there is none left to ask for, all being taken."""
        while self.done < len(self.manifest.chunks):
            if self._again:
                return heappop(self._again)
            if self._next < min(len(self.manifest.chunks), self.done + WINDOW):
                self._next += 1
                return self._next - 1
            await self._moved.wait()
        return None

    async def _chunk(self, peer: bytes, index: int) -> bytes:
        """A chunk's right bytes; raises `Unanswered`, `ChunkWrong`."""
        asked = GetChunk(self.manifest.id, index)
        given = await self._asking.ask(peer, asked, ChunkGiven)
        if (given.manifest, given.index) != (asked.manifest, index) or not given.data:
            raise Unanswered
        check_chunk(self.manifest, index, given.data[0])
        return given.data[0]
