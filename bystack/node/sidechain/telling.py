"""The `events` stream of a sidechain: what subscribers of the web server are told, as JSON.

From a height on each final block is told in order, then live; nothing is ever taken back. `tip`
says that there is no more for now. Of `mempool` there is no history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from bystack.node.ipc import RemoteError
from bystack.node.pool.listening import pool_event
from bystack.node.rpc import BAD_PARAMETER
from bystack.node.rpc.topics import Followed
from bystack.node.sidechain.following import check_held
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.plain import to_plain
from bystack.sidechain.blocks import Header

Json = dict[str, Any]


async def tell(driver: Driver, asked: Followed) -> AsyncIterator[Json]:
    """The events of a topic without end; raises `RemoteError` (-8 for a height not reached, -1
    for blocks below the snapshot that the chain began from here)."""
    if asked.topic == "mempool":
        async for events in driver.pooling.pool.listen_together():
            for one in events:
                yield pool_event(one)
        return
    store = driver.store
    at = store.height + 1 if asked.height is None else asked.height
    if at > store.height + 1:
        raise RemoteError(BAD_PARAMETER, f"block {at} is not there yet")
    check_held(store, at)
    while True:
        while at <= store.height:
            for event in _events(store, at, asked.topic):
                yield event
            at += 1
        yield {"event": "tip", "height": store.height, "hash": store.header.id.hex()}
        while at > store.height:
            await driver.changed.wait()


def _events(store: SideStore, height: int, topic: str) -> Iterator[Json]:
    header = store.header_at(height)
    assert header is not None
    place: Json = {"height": height, "blockhash": header.id.hex()}
    match topic:
        case "blocks":
            yield _block(header)
        case "transactions":
            for tx in store.body_at(height).transactions:
                yield {"event": "transaction", "txid": tx.id.hex(), **place}
        case _:
            yield from ({**event, **place} for event in events_shown(store, height))


def events_shown(store: SideStore, height: int) -> Iterator[Json]:
    """What pegs and modules did in the final block at a height, in order, as JSON."""
    for name, facts in store.events_at(height):
        yield {"event": name, **_shown(facts)}


def _block(header: Header) -> Json:
    return {
        "event": "block",
        "height": header.height,
        "hash": header.id.hex(),
        "previousblockhash": header.parent.hex(),
        "time": header.time // 1000,
        "nTx": header.transaction_count,
        "epoch": header.epoch,
        "proposer": header.proposer,
    }


def _shown(facts: Any) -> Json:
    """Facts as JSON: bytes in hex."""
    return {name: to_plain(one) for name, one in facts.items()}
