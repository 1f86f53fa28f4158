"""docs/analysts.md: its tables are those there are, its queries run, its output is what is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from click.testing import CliRunner

from bystack.client.cli import archive
from bystack.client.cli import index as index_file
from bystack.client.indexing.columns import described
from tests.client.indexing.nodes import MainNode, SideNode, rows
from tests.sidechain.histories import History
from tests.sidechain.law import prove_all

PAGE = (Path(__file__).parents[3] / "docs" / "analysts.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


class Node:
    """Both chains of one history."""

    def __init__(self) -> None:
        history = History(0, deep=False)
        history.run(80)
        prove_all(history.world)
        self.main, self.side = MainNode(history.world.main.line), SideNode(history.world)

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        return (self.main if path == "/" else self.side).call(method, *params, path=path)

    def batch(self, method: str, rows: list[list[Any]], path: str = "/") -> list[Any]:
        return (self.main if path == "/" else self.side).batch(method, rows, path)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node()
    for module in (archive, index_file):
        monkeypatch.setattr(module, "node", lambda home: found)
    return found


def run(command: Any, *words: object) -> str:
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_tables_are_those_that_there_are() -> None:
    assert "\n".join(described()).strip() in PAGE, (
        "write it anew: .venv/bin/python -m bystack.client.indexing.columns"
    )


def test_the_queries_answer(node: Node, address: str) -> None:
    words = ("--database", address, "--once")
    assert re.fullmatch(r"main: blocks up to \d+\n", run(index_file.index, *words))
    run(index_file.index, *words, "--chain", "trade")
    queries = blocks("sql")
    assert len(queries) == 8
    for query in queries:
        assert rows(address, query.replace("%", "%%")), query
    with psycopg.connect(address) as connection:
        connection.execute("CREATE ROLE ann")
        grants = re.search(r"`(GRANT .*?)`", PAGE, re.S)
        assert grants is not None
        connection.execute(grants[1])  # type: ignore[call-overload]
        connection.execute("SET ROLE ann")
        assert connection.execute("SELECT count(*) FROM main.balances").fetchall()
        connection.rollback()


def test_the_files_are_as_said(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = run(archive.export_command, "--parquet", "main-1")
    run(archive.export_command, "--parquet", "trade-1", "--chain", "trade")
    (shown,) = re.findall(r"main-1: blocks 1 to 2000(, as .*\n)", PAGE)
    assert re.sub(r"^main-1: blocks 1 to \d+", "", told) == shown
    for query in blocks("duckdb"):
        assert duckdb.sql(query).fetchall(), query
    for name in re.findall(r"read_parquet\('(.*?)'\)", PAGE):
        assert duckdb.sql(f"SELECT * FROM read_parquet('{name}')").fetchall()


def test_the_fees_of_the_page_are_those_of_the_blocks(node: Node, address: str) -> None:
    """What payments pay is what coinbases take above the subsidy, where all else is payments."""
    run(index_file.index, "--database", address, "--once")
    (query,) = [one for one in blocks("sql") if "AS fee" in one]
    paid = {row["id"]: row["fee"] for row in rows(address, query)}
    coins = {}
    for block in node.main.line:
        for tx in block.transactions:
            coins.update({(tx.id, n): o for n, o in enumerate(tx.body.outputs)})
            if not tx.body.actions:
                spent = [coins[one.transaction, one.index] for one in tx.body.inputs]
                btm = [sum(o.amount for o in side if o.asset == b"\xff" * 32)
                       for side in (spent, tx.body.outputs)]  # fmt: skip
                assert paid.pop(tx.id.hex(), 0) == btm[0] - btm[1]
    assert paid == {}
