"""`bystack federation audit --verify` against nodes that answer for real, and nodes that lie."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bystack.client import auditing
from bystack.client.auditing import Remote, reach
from bystack.client.cli.federation import reserves
from bystack.client.cli.main import main
from bystack.client.rpc import NodeDown, Rpc
from bystack.mainchain.blocks import decode_block
from bystack.primitives.codec import decode, encode
from bystack.sidechain.proofs import MAX_STATE_PROOFS, StateProofs
from tests.node.sidechain.network import Network, running, until
from tests.node.sidechain.test_pegs import pegged
from tests.node.sidechain.test_proving import SHORT, burned
from tests.sidechain.federations import CONFIG
from tests.sidechain.world import module_config


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
            assert found["decimals"]["BTM"] == 0
            told = await audit(net, monkeypatch)
            assert told.exit_code == 0 and "as the node says" in told.output
            assert "The law holds" in told.output

    trio.run(play)


def test_a_saved_audit_is_made_again_without_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of five entries; the file is as good as the nodes, and as little believed."""
    monkeypatch.setattr(auditing, "MAX_ENTRIES", 5)
    saved = tmp_path / "audit.gz"

    async def play() -> None:
        async with running(tmp_path, modules=(module_config("federation", CONFIG),)) as net:
            await pegged(net, 1_000)
            asked: list[Any] = []
            note = {"getstateproofs": lambda answer: asked.append(answer["height"]) or answer}
            chain = ("--chain", net.genesis.id.hex())
            done = await audit(net, monkeypatch, "--verify", "--json", "--save", str(saved), *chain,
                               lies=note)  # fmt: skip
            assert done.exit_code == 0, done.output
            assert max(map(asked.count, asked)) > 1, "several pages of one block"
            first = facts(done)
            assert first["assets"]["BTM"]["vault"] == 1_000
            again = await audit(net, monkeypatch, "--file", str(saved), "--json", *chain)
            assert again.exit_code == 0, again.output
            assert facts(again)["assets"] == first["assets"]
            assert facts(again)["statements"] == first["statements"]
            assert first["statements"]["silent"] == ["m0", "m1", "m2"], "proved: none has stated"
            assert "as you gave it" in str(facts(again)["trusted"])
            wrong = await audit(net, monkeypatch, "--file", str(saved), "--chain", "11" * 32)
            assert wrong.exit_code == 1 and "ChainNotTrusted" in wrong.output
            apart = {"getstateproofs": _pages_apart(net)}
            done = await audit(net, monkeypatch, "--verify", lies=apart)
            assert done.exit_code == 1 and "PagesApart" in done.output, done.output
            for rows in SPOILT:
                spoil(saved, tmp_path / "spoilt.gz", rows)
                done = await audit(net, monkeypatch, "--file", str(tmp_path / "spoilt.gz"))
                assert done.exit_code == 1 and "Not proved" in done.output, done.output

    trio.run(play)
    assert not list(tmp_path.glob("*.part"))


def _pages_apart(net: Network) -> Callable[[Any], Any]:
    """After one entry, and the first page of all, the second page is of another block."""
    pages: list[Any] = []

    def lie(answer: Any) -> Any:
        pages.append(answer)
        if len(pages) < 3:
            return answer
        old = decode(StateProofs, bytes.fromhex(answer["hex"]), MAX_STATE_PROOFS)
        newest = net.nodes[0].store
        header = newest.final_header(old.final.header.height - 1)
        assert header is not None
        return {**answer, "hex": encode(replace(old, final=header)).hex()}

    return lie


def spoil(whole: Path, to: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    """A file with other lines."""
    lines = gzip.decompress(whole.read_bytes()).splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    to.write_bytes(gzip.compress(b"".join(msgspec.json.encode(r) + b"\n" for r in change(rows))))


def _answer(rows: list[Any], method: str, answer: Any) -> list[Any]:
    """All answers of a method are another."""
    return [{**row, "answer": answer} if row.get("method") == method else row for row in rows]


SPOILT: list[Callable[[list[Any]], list[Any]]] = [
    lambda rows: rows[:-1],
    lambda rows: [],
    lambda rows: [rows[0], *rows[2:]],
    lambda rows: [{**rows[0], "format": "another"}, *rows[1:]],
    lambda rows: _answer(rows, "getproof", {"hex": 7}),
    lambda rows: _answer(rows, "getstateproofs", ["hex"]),
    lambda rows: _answer(rows, "getblockheader", {"height": "9"}),
    lambda rows: _answer(rows, "getblock", None),
]


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.gz"
    for data in (b"", b"text", gzip.compress(b"text\n"), gzip.compress(b"{}\n")[:-9]):
        path.write_bytes(data)
        done = CliRunner().invoke(main, ["federation", "audit", "trade", "--file", str(path)])
        assert done.exit_code == 1 and "Not proved. AuditFile" in done.output, done.output


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
