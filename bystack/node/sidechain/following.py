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
