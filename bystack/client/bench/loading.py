"""Load on a sidechain and what becomes of it, seen from outside through the private sockets.

Transactions go in bulk to one node after another. A block counts as final when the last of the
nodes has told that it is durable there. Times are wall milliseconds, as in headers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple

import trio

from bystack.client.bench.transfers import Signed
from bystack.node.ipc import Client
from bystack.sidechain.blocks import decode_body

CHUNK = 100
LANES = 8
"""Chunks on their way to the nodes at most."""
PATIENCE = 60.0


class Final(NamedTuple):
    """A block: when it was proposed and when the last node had it, and how much it holds."""

    height: int
    proposed: float
    final: float
    transactions: int

    @property
    def took(self) -> float:
        """Milliseconds from proposal to final on all."""
        return self.final - self.proposed


class Unanswered(Exception):
    """The network did not make final what was sent to it."""


@dataclass
class Watch:
    """What each node has told of final blocks."""

    nodes: int
    arrivals: dict[int, list[float]] = field(default_factory=dict)
    headers: dict[int, tuple[int, int]] = field(default_factory=dict)
    final: int = 0
    moved: trio.Event = field(default_factory=trio.Event)

    async def follow(self, client: Client) -> None:
        """Hear one node's tips until cancelled."""
        async for height, _, proposed, count in client.stream("tips"):
            heard = self.arrivals.setdefault(height, [])
            heard.append(now())
            self.headers[height] = (proposed, count)
            if len(heard) == self.nodes:
                self.final += count
                self.moved.set()
                self.moved = trio.Event()

    def blocks(self, since: float = 0.0, until: float = float("inf")) -> list[Final]:
        """The blocks that became final on all nodes in a span of time, by height."""
        whole = [h for h, heard in sorted(self.arrivals.items()) if len(heard) == self.nodes]
        found = [
            Final(h, self.headers[h][0], max(self.arrivals[h]), self.headers[h][1]) for h in whole
        ]
        return [block for block in found if since <= block.final <= until]


@dataclass
class Load:
    """Sends transfers and remembers when; `refused` are those a node did not take."""

    clients: Sequence[Client]
    watch: Watch
    sent: dict[bytes, float] = field(default_factory=dict)
    refused: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turns: Iterator[Client] = cycle(self.clients)
        self._lanes = trio.Semaphore(LANES)
        self._before = self.watch.final

    @property
    def outstanding(self) -> int:
        """How many were sent and are not final everywhere."""
        return len(self.sent) - (self.watch.final - self._before) - len(self.refused)

    async def saturate(self, transfers: Iterator[Signed], seconds: float, most: int) -> None:
        """As many as go, never more than `most` on their way, for a time.

        None is taken that is not sent: later ones spend its coins.
        """
        end = trio.current_time() + seconds
        async with trio.open_nursery() as nursery:
            while await self._room(most, end) and (chunk := _take(transfers)):
                await self._lanes.acquire()
                nursery.start_soon(self._send, chunk, now())

    async def _room(self, most: int, end: float) -> bool:
        """Wait until no more than `most` are on their way; whether that was before the end."""
        while self.outstanding > most:
            with trio.move_on_at(end):
                await self.watch.moved.wait()
            if trio.current_time() >= end:
                return False
        return trio.current_time() < end

    async def pace(self, transfers: Iterator[Signed], seconds: float, rate: float) -> None:
        """So many a second, for a time. They count as sent when they were due: those that nodes let
        stand here waited too.
        """
        begun, clock, number = trio.current_time(), now(), 0
        async with trio.open_nursery() as nursery:
            while number * CHUNK < rate * seconds and (chunk := _take(transfers)):
                due = number * CHUNK / rate
                await trio.sleep_until(begun + due)
                await self._lanes.acquire()
                nursery.start_soon(self._send, chunk, clock + 1_000 * due)
                number += 1

    async def drain(self) -> None:
        """Return when everything sent is final everywhere; raises `Unanswered`."""
        final, end = self.watch.final, trio.current_time() + PATIENCE
        while self.outstanding > 0:
            with trio.move_on_at(end):
                await self.watch.moved.wait()
            if self.watch.final > final:
                final, end = self.watch.final, trio.current_time() + PATIENCE
            elif trio.current_time() >= end:
                raise Unanswered(f"{self.outstanding} transfers not final: {self.refused[:3]}")

    async def _send(self, chunk: list[Signed], sent: float) -> None:
        for one in chunk:
            self.sent[one.id] = sent
        try:
            client = next(self._turns)
            self.refused += await client.call("submit_many", [one.data for one in chunk])
        finally:
            self._lanes.release()


def _take(transfers: Iterator[Signed]) -> list[Signed]:
    return [one for _, one in zip(range(CHUNK), transfers, strict=False)]


async def waits(client: Client, load: Load, blocks: Sequence[Final]) -> list[float]:
    """Milliseconds from submission to final on all, of every transfer in these blocks."""
    found = list[float]()
    for block in blocks:
        body = decode_body((await client.call("block_at", block.height))[2])
        found += [block.final - load.sent[tx.id] for tx in body.transactions if tx.id in load.sent]
    return found


def now() -> float:
    """Wall milliseconds."""
    return time.time_ns() / 1e6
