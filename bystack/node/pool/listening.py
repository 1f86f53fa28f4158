"""Who listens to a memory pool: what waits, then every arrival and departure.

A listener who falls far behind is let go instead of being queued for without bound.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

import trio

from bystack.ledger.transactions import Transaction
from bystack.primitives.codec import encode

MAX_BEHIND = 20_000
TOGETHER = 500
FEW = 20
PAUSE = 1.0
"""Seconds between two lots when more than a few events come at a time."""


class Arrived(NamedTuple):
    """A transaction came in."""

    tx: Transaction


class Gone(NamedTuple):
    """A transaction left, into a block or not."""

    id: bytes


PoolEvent = Arrived | Gone


class Listeners:
    """Everybody who listens to one pool."""

    def __init__(self) -> None:
        self._channels: set[trio.MemorySendChannel[PoolEvent]] = set()

    def arrived(self, tx: Transaction) -> None:
        """One came in."""
        self._tell(Arrived(tx))

    def gone(self, ids: Iterable[bytes]) -> None:
        """These left."""
        for id in ids if self._channels else ():
            self._tell(Gone(id))

    async def listen(
        self, waiting: Callable[[], Iterable[Transaction]]
    ) -> AsyncIterator[PoolEvent]:
        """What waits now, then every event; ends for one who falls far behind."""
        send, receive = trio.open_memory_channel[PoolEvent](MAX_BEHIND)
        self._channels.add(send)
        try:
            for tx in waiting():
                yield Arrived(tx)
            async for event in receive:
                yield event
        finally:
            self._channels.discard(send)

    async def listen_together(
        self, waiting: Callable[[], Iterable[Transaction]]
    ) -> AsyncIterator[list[PoolEvent]]:
        """As `listen`, several events at a time when they come fast.

        Then there is a pause after each lot, and what came and left in it is not told of at all.
        """
        send, receive = trio.open_memory_channel[PoolEvent](MAX_BEHIND)
        self._channels.add(send)
        try:
            held = [Arrived(tx) for tx in waiting()]
            for at in range(0, len(held), TOGETHER):
                yield list(held[at : at + TOGETHER])
            async for event in receive:
                events = [event, *_more(receive)]
                if lot := _lasting(events):
                    yield lot
                if len(events) > FEW:
                    await trio.sleep(PAUSE)
        finally:
            self._channels.discard(send)

    def _tell(self, event: PoolEvent) -> None:
        for channel in list(self._channels):
            try:
                channel.send_nowait(event)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self._channels.discard(channel)
                channel.close()


def _more(receive: trio.MemoryReceiveChannel[PoolEvent]) -> list[PoolEvent]:
    return [receive.receive_nowait() for _ in range(receive.statistics().current_buffer_used)]


def _lasting(events: Iterable[PoolEvent]) -> list[PoolEvent]:
    """Events without those that came and left."""
    kept = dict[bytes, PoolEvent]()
    for event in events:
        id = event.tx.id if isinstance(event, Arrived) else event.id
        if isinstance(event, Gone) and isinstance(kept.get(id), Arrived):
            del kept[id]
        else:
            kept.pop(id, None)
            kept[id] = event
    return list(kept.values())


def as_items(event: PoolEvent) -> list[object]:
    """An event as an item of the `pool` stream: `["add", id, bytes]` or `["remove", id]`."""
    match event:
        case Arrived(tx):
            return ["add", tx.id, encode(tx)]
        case Gone(id):
            return ["remove", id]
