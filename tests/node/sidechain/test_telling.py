"""The `events` stream of a sidechain: final blocks, their transactions, what the pegs did."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.node.ipc import RemoteError
from bystack.node.rpc.topics import Followed
from bystack.node.sidechain.telling import tell
from tests.node.sidechain.network import Node, running
from tests.node.sidechain.test_pegs import pegged


async def until_tip(node: Node, topic: str, height: int | None = None) -> list[Any]:
    found = []
    async for event in tell(node.driver, Followed(topic, height)):  # type: ignore[arg-type]
        if event["event"] == "tip":
            return found
        found.append(event)
    return found


def test_blocks_transactions_and_pegs_from_a_height(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1000)
            node = net.nodes[0]
            blocks = await until_tip(node, "blocks", 0)
            assert [one["height"] for one in blocks] == list(range(len(blocks)))
            assert all(a["hash"] == b["previousblockhash"] for a, b in pairwise(blocks))
            rows = await until_tip(node, "transactions", 1)
            counted = {one["height"]: one["nTx"] for one in blocks}
            assert len([one for one in rows if one["height"] < len(blocks)]) == sum(
                counted.values()
            )
            pegs = await until_tip(node, "pegs", 1)
            (claimed,) = [one for one in pegs if one["event"] == "claimed"]
            assert claimed["amount"] == 1000
            assert claimed["blockhash"] == blocks[claimed["height"]]["hash"]
            at = {"height": claimed["height"], "blockhash": claimed["blockhash"]}
            told = await node.rpc("getblockevents", claimed["blockhash"])
            assert [{**one, **at} for one in told] == [
                one for one in pegs if one["height"] == claimed["height"]
            ]
            assert await until_tip(node, "blocks") == []
            with pytest.raises(RemoteError, match="is not there yet"):
                await until_tip(node, "blocks", 10**6)
            await reads(node, rows)

    trio.run(main)


async def reads(node: Node, rows: list[Any]) -> None:
    """The main chain's names, on a sidechain."""
    txid = rows[0]["txid"]
    proof = await node.rpc("gettxoutproof", [txid])
    assert await node.rpc("verifytxoutproof", proof) == [txid]
    with pytest.raises(RemoteError) as refused:
        await node.rpc("gettxoutproof", ["00" * 32])
    assert refused.value.code == -5
    info = await node.rpc("getblockchaininfo")
    assert info["chain"] == node.driver.genesis.name and info["blocks"] >= rows[0]["height"]
    (asset,) = node.driver.genesis.assets[:1]
    told = await node.rpc("getassetinfo", asset.name)
    assert told == await node.rpc("getassetinfo", asset.asset.hex())
    raw = await node.rpc("getrawtransaction", txid)
    (verdict,) = await node.rpc("testmempoolaccept", [raw])
    assert verdict["txid"] == txid and verdict["allowed"] is False and verdict["reject-reason"]
    assert set((await node.rpc("estimatesmartfee"))["fees"]) == {
        one.name for one in node.driver.genesis.assets if one.fee
    }
