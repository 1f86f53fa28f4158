"""Files of rows: groups, keys that are kept once, and the same columns as in PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet
import pytest

from bystack.client.indexing import parquet
from bystack.client.indexing.columns import ChainKind, tables_of
from bystack.client.indexing.parquet import Files
from bystack.client.indexing.source import NodeSource, every_block
from tests.client.indexing.nodes import MainNode, SideNode, held, indexed
from tests.mainchain.builders import EASY, Chain
from tests.sidechain.histories import History
from tests.sidechain.law import prove_all


def grown() -> MainNode:
    chain = Chain(EASY)
    chain.grow(9)
    return MainNode(list(chain.blocks.values()))


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def written(folder: Path, node: Any, name: str = "main") -> Path:
    folder.mkdir()
    source = NodeSource(node, name)
    heights = range(1, source.standing().height + 1)
    with Files(folder, source.identity.kind, {}) as files:
        files.add({"assets": list(source.assets)})
        for block in every_block(source, heights):
            files.add(block.rows)
    return folder


def test_many_groups_of_rows_say_what_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = grown()
    one = written(tmp_path / "one", node)
    monkeypatch.setattr(parquet, "ROWS", 2)
    many = written(tmp_path / "many", node)
    groups = pyarrow.parquet.ParquetFile(many / "blocks.parquet").num_row_groups
    assert groups == (len(node.line) + 1) // 2
    for table in tables_of("main"):
        assert read(many, table.name) == read(one, table.name)


def test_files_hold_what_the_database_holds(tmp_path: Path, address: str) -> None:
    """Both chains, every table, each column but those that are filled later."""
    history = History(0, deep=False)
    history.run(60)
    prove_all(history.world)
    kinds: tuple[tuple[str, ChainKind, Any], ...] = (
        ("main", "main", MainNode(history.world.main.line)),
        ("trade", "sidechain", SideNode(history.world)),
    )
    for name, kind, node in kinds:
        folder = written(tmp_path / name, node, name)
        indexed(node, address, name)
        with psycopg.connect(address) as connection:
            for table in tables_of(kind):
                columns = ", ".join(
                    f"{one.name}::text" if one.name == "facts" else one.name
                    for one in table.written
                )
                keys = ", ".join(table.key)
                asked = f"SELECT {columns} FROM {name}.{table.name} ORDER BY {keys}"
                stored = connection.execute(asked).fetchall()  # type: ignore[call-overload]
                filed = [tuple(row.values()) for row in read(folder, table.name)]
                places = [[one.name for one in table.written].index(key) for key in table.key]
                filed.sort(key=lambda row: [row[place] for place in places])
                if table.name == "peg_events":  # the database writes JSON in its own way
                    stored, filed = ([row[:-1] for row in many] for many in (stored, filed))
                assert filed == stored, table.name
                assert stored or table.name in ("issues",), table.name


def test_sums_of_files_are_the_chains_own_coins(tmp_path: Path) -> None:
    history = History(2, deep=False)
    history.run(60)
    folder = written(tmp_path / "trade", SideNode(history.world), "trade")
    found = duckdb.sql(
        f"""SELECT o.transaction, o.position, asset, amount FROM '{folder}/outputs.parquet' o
        ANTI JOIN '{folder}/inputs.parquet' i
        ON o.transaction = i.spent_transaction AND o.position = i.spent_position
        WHERE lock <> 'retire'"""
    ).fetchall()
    assert set(found) == held(history.world.side.coins)
