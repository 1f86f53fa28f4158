"""Main-chain drivers joined by wires in one program: no sockets, the real stores and machines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import trio

from bystack.mainchain.blocks import Block
from bystack.node.mainchain.driver import Driver
from bystack.node.store.chainstore import ChainStore
from bystack.p2p.host import Class, Connected, Event, Host, Lost, Message
from bystack.p2p.identity import NodeId
from bystack.p2p.reports import HostStatistics
from tests.mainchain.builders import EASY, LATE

SECONDS = 180.0
"""Only what hangs comes to this, however loaded the machine is."""


class Peer(NamedTuple):
    """What the parts ask of a connected peer."""

    node_id: bytes
    inbound: bool = False


class Wired:
    """What a driver needs of a host: frames go to the other wired hosts, penalties are noted."""

    listening = ""

    def __init__(self, name: int) -> None:
        self.id = NodeId(bytes([name]) * 32)
        self.penalties: list[tuple[bytes, int, str]] = []
        self.sent: list[tuple[bytes, int, bytes]] = []
        self._others: dict[bytes, Wired] = {}
        self.inbox, self.events = trio.open_memory_channel[Event](10_000)

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        self.sent.append((peer, kind, payload))
        other = self._others.get(peer)
        if other is not None:
            other.inbox.send_nowait(Message(self.id, kind, payload))
        return other is not None

    def broadcast(self, kind: int, payload: bytes, cls: Class) -> int:
        return sum(self.send(peer, kind, payload, cls) for peer in list(self._others))

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        self.penalties.append((peer, points, reason))

    def peers(self) -> tuple[Any, ...]:
        return tuple(Peer(id) for id in self._others)

    def statistics(self) -> HostStatistics:
        return HostStatistics({}, {})

    def join(self, other: Wired) -> None:
        for one, two in ((self, other), (other, self)):
            one._others[two.id] = two
            one.inbox.send_nowait(Connected(two.id, "wire", False))

    def part(self, other: Wired) -> None:
        for one, two in ((self, other), (other, self)):
            del one._others[two.id]
            one.inbox.send_nowait(Lost(two.id, "cut"))


class Node:
    """A driver and its wires."""

    def __init__(self, path: Path, name: int, prune: int = 0) -> None:
        self.host = Wired(name)
        self.store = ChainStore.open(path, EASY)
        self.driver = Driver(self.store, cast(Host, self.host), lambda: float(LATE), prune=prune)

    @property
    def tip(self) -> bytes:
        return self.driver.machine.tip.id

    async def take(self, *blocks: Block) -> None:
        for block in blocks:
            await self.driver.hand_in(block)


@asynccontextmanager
async def running(*places: Path, prune: int = 0) -> AsyncIterator[list[Node]]:
    """Drivers over stores at these places, unconnected; the first one prunes if asked to."""
    nodes = [Node(path, at + 1, 0 if at else prune) for at, path in enumerate(places)]
    try:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                for node in nodes:
                    await nursery.start(node.driver.run)
                yield nodes
                nursery.cancel_scope.cancel()
    finally:
        for node in nodes:
            node.store.close()


async def until(condition: Callable[[], Any]) -> None:
    """Return once a condition holds; the deadline is `running`'s."""
    while not condition():  # noqa: ASYNC110 (many kinds of conditions, one deadline)
        await trio.sleep(0.002)
