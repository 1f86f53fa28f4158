"""A light driver among full ones, joined by wires: the real machines, no sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import trio

from bystack.mainchain.blocks import Block, decode_block
from bystack.node.light.driver import LightDriver
from bystack.node.light.fetching import Fetcher
from bystack.node.light.following import follow
from bystack.node.light.process import rpc_methods
from bystack.node.light.reading import LightReader
from bystack.node.light.scanning import Scanner
from bystack.node.light.service import LightService
from bystack.node.light.store import LightStore
from bystack.p2p.host import Host
from bystack.p2p.identity import Identity
from tests.mainchain.builders import EASY, LATE
from tests.node.mainchain.network import Node, Wired, running, until

NAME = 99
BAN = 100


class Strict(Wired):
    """A host that cuts the wire to whoever is banned, as the real one does."""

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        super().penalise(peer, points, reason)
        if points >= BAN and peer in self._others:
            self.part(self._others[peer])

    @property
    def banned(self) -> dict[bytes, str]:
        return {peer: reason for peer, points, reason in self.penalties if points >= BAN}


class Light:
    """A light node and its wires."""

    def __init__(self, path: Path, agree: int = 2) -> None:
        self.host = Strict(NAME)
        self.store = LightStore.open(path, EASY)
        self.driver = LightDriver(self.store, cast(Host, self.host), lambda: float(LATE))
        self.scanner = Scanner(self.driver, Fetcher(self.driver, Random(1)), agree)
        self.reader = LightReader(self.driver)
        identity = Identity.from_seed(bytes(32))
        self.methods = rpc_methods(self.scanner, self.reader, identity, "")
        self.service = LightService(self.scanner, self.reader, self.methods)

    @property
    def tip(self) -> bytes:
        return self.driver.machine.tip.id

    async def at(self, tip: bytes) -> None:
        await until(lambda: self.tip == tip)

    async def read(
        self, keys: Iterable[bytes], known: Iterable[tuple[int, bytes]] = ()
    ) -> list[Any]:
        """The items up to the first tip: blocks decoded."""
        items: list[Any] = []
        async for item in follow(self.scanner, list(known), keys):
            match item:
                case ["connect", height, id, data]:
                    items.append(("connect", height, id, decode_block(data)))
                case ["tip", *_]:
                    return items
                case other:
                    items.append(tuple(other))
        raise AssertionError("the stream ended")

    async def matched(self, *keys: bytes) -> dict[int, list[bytes]]:
        """The ids of the transactions that the keys occur in, by height."""
        blocks: list[Block] = [item[3] for item in await self.read(keys)]
        return {
            block.header.height: [tx.id for tx in block.transactions]
            for block in blocks
            if block.transactions
        }


@asynccontextmanager
async def light_among(
    path: Path, fulls: int = 2, agree: int = 2
) -> AsyncIterator[tuple[Light, list[Node]]]:
    """A light node that is wired to so many full ones; the first start of its store."""
    places = [path / str(number) for number in range(fulls)]
    async with running(*places) as nodes:
        light = Light(path / "light", agree)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(light.driver.run)
                for node in nodes:
                    light.host.join(node.host)
                yield light, nodes
                nursery.cancel_scope.cancel()
        finally:
            light.store.close()
