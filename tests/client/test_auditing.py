"""`bystack federation audit --verify` against nodes that answer for real, and nodes that lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bystack.client.auditing import Remote, reach
from bystack.client.cli.federation import reserves
from bystack.client.cli.main import main
from bystack.client.rpc import NodeDown, Rpc
from bystack.mainchain.blocks import decode_block
from bystack.primitives.codec import encode
from tests.node.sidechain.network import Network, running, until
from tests.node.sidechain.test_pegs import pegged
from tests.node.sidechain.test_proving import SHORT, burned


class Played:
    """Answers as a node's RPC does; `lies` change an answer."""

    def __init__(self, net: Network, lies: dict[str, Callable[[Any], Any]]) -> None:
        self._net, self._lies = net, lies

    def side(self, chain: str, method: str, *params: Any) -> Any:
        answer = trio.from_thread.run(self._net.nodes[0].rpc, method, *params)
        return self._lies.get(method, lambda same: same)(answer)

    def call(self, method: str, *params: Any) -> Any:
        assert method == "getblockheader"
        chain = self._net.main.chain
        heights = {entry.id.hex(): entry.header.height for entry in chain.entries}
        return {"height": heights[params[0]]}

    def batch(self, method: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        chain = self._net.main.chain
        if method == "getblockhash":
            return [chain.entries[height].id.hex() for (height,) in rows]
        blocks = {block.id.hex(): block for block in chain.line}
        found = [encode(blocks[id]).hex() for id, _ in rows]
        return self._lies.get(method, lambda same: same)(found)


async def audit(
    net: Network, monkeypatch: pytest.MonkeyPatch, *words: str,
    lies: dict[str, Callable[[Any], Any]] | None = None,
) -> Result:  # fmt: skip
    monkeypatch.setattr(reserves, "reach", lambda where, patience: Played(net, lies or {}))
    command = ["federation", "audit", "trade", *words]
    return await trio.to_thread.run_sync(CliRunner().invoke, main, command)


def facts(done: Result) -> dict[str, Any]:
    """The JSON among the lines that the nodes of this process log meanwhile."""
    text = done.stdout
    begin = text.index("{\n") if text.startswith("{\n") else text.index("\n{\n") + 1
    found: dict[str, Any] = msgspec.json.decode(text[begin : text.index("\n}\n", begin) + 3])
    return found


def test_an_audit_proves_what_the_node_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with running(tmp_path, consensus=SHORT) as net:
            await pegged(net, 1_000)
            await burned(net)
            await until(lambda: net.nodes[0].store.header.epoch >= 2)
            chain = ("--chain", net.genesis.id.hex())
            done = await audit(net, monkeypatch, "--verify", "--json", *chain)
            assert done.exit_code == 0, done.output
            found = facts(done)
            assert found["verified"] and found["backed"] and found["differs"] == []
            row = found["assets"]["BTM"]
            assert (row["vault"], row["owed"], row["difference"]) == (1_000, 55, 0)
            assert any("two thirds" in one for one in found["trusted"])
            told = await audit(net, monkeypatch)
            assert told.exit_code == 0 and "as the node says" in told.output
            assert "The law holds" in told.output

    trio.run(play)


def test_lies_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1_000)
            foreign = await audit(net, monkeypatch, "--verify", "--chain", "11" * 32)
            assert foreign.exit_code == 1 and "ChainNotTrusted" in foreign.output
            for method, lie, rule in LIES:
                done = await audit(net, monkeypatch, "--verify", lies={method: lie})
                assert done.exit_code == 1 and rule in done.output, (rule, done.output)
            short = {"getreserves": worse}
            done = await audit(net, monkeypatch, lies=short)
            assert done.exit_code == 1 and "with a deficit" in done.output

    trio.run(play)


def bent(answer: dict[str, Any]) -> dict[str, Any]:
    """One bit of a proof is another."""
    data = bytearray.fromhex(answer["hex"])
    data[-1] ^= 1
    return {**answer, "hex": data.hex()}


def cut(blocks: list[str]) -> list[str]:
    """A block without a transaction."""
    block = decode_block(bytes.fromhex(blocks[-1]))
    return [*blocks[:-1], encode(replace(block, transactions=())).hex()]


def worse(answer: dict[str, Any]) -> dict[str, Any]:
    row = {**answer["assets"]["BTM"], "deficit": 5}
    return {**answer, "assets": {**answer["assets"], "BTM": row}}


LIES = [
    ("getstateproofs", bent, "Not proved"),
    ("getblock", cut, "TransactionCount"),
    ("getblock", lambda blocks: blocks[1:], "RelayDetached"),
    ("getblock", lambda blocks: [], "RelayElsewhere"),
    ("getproof", bent, "Not proved"),
]


def test_nodes_are_reached_by_home_or_url(tmp_path: Path) -> None:
    assert isinstance(reach("https://reader:pass@node.example:9736", 0), Remote)
    assert type(reach(str(tmp_path), 0)) is Rpc
    for wrong in ("ftp://node.example", "https://"):
        with pytest.raises(NodeDown):
            reach(wrong, 0).call("getblockcount")
