"""`bystack export` and `import` against a node that answers as the daemon does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import archive as commands
from bystack.client.indexing.columns import tables_of
from bystack.mainchain.archive import Writer, network_of
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.params import MAIN, Params, chain_id
from bystack.primitives.codec import encode
from tests.mainchain.builders import EASY, Chain


def chain() -> list[Block]:
    grown = Chain(EASY)
    grown.grow(20)
    return list(grown.blocks.values())


BLOCKS = chain()


class Node:
    """Answers as a node does, and remembers the blocks it was handed."""

    def __init__(self, blocks: list[Block], params: Params = EASY, first: int = 1) -> None:
        self.blocks, self.params, self.first = list(blocks), params, first
        self.taken: list[Block] = []
        self.refusal: str | None = None

    def call(self, method: str, *asked: Any, path: str = "/") -> Any:
        if method == "submitblock":
            return self.submit(decode_block(bytes.fromhex(asked[0])))
        if method == "getblockhash":
            return self.blocks[asked[0] - 1].id.hex()
        pruned = {} if self.first == 1 else {"pruneheight": self.first}
        chain, magic = chain_id(self.params).hex(), self.params.magic.hex()
        about = {"chain_id": chain, "magic": magic, "hrp": self.params.hrp}
        best = self.blocks[-1].id.hex()
        return {"blocks": len(self.blocks), "bestblockhash": best, **about, **pruned}

    def submit(self, block: Block) -> str | None:
        if block in self.blocks:
            return "duplicate"
        self.taken.append(block)
        return self.refusal

    def batch(self, method: str, rows: list[list[Any]], path: str = "/") -> list[Any]:
        if method == "getblockhash":
            return [self.blocks[height - 1].id.hex() for (height,) in rows]
        known = {block.id.hex(): encode(block).hex() for block in self.blocks}
        return [known[id] for id, verbosity in rows if verbosity == 0]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node(BLOCKS)
    monkeypatch.setattr(commands, "node", lambda home: found)
    return found


def bystack(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])


def archived(blocks: list[Block]) -> bytes:
    writer = Writer(network_of(EASY), blocks[0].header.height, blocks[-1].header.height)
    return writer.begin + b"".join(writer.block(encode(b)) for b in blocks) + writer.end()


def test_export_writes_what_bystackd_export_would(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "chain"
    done = bystack(commands.export_command, "--file", file)
    assert done.exit_code == 0, done.output
    assert file.read_bytes() == archived(BLOCKS)
    assert bystack(commands.export_command, "--file", file).exit_code == 1
    node.first = 15
    done = bystack(commands.export_command, "--file", tmp_path / "pruned", "--json")
    size = (tmp_path / "pruned").stat().st_size
    told = {"path": str(tmp_path / "pruned"), "first": 15, "last": 20, "bytes": size}
    assert json.loads(done.output) == told
    assert (tmp_path / "pruned").read_bytes() == archived(BLOCKS[14:])


def test_a_reorganisation_meanwhile_leaves_no_file(node: Node, tmp_path: Path) -> None:
    other = Chain(EASY)
    other.mine(extra=b"other")
    other.grow(19)
    node.blocks[10:] = list(other.blocks.values())[10:]
    done = bystack(commands.export_command, "--file", tmp_path / "chain")
    assert done.exit_code == 1
    assert "reorganised meanwhile; run it again" in done.output
    assert not list(tmp_path.iterdir())


def test_import_hands_in_what_the_node_lacks(node: Node, tmp_path: Path) -> None:
    (tmp_path / "chain").write_bytes(archived(BLOCKS))
    node.blocks = BLOCKS[:12]
    done = bystack(commands.import_command, "--file", tmp_path / "chain")
    assert done.exit_code == 0, done.output
    assert "8 blocks taken, 12 known" in done.output
    assert node.taken == BLOCKS[12:]
    done = bystack(commands.import_command, "--file", tmp_path / "chain", "--json")
    assert json.loads(done.output) == {"path": str(tmp_path / "chain"), "taken": 8, "known": 12}


def test_what_is_refused_ends_the_import_with_its_rule(node: Node, tmp_path: Path) -> None:
    (tmp_path / "chain").write_bytes(archived(BLOCKS))
    node.blocks, node.refusal = BLOCKS[:12], "SignatureWrong"
    done = bystack(commands.import_command, "--file", tmp_path / "chain")
    assert done.exit_code == 1
    assert "the block at height 13 is refused: SignatureWrong" in done.output
    node.params = MAIN
    done = bystack(commands.import_command, "--file", tmp_path / "chain")
    assert done.exit_code == 1 and "ArchiveNetwork" in done.output


# --- tables -----------------------------------------------------------------------------------


def rows(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    return found


def test_tables_hold_every_block_transaction_and_coin(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    done = bystack(commands.export_command, "--parquet", folder, "--from", 3)
    assert done.exit_code == 0, done.output
    assert {path.stem for path in folder.iterdir()} == {one.name for one in tables_of("main")}
    blocks, outputs = rows(folder / "blocks.parquet"), rows(folder / "outputs.parquet")
    transactions = rows(folder / "transactions.parquet")
    assert [one["id"] for one in blocks] == [block.id.hex() for block in BLOCKS[2:]]
    assert [one["time"].timestamp() for one in blocks] == [one.header.time for one in BLOCKS[2:]]
    assert [one["bytes"] for one in blocks] == [len(encode(block)) for block in BLOCKS[2:]]
    every = [tx for block in BLOCKS[2:] for tx in block.transactions]
    assert [one["id"] for one in transactions] == [tx.id.hex() for tx in every]
    coins = [(tx.id.hex(), n, o.amount) for tx in every for n, o in enumerate(tx.body.outputs)]
    assert [(o["transaction"], o["position"], o["amount"]) for o in outputs] == coins
    assert {one["address"][:3] for one in outputs if one["lock"] == "policy"} == {"rm1"}
    meta = pyarrow.parquet.read_schema(folder / "blocks.parquet").metadata[b"bystack"]
    about = {"chain_id": chain_id(EASY).hex(), "first": 3, "last": len(BLOCKS)}
    assert json.loads(meta) == {"chain": "main", **about}


def test_a_node_that_answers_no_blocks_is_told_in_a_sentence(node: Node, tmp_path: Path) -> None:
    batch = node.batch
    for wrong in ("00", "zz", 7):
        node.batch = lambda name, *asked, wrong=wrong: (  # type: ignore[method-assign]
            batch(name, *asked) if name == "getblockhash" else [wrong] * len(asked[0])
        )
        done = bystack(commands.export_command, "--parquet", tmp_path / "tables")
        assert done.exit_code == 1 and "same version as this bystack?" in done.output
        assert list(tmp_path.iterdir()) == []


def test_tables_are_whole_or_not_there(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    node.blocks[10] = node.blocks[3]  # the chain changes while it is read
    assert bystack(commands.export_command, "--parquet", folder).exit_code == 1
    assert list(tmp_path.iterdir()) == []
    draft = tmp_path / "tables.part"
    draft.mkdir()  # left by one that was killed
    assert "then remove it" in bystack(commands.export_command, "--parquet", folder).output
    draft.rmdir()
    for word in ("--parquet", "--file"):
        late = bystack(commands.export_command, word, folder, "--from", len(BLOCKS) + 1)
        assert late.exit_code == 1 and f"ends at {len(BLOCKS)}" in late.output
    assert bystack(commands.export_command, "--parquet", folder, "--from", 0).exit_code == 2
    assert list(tmp_path.iterdir()) == []
    folder.mkdir()
    assert "exists already" in bystack(commands.export_command, "--parquet", folder).output
    both = ("--parquet", tmp_path / "a", "--file", tmp_path / "b")
    for words in ((), both, ("--file", tmp_path / "b", "--chain", "trade")):
        assert bystack(commands.export_command, *words).exit_code == 2
    assert list(folder.iterdir()) == []
