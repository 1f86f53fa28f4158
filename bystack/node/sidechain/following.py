"""The `blocks` stream: final blocks from a height on, then live; and `unspent`, coins as they are.

Each subscriber is a height that moves towards the tip, so nothing is queued for a slow one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import trio

from bystack.ledger.transactions import PolicyLock
from bystack.node.ipc import RemoteError
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.driver import Driver
from bystack.node.store.coinstore import CoinStore
from bystack.primitives.codec import encode

NOT_HELD: Final = -1
LOOKED_AT: Final = 100
"""So many coins are looked at between two turns of the loop that consensus runs on."""
TOLD: Final = 500


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


async def unspent(store: SideStore, roots: frozenset[bytes]) -> AsyncIterator[list[Any]]:
    """Every coin of one moment under a policy with one of these roots, for whoever cannot follow
    the blocks that made them: `["at", height, id]`, `["coins", [[outpoint, coin], …]]` as often as
    it takes, `["end"]`.
    """
    with store.snapshot() as snapshot:
        header, found = store.base(snapshot).parent, list[list[bytes]]()
        yield ["at", header.height, header.id]
        for number, (place, coin) in enumerate(CoinStore(snapshot).all()):
            if number % LOOKED_AT == 0:
                await trio.lowlevel.checkpoint()
            if isinstance(coin.lock, PolicyLock) and coin.lock.root in roots:
                found.append([encode(place), encode(coin)])
            if len(found) == TOLD:
                yield ["coins", found]
                found = []
        yield ["coins", found]
        yield ["end"]
