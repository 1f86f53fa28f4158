"""What a light main chain answers other processes of this node: a full one's calls, as far as
headers, proofs and watched transactions go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from bystack.ledger.transactions import decode_transaction
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.light.driver import LightDriver
from bystack.node.light.following import follow
from bystack.node.light.reading import LightReader
from bystack.node.light.rpc import LightMethods, answered, needs_full
from bystack.node.light.scanning import Scanner
from bystack.node.light.telling import tell
from bystack.node.metrics.figures import LightFigures
from bystack.node.peering import peers_told
from bystack.node.rpc.topics import followed
from bystack.primitives.codec import encode

MAX_HEADERS: Final = 2_000
MAX_WATCHED: Final = 200_000
FULL_ONLY: Final = frozenset(
    {"block", "block_at", "coins", "vault", "vaults", "verdict", "mine", "pool"}
)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else encode(value)


class LightService:
    """Handler of calls and streams; ids and wire values are raw bytes (contract of the roles)."""

    def __init__(self, scanner: Scanner, reader: LightReader, methods: LightMethods) -> None:
        self._scanner, self._reader, self._methods = scanner, reader, methods
        self._driver: LightDriver = scanner.driver
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
            case "inclusion", [bytes(id)]:
                return _bytes(await answered(self._scanner.fetcher.proof(id)))
            case "asset", [bytes(id)]:
                return _bytes(await answered(self._scanner.fetcher.record(id)))
            case _ if method in FULL_ONLY:
                raise needs_full(method)
            case _:
                return self._read(method, params)

    def _read(self, method: str, params: list[Any]) -> Any:
        reader = self._reader
        match method, params:
            case "status", []:
                return self.status()
            case "metrics", []:
                return self.metrics()
            case "headers", [list(locator), int(most)]:
                return self.headers(locator, most)
            case "header_at", [int(height)]:
                entry = reader.entry_at(height)
                return entry and encode(entry.header)
            case "entry_at", [int(height)]:
                return _bytes(reader.entry_at(height))
            case "departure", [bytes(id), bytes(work)]:
                return _bytes(reader.departure(id, work))
            case "history", [int(old), int(newer)]:
                return encode(reader.history(old, newer))
            case _:
                text = f"the light main chain knows no call {method} with {len(params)} parameters"
                raise RemoteError(METHOD_UNKNOWN, text)

    def status(self) -> dict[str, Any]:
        """Where the chain stands."""
        tip = self._reader.tip
        facts = {"height": tip.header.height, "tip": tip.id, "work": tip.work}
        more = {"time": tip.header.time, "syncing": self._driver.syncing}
        return {**facts, **more, "mode": "light"}

    def metrics(self) -> dict[str, Any]:
        """Figures for `/metrics`."""
        driver, header = self._driver, self._reader.tip.header
        return LightFigures(
            height=header.height,
            tip_timestamp_seconds=header.time,
            **peers_told(driver.host),
            store_bytes=driver.store.size,
            headers=header.height,
            syncing=int(driver.syncing),
            deepest_reorganisation_blocks=driver.deepest,
            full_peers=len(driver.machine.full()),
            transactions_sent=driver.sending.waiting,
        ).told()

    async def submit(self, data: bytes) -> bytes:
        """Offer a transaction to every peer; its id. Whether they take it they do not say."""
        tx = decode_transaction(data)
        await self._driver.submit(tx)
        return tx.id

    def headers(self, locator: list[bytes], most: int) -> list[bytes]:
        """Headers after the newest locator id that is on the chain, oldest first."""
        found = self._driver.machine.line.after(locator, max(0, min(most, MAX_HEADERS)))
        return [encode(header) for header in found]

    async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `blocks` stream (see `following`): the reader must say what it watches."""
        match params:
            case [list(locator), list(watched)] if _keys(watched):
                known = [(int(height), bytes(id)) for height, id in locator]
                async for item in follow(self._scanner, known, watched):
                    yield item
            case _:
                text = "a light node's blocks take a locator and the 32-byte keys watched"
                raise RemoteError(METHOD_UNKNOWN, text)

    async def events(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `events` stream (see `telling`)."""
        async for event in tell(self._driver, self._reader, followed(params)):
            yield event

    async def pool(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """A light node has no pool."""
        raise needs_full("pool")
        yield []


def _keys(watched: Sequence[Any]) -> bool:
    return len(watched) <= MAX_WATCHED and all(
        isinstance(key, bytes) and len(key) == 32 for key in watched
    )
