"""The `blocks` stream: what leaves and joins the chain, from wherever a subscriber stands.

Each subscriber is a pointer that moves one step at a time towards the tip, so nothing is queued for
a slow one, and every reorganisation on its way is told to it block by block.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from bystack.mainchain.chain import Entry, parent_of
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.driver import Driver

PRUNED: Final = -1
Item = list[Any]


async def follow(driver: Driver, locator: Sequence[tuple[int, bytes]]) -> AsyncIterator[Item]:
    """Disconnects and connects for one who knows these blocks (newest first), then live.

    Items: `["disconnect", height, id]`, `["connect", height, id, block]`, and `["tip", height, id]`
    whenever there is no more for now. Whoever knows nothing begins after the first block, which
    holds nothing. Blocks of a branch we never saw are disconnected as far as they are named.
    Raises `RemoteError` (-1) where a block on the way is pruned.
    """
    at, strange = _start(driver, locator)
    for height, id in strange:
        yield ["disconnect", height, id]
    while True:
        while (step := _step(driver, at)) is not None:
            item, at = step
            yield item
        yield ["tip", at.header.height, at.id]
        while driver.machine.tip.id == at.id:
            await driver.changed.wait()


def _start(
    driver: Driver, locator: Sequence[tuple[int, bytes]]
) -> tuple[Entry, list[tuple[int, bytes]]]:
    """The newest known block of a locator, and those before it that are strange to us."""
    tree, strange = driver.machine.tree, list[tuple[int, bytes]]()
    for height, id in locator:
        entry = tree.entry(id)
        if entry is not None:
            return entry, strange
        strange.append((height, id))
    return tree.first, strange


def _step(driver: Driver, at: Entry) -> tuple[Item, Entry] | None:
    """The next item on the way to the tip, and where that leads; None at the tip."""
    machine, height = driver.machine, at.header.height
    if not machine.line.holds(at.id):
        return ["disconnect", height, at.id], parent_of(machine.tree, at)
    following = machine.line.at(height + 1)
    if following is None:
        return None
    entry = machine.tree.entry(following)
    assert entry is not None
    data = driver.store.block_bytes(following)
    if data is None:
        first = driver.store.first_kept
        raise RemoteError(
            PRUNED, f"block {height + 1} is pruned; this node has those from {first} on"
        )
    return ["connect", height + 1, following, data], entry
