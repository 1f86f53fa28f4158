"""What a sidechain answers other processes of this node: calls and streams of its socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from bystack.ledger.transactions import Outpoint, decode_transaction
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.pool.listening import as_items, asked_roots
from bystack.node.rpc import Methods
from bystack.node.rpc.topics import followed
from bystack.node.sidechain.following import follow, follow_tips, unspent
from bystack.node.sidechain.measuring import figures
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.relaying import Relaying
from bystack.node.sidechain.rpc.proofs import entry_shown
from bystack.node.sidechain.telling import tell
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.codec import decode, encode

MAX_OUTPOINT = 64
MAX_KEYS = 512


class Service:
    """Handler of calls and streams; ids and wire values are raw bytes (contract of the roles)."""

    def __init__(
        self, driver: Driver, reader: Reader, methods: Methods, relaying: Relaying | None = None
    ) -> None:
        self._driver, self._reader, self._methods = driver, reader, methods
        self._relaying = relaying
        self.streams: dict[str, Callable[[str, list[Any]], AsyncIterator[Any]]] = {
            "blocks": self.blocks,
            "events": self.events,
            "pool": self.pool,
            "tips": self.tips,
            "unspent": self.unspent,
        }

    async def handle(self, method: str, params: list[Any]) -> Any:
        """The answer to a call; raises `RemoteError` for one that is none of ours."""
        match method, params:
            case "rpc", _:
                return await self._methods.answer(params)
            case "submit", [bytes(data)]:
                return await self.submit(data)
            case "submit_many", [list(many)]:
                return await self.submit_many(many)
            case "proved_entry", [bytes(key)]:
                return encode(await entry_shown(self._driver, self._reader.prover, key))
            case "states", [list(keys)] if len(keys) <= MAX_KEYS:
                return self._reader.states(keys)
            case "accusations", []:
                return self._reader.accusations()
            case _:
                return self._read(method, params)

    def _read(self, method: str, params: list[Any]) -> Any:
        reader, store = self._reader, self._driver.store
        match method, params:
            case "status", []:
                return reader.status()
            case "metrics", []:
                return self.metrics()
            case "coins", [list(places)]:
                found = (decode(Outpoint, place, MAX_OUTPOINT) for place in places)
                return [_bytes(store.coins.get(place)) for place in found]
            case "block_at", [int(height)]:
                parts = store.parts(height) if height >= 0 else None
                return None if parts is None else list(parts)
            case "state", [bytes(key)]:
                return store.state.get(key)
            case "prove_state", [bytes(key)]:
                return reader.prove_state(key)
            case "record", [int(leaf), int(height)]:
                return reader.record(leaf, height)
            case "epoch_proofs", [int(epoch), int(most)] if epoch >= 0:
                return [encode(one) for one in reader.prover.epochs(epoch, most)]
            case "final_header", [int(height)] if height >= 0:
                return encode(reader.prover.final(height))
            case "newest_final", []:
                return encode(reader.prover.newest())
            case "module", [str(name), str(query), list(given)]:
                return reader.query(name, query, given)
            case _:
                text = f"a sidechain knows no call {method} with {len(params)} such parameters"
                raise RemoteError(METHOD_UNKNOWN, text)

    async def submit(self, data: bytes) -> bytes:
        """Take a transaction into the pool; its id. One that waits already is taken as sent."""
        tx = decode_transaction(data)
        if tx.id not in self._driver.pooling.pool.machine:
            await self._driver.pooling.submit(tx)
        return tx.id

    async def submit_many(self, many: list[bytes]) -> list[list[Any]]:
        """Take transactions into the pool together; for each refused its place, rule and reason.

        One that waits already is taken as sent.
        """
        txs = [decode_transaction(data) for data in many]
        waiting = self._driver.pooling.pool.machine
        fresh = list({tx.id: tx for tx in txs if tx.id not in waiting}.values())
        refused = await self._driver.pooling.submit_all(fresh)
        if not refused:
            return []
        errors = ((place, refused.get(tx.id)) for place, tx in enumerate(txs))
        return [[place, error.rule, str(error)] for place, error in errors if error]

    def metrics(self) -> dict[str, Any]:
        """Figures for `/metrics`."""
        return figures(self._driver, self._reader, self._relaying).told()

    async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `blocks` stream (see `following`)."""
        match params:
            case [int(height)]:
                async for item in follow(self._driver, height):
                    yield item
            case _:
                raise RemoteError(METHOD_UNKNOWN, "blocks takes a height")

    async def events(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `events` stream (see `telling`)."""
        async for event in tell(self._driver, followed(params)):
            yield event

    async def tips(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `tips` stream: height, id, time and transaction count of each new final block."""
        async for item in follow_tips(self._driver):
            yield item

    async def unspent(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `unspent` stream (see `following`)."""
        match params:
            case [list(roots)] if all(type(root) is bytes for root in roots):
                async for item in unspent(self._driver.store, frozenset(roots)):
                    yield item
            case _:
                raise RemoteError(METHOD_UNKNOWN, "unspent takes a list of policy roots")

    async def pool(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The `pool` stream: what waits, then every change; an item is a list of events. With a
        list of policy roots, only of what pays one of them."""
        async for events in self._driver.pooling.pool.listen_together(asked_roots(params)):
            yield [as_items(event) for event in events]


def _bytes(value: Any) -> bytes | None:
    return None if value is None else encode(value)
