"""Who listens to a memory pool: what waits, then every arrival and departure.

A listener who falls far behind is let go instead of being queued for without bound. One who says
whose payments matter to it hears of nothing else: thousands a second come by that pay others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import trio

from bystack.ledger.transactions import PolicyLock, Transaction
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
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


def pool_event(event: PoolEvent) -> dict[str, Any]:
    """One as a subscriber is told of it."""
    if isinstance(event, Arrived):
        return {"event": "arrived", "txid": event.tx.id.hex(), "size": event.tx.size}
    return {"event": "left", "txid": event.id.hex()}


class _Listener:
    """One who listens: to everything, or to what pays one of `roots` and to its leaving."""

    def __init__(self, roots: frozenset[bytes] | None) -> None:
        self.send, self.receive = trio.open_memory_channel[PoolEvent](MAX_BEHIND)
        self._roots, self._told = roots, set[bytes]()

    def cares(self, event: PoolEvent) -> bool:
        """Whether it is to be told; keeps in mind what it has been told of."""
        if self._roots is None:
            return True
        if isinstance(event, Gone):
            known = event.id in self._told
            self._told.discard(event.id)
            return known
        ours = pays(event.tx, self._roots)
        if ours:
            self._told.add(event.tx.id)
        return ours


def pays(tx: Transaction, roots: frozenset[bytes]) -> bool:
    """Whether an output is under one of these policy roots."""
    for output in tx.body.outputs:
        lock = output.lock
        if type(lock) is PolicyLock and lock.root in roots:
            return True
    return False


class Listeners:
    """Everybody who listens to one pool."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()

    def arrived(self, tx: Transaction) -> None:
        """One came in."""
        self._tell(Arrived(tx))

    def gone(self, ids: Iterable[bytes]) -> None:
        """These left."""
        for id in ids if self._listeners else ():
            self._tell(Gone(id))

    async def listen(
        self, waiting: Callable[[], Iterable[Transaction]]
    ) -> AsyncIterator[PoolEvent]:
        """What waits now, then every event; ends for one who falls far behind."""
        with self._listening(None) as listener:
            for tx in waiting():
                yield Arrived(tx)
            async for event in listener.receive:
                yield event

    async def listen_together(
        self,
        waiting: Callable[[], Iterable[Transaction]],
        roots: frozenset[bytes] | None = None,
    ) -> AsyncIterator[list[PoolEvent]]:
        """As `listen`, several events at a time when they come fast, and if `roots` are given only
        of payments to these policy roots.

        Then there is a pause after each lot, and what came and left in it is not told of at all.
        The first lot comes at once, if only to say that nothing waits.
        """
        with self._listening(roots) as listener:
            held = [one for one in map(Arrived, waiting()) if listener.cares(one)]
            for at in range(0, max(1, len(held)), TOGETHER):
                yield list(held[at : at + TOGETHER])
            async for event in listener.receive:
                events = [event, *_more(listener.receive)]
                if lot := _lasting(events):
                    yield lot
                if len(events) > FEW:
                    await trio.sleep(PAUSE)

    @contextmanager
    def _listening(self, roots: frozenset[bytes] | None) -> Iterator[_Listener]:
        listener = _Listener(roots)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def _tell(self, event: PoolEvent) -> None:
        for listener in [one for one in self._listeners if one.cares(event)]:
            try:
                listener.send.send_nowait(event)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self._listeners.discard(listener)
                listener.send.close()


def _more(receive: trio.MemoryReceiveChannel[PoolEvent]) -> list[PoolEvent]:
    return [receive.receive_nowait() for _ in range(receive.statistics().current_buffer_used)]


def _lasting(events: Iterable[PoolEvent]) -> list[PoolEvent]:
    """The last that happened to each, without those that came in this lot and left again."""
    kept, new = dict[bytes, PoolEvent](), dict[bytes, bool]()
    for event in events:
        id = event.tx.id if isinstance(event, Arrived) else event.id
        new.setdefault(id, isinstance(event, Arrived))
        kept.pop(id, None)
        kept[id] = event
    return [event for id, event in kept.items() if isinstance(event, Arrived) or not new[id]]


def as_items(event: PoolEvent) -> list[object]:
    """An event as an item of the `pool` stream: `["add", id, bytes]` or `["remove", id]`."""
    match event:
        case Arrived(tx):
            return ["add", tx.id, encode(tx)]
        case Gone(id):
            return ["remove", id]


def asked_roots(params: list[Any]) -> frozenset[bytes] | None:
    """Of the `pool` stream's parameters: the policy roots asked about, None for everything.

    Raises `RemoteError` for anything else.
    """
    match params:
        case []:
            return None
        case [list(roots)] if all(type(root) is bytes for root in roots):
            return frozenset(roots)
    raise RemoteError(METHOD_UNKNOWN, "pool takes nothing, or a list of policy roots")
