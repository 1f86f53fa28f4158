"""What the main chain answers other processes of this node: calls and streams of its socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from bystack.ledger.transactions import Outpoint, PolicyLock, decode_transaction
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.following import follow
from bystack.node.mainchain.measuring import Searching, figures
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.rpc_network import regtest_blocks
from bystack.node.mainchain.telling import tell
from bystack.node.pool.listening import as_items, asked_roots
from bystack.node.rpc import Methods
from bystack.node.rpc.topics import followed
from bystack.primitives.codec import decode, encode

MAX_HEADERS = 2_000
MAX_OUTPOINT = 64
MAX_MADE = 10_000


def _bytes(value: Any) -> bytes | None:
    return None if value is None else encode(value)


class Service:
    """Handler of calls and streams; ids and wire values are raw bytes (contract of the roles)."""

    def __init__(
        self, driver: Driver, reader: Reader, methods: Methods, miner: Searching | None = None
    ) -> None:
        self._driver, self._reader, self._methods = driver, reader, methods
        self._miner = miner
        self.streams: dict[str, Callable[[str, list[Any]], AsyncIterator[Any]]] = {
            "blocks": self.blocks,
            "events": self.events,
            "pool": self.pool,
        }

    async def handle(self, method: str, params: list[Any]) -> Any:
        """The answer to a call; raises `RemoteError` for one that is none of ours."""
        match method, params:
            case "rpc", _:
                return await self._methods.answer(params)
            case "submit", [bytes(data)]:
                return await self.submit(data)
            case "mine", [int(count), bytes(root)] if 0 < count <= MAX_MADE and len(root) == 32:
                return await regtest_blocks(self._driver, count, PolicyLock(root))
            case _:
                return self._read(method, params)

    def _read(self, method: str, params: list[Any]) -> Any:
        reader, store = self._reader, self._driver.store
        match method, params:
            case "status", []:
                return self.status()
            case "metrics", []:
                return figures(self._driver, self._miner).told()
            case "headers", [list(locator), int(most)]:
                return self.headers(locator, most)
            case "block", [bytes(id)]:
                return store.block_bytes(id)
            case "block_at", [int(height)]:
                entry = reader.entry_at(height)
                return entry and store.block_bytes(entry.id)
            case "header_at", [int(height)]:
                entry = reader.entry_at(height)
                return entry and encode(entry.header)
            case "entry_at", [int(height)]:
                return _bytes(reader.entry_at(height))
            case "inclusion", [bytes(id)]:
                return _bytes(reader.inclusion(id))
            case "verdict", [bytes(id)]:
                return reader.verdict(id)
            case "departure", [bytes(id), bytes(work)]:
                return _bytes(reader.departure(id, work))
            case "history", [int(old), int(newer)]:
                return encode(reader.history(old, newer))
            case _:
                return self._owned(method, params)

    def _owned(self, method: str, params: list[Any]) -> Any:
        reader, store = self._reader, self._driver.store
        match method, params:
            case "coins", [list(places)]:
                found = (decode(Outpoint, place, MAX_OUTPOINT) for place in places)
                return [_bytes(reader.coin(place)) for place in found]
            case "vault", [bytes(id)]:
                return [[encode(place), encode(coin)] for place, coin in store.vault_coins(id)]
            case "vaults", []:
                return list(store.vaults())
            case "asset", [bytes(id)]:
                return _bytes(reader.asset(id))
            case _:
                text = f"the main chain knows no call {method} with {len(params)} such parameters"
                raise RemoteError(METHOD_UNKNOWN, text)

    def status(self) -> dict[str, Any]:
        """Where the chain stands."""
        tip = self._reader.tip
        facts = {"height": tip.header.height, "tip": tip.id, "work": tip.work}
        facts |= {"blocks_from": self._driver.store.first_kept}
        return {**facts, "time": tip.header.time, "syncing": self._driver.syncing}

    async def submit(self, data: bytes) -> bytes:
        """Take a transaction into the pool; its id. One that waits already is taken as sent."""
        tx = decode_transaction(data)
        if tx.id not in self._driver.pool.machine:
            await self._driver.submit(tx)
        return tx.id

    def headers(self, locator: list[bytes], most: int) -> list[bytes]:
        """Headers after the newest locator id that is on the chain, oldest first."""
        found = self._driver.machine.line.after(locator, max(0, min(most, MAX_HEADERS)))
        return [encode(header) for header in found]

    async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `blocks` stream (see `following`)."""
        match params:
            case [list(locator)]:
                known = [(int(height), bytes(id)) for height, id in locator]
                async for item in follow(self._driver, known):
                    yield item
            case _:
                raise RemoteError(METHOD_UNKNOWN, "blocks takes a locator")

    async def events(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `events` stream (see `telling`)."""
        async for event in tell(self._driver, self._reader, followed(params)):
            yield event

    async def pool(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `pool` stream: what waits, then every change; an item is a list of events. With a
        list of policy roots, only of what pays one of them."""
        async for events in self._driver.pool.listen_together(asked_roots(params)):
            yield [as_items(event) for event in events]
