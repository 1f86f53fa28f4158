"""The `events` stream of the main chain: from a height on, through reorganisations, then live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.node.ipc import RemoteError
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.telling import tell
from bystack.node.rpc.topics import Followed, followed
from tests.node.mainchain.network import Node, running
from tests.node.mainchain.test_service import KNOWN, LEFT, RIGHT
from tests.node.wallet.people import history


async def until_tip(events: Any) -> list[Any]:
    found = []
    async for event in events:
        if event["event"] == "tip":
            return found
        found.append(event)
    return found


def asking(node: Node, *asked: Any) -> Any:
    return tell(node.driver, Reader(node.driver), Followed(*asked))


def test_blocks_from_a_height_and_what_a_reorganisation_does_to_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            events = asking(node, "blocks", 2)
            seen = await until_tip(events)
            assert [(one["height"], one["hash"]) for one in seen] == [
                (block.header.height, block.id.hex()) for block in LEFT[1:]
            ]
            assert seen[0]["nTx"] == len(LEFT[1].transactions)
            assert seen[0]["previousblockhash"] == LEFT[0].id.hex()
            await node.take(*KNOWN.right)
            moved = await until_tip(events)
            gone = [one["hash"] for one in moved if one["event"] == "disconnected"]
            assert gone == [block.id.hex() for block in reversed(KNOWN.left)]
            come = [one["hash"] for one in moved if one["event"] == "block"]
            assert come == [block.id.hex() for block in RIGHT[-len(come) :]]
            await events.aclose()

    trio.run(main)


def test_from_now_on_and_heights_that_are_not_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            events = asking(node, "blocks")
            assert await until_tip(events) == []
            await events.aclose()
            after = asking(node, "blocks", len(LEFT) + 1)
            assert await until_tip(after) == []
            await after.aclose()
            with pytest.raises(RemoteError, match="is not there yet"):
                await until_tip(asking(node, "blocks", len(LEFT) + 2))

    trio.run(main)


def test_transactions_and_pegs_stand_in_their_blocks(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*LEFT)
            told = await until_tip(asking(node, "transactions", 0))
            every = [
                (tx.id.hex(), block.header.height) for block in LEFT for tx in block.transactions
            ]
            assert [(one["txid"], one["height"]) for one in told] == every
            assert await until_tip(asking(node, "pegs", 0)) == []

    trio.run(main)


def test_what_comes_into_the_pool(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            known = history()
            await node.take(*known.trunk)
            tx = known.left[0].transactions[1]
            await node.driver.submit(tx)
            events = asking(node, "mempool")
            first = await anext(events)
            assert first == {"event": "arrived", "txid": tx.id.hex(), "size": tx.size}
            await node.take(*known.left)
            assert await anext(events) == {"event": "left", "txid": tx.id.hex()}
            await events.aclose()

    trio.run(main)


@pytest.mark.parametrize(
    "params", [[], ["gossip"], ["blocks", -1], ["blocks", "1"], ["blocks", 2**60]]
)
def test_what_is_no_topic_is_refused(params: list[Any]) -> None:
    with pytest.raises(RemoteError):
        followed(params)
