"""The `blocks` stream: final blocks from a height on, then live.

Each subscriber is a height that moves towards the tip, so nothing is queued for a slow one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from bystack.node.sidechain.driver import Driver


async def follow(driver: Driver, height: int) -> AsyncIterator[list[Any]]:
    """`["block", height, header, certificate, body, events]` from `height` on, without end."""
    store, at = driver.store, max(0, height)
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
