"""The `events` stream of a light node: blocks by their headers, which is what it knows of all.

As a full node's: from a height on each block in order, then live; those that leave the best chain
too, newest first; `tip` says that there is no more for now. What blocks hold nobody tells it, so
the other topics are refused. A wallet's own payments are told by the wallet (`listsinceblock`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from bystack.mainchain.chain import Entry, parent_of
from bystack.node.ipc import RemoteError
from bystack.node.light.driver import LightDriver
from bystack.node.light.reading import LightReader
from bystack.node.rpc import BAD_PARAMETER, MISC
from bystack.node.rpc.topics import Followed

Json = dict[str, Any]


async def tell(driver: LightDriver, reader: LightReader, asked: Followed) -> AsyncIterator[Json]:
    """The blocks without end; raises `RemoteError`: -8 for a height not reached, -1 for a topic
    that needs whole blocks."""
    if asked.topic != "blocks":
        text = (
            f"a light node tells blocks only: it does not have what is in them. For {asked.topic} "
            'subscribe at a full node, or set [mainchain] mode = "full" and restart; payments of '
            "its own wallet are in listsinceblock"
        )
        raise RemoteError(MISC, text, {"rule": "NeedsFullNode", "mode": "light"})
    at = _known(reader, asked)
    while True:
        while (step := _step(driver, at)) is not None:
            event, at = step
            yield event
        yield {"event": "tip", "height": at.header.height, "hash": at.id.hex()}
        while driver.machine.tip.id == at.id:
            await driver.changed.wait()


def _known(reader: LightReader, asked: Followed) -> Entry:
    """The last header that the subscriber is taken to know."""
    tip = reader.tip
    if asked.height is None:
        return tip
    if asked.height > tip.header.height + 1:
        raise RemoteError(BAD_PARAMETER, f"block {asked.height} is not there yet")
    return reader.entry(reader.id_at(max(0, asked.height - 1)))


def _step(driver: LightDriver, at: Entry) -> tuple[Json, Entry] | None:
    """The next event on the way to the tip, and where that leads; None at the tip."""
    line, tree = driver.machine.line, driver.machine.tree
    if not line.holds(at.id):
        gone = {"event": "disconnected", "height": at.header.height, "hash": at.id.hex()}
        return gone, parent_of(tree, at)
    following = line.at(at.header.height + 1)
    entry = None if following is None else tree.entry(following)
    return None if entry is None else (_block(entry), entry)


def _block(entry: Entry) -> Json:
    header = entry.header
    return {
        "event": "block",
        "height": header.height,
        "hash": entry.id.hex(),
        "previousblockhash": header.previous.hex(),
        "time": header.time,
        "nTx": header.transaction_count,
    }
