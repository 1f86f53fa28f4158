"""The `blocks` stream: final blocks from a height on, then live.

Each subscriber is a height that moves towards the tip, so nothing is queued for a slow one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from bystack.node.ipc import RemoteError
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.driver import Driver

NOT_HELD: Final = -1


def check_held(store: SideStore, height: int) -> None:
    """Raise `RemoteError` (-1, rule `BlockNotHeld`) for a block below the snapshot, if any."""
    if height < store.first:
        text = f"block {height} is not held: this node joined by the snapshot of block"
        cure = 'ask a node that joined block by block (join = "blocks")'
        raise RemoteError(NOT_HELD, f"{text} {store.first - 1}; {cure}", {"rule": "BlockNotHeld"})


async def follow(driver: Driver, height: int) -> AsyncIterator[list[Any]]:
    """`["block", height, header, certificate, body, events]` from `height` on, without end.

    Raises `RemoteError` (-1) for blocks below the snapshot that the chain began from here.
    """
    store, at = driver.store, max(0, height)
    check_held(store, at)
    while True:
        while at <= store.height:
            parts = store.parts(at)
            assert parts is not None
            yield ["block", at, *parts, store.events_at(at)]
            at += 1
        await driver.changed.wait()


async def follow_tips(driver: Driver) -> AsyncIterator[list[Any]]:
    """`[height, id, time, transactions]` of each final block from now on, bodies not read."""
    store, at = driver.store, driver.store.height
    while True:
        while at <= store.height:
            header = store.header_at(at)
            assert header is not None
            yield [at, header.id, header.time, header.transaction_count]
            at += 1
        await driver.changed.wait()
