"""Shared network: chains followed into PostgreSQL agree with what the nodes say, coin by coin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.client.indexing.database import Server, server
from tests.processes.network import SECONDS, bystack, main_height
from tests.processes.pages import Line, Part, Reader, reading

pytestmark = pytest.mark.processes

INDEX = Part("docs/analysts.md", only="^(createdb|bystack index) ")
FILES = Part("docs/analysts.md", only="^bystack export")
SIDES = ("trade", "games")
COINS = """SELECT asset, sum(amount)::bigint FROM {}.outputs
WHERE lock <> 'retire' AND height <= %s AND (spent_height IS NULL OR spent_height > %s)
GROUP BY asset"""
OWED = """SELECT asset, sum(amount)::bigint FROM {0}.peg_events b
WHERE height <= %s AND event = 'pegout' AND NOT EXISTS (
  SELECT 1 FROM {0}.peg_events e WHERE e.subject = b.subject AND e.height <= %s
  AND e.event = 'pegout_state' AND e.state IN ('settled', 'refunded'))
GROUP BY asset"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


def ask(address: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def height(address: str, schema: str) -> int:
    made = ask(address, "SELECT to_regclass(%s) IS NOT NULL", f"{schema}.indexer")[0][0]
    return int(ask(address, f"SELECT height FROM {schema}.indexer")[0][0]) if made else 0


@contextmanager
def following(home: Path, address: str, chain: str) -> Iterator[subprocess.Popen[bytes]]:
    """`bystack index`, until it is killed here."""
    with running("index", "--chain", chain, "--home", str(home), BYSTACK_DATABASE=address) as one:
        yield one


@contextmanager
def obeyed(reader: Reader, line: Line) -> Iterator[subprocess.Popen[bytes]]:
    """A line that follows a chain, until it is killed here."""
    with running(*reader.meant(line.words)[1:], BYSTACK_HOME=str(reader.home)) as one:
        yield one


@contextmanager
def running(*words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bystack.client.cli.main", *words]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_tables_agree_with_the_nodes(
    network: Devnet, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, home = "postgresql:///chains", network[1].home
    monkeypatch.setenv("PGHOST", str(postgres.folder))
    monkeypatch.setenv("PGUSER", "postgres")
    reader = Reader({"createdb": f"{postgres.programs}/createdb"}, home)
    with reading(reader, INDEX) as page:
        page.type("createdb")
        with following(home, address, "main"):
            wait_for("some blocks", lambda: height(address, "main"), SECONDS)
        page.type("bystack index")
        follow = page.line("bystack index")
    with following(home, address, "main"), obeyed(reader, follow):
        words = ("index", "--database", address, "--once", "--home", str(home))
        done = bystack(*words, "--chain", "games")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"games: blocks up to {height(address, 'games')}\n"
        main_chain(network, address)
        for name in SIDES:
            side_chain(network, address, name, home)


def main_chain(network: Devnet, address: str) -> None:
    """Each block's figures, every coin there is, and what each vault holds."""
    rpc, top = network[1], main_height(network, network.layout.nodes[0])
    wait_for("the main chain is indexed", lambda: height(address, "main") >= top, SECONDS)
    figures = ask(address, "SELECT height, id, transactions, bytes FROM main.blocks ORDER BY 1")
    stats = rpc.batch("getblockstats", [[row[0]] for row in figures])
    told = [(one["height"], one["blockhash"], one["txs"], one["total_size"]) for one in stats]
    assert figures == told
    last, issued = figures[-1][0], sum(one["subsidy"] for one in stats)
    sums = dict(ask(address, COINS.format("main"), last, last))
    gone = ask(address, "SELECT sum(amount)::bigint FROM main.outputs WHERE lock = 'retire' "
               "AND asset = repeat('f', 64) AND height <= %s", last)[0][0] or 0  # fmt: skip
    assert sums["ff" * 32] + gone == issued, "every BTM that was mined"
    agreed(rpc, address, "main", "/")
    vaults = rpc.call("listvaults")
    assert len(vaults) >= len(SIDES)
    for vault in vaults:
        wait_for("the vault's coins", lambda one=vault: same(rpc, address, one), SECONDS)


def same(rpc: Any, address: str, vault: str) -> bool:
    """Whether the vault holds now what the tables say; they may be a moment behind."""
    asked = """SELECT asset, sum(amount)::bigint FROM main.unspent WHERE vault = %s
    GROUP BY asset HAVING sum(amount) > 0"""
    return bool(dict(ask(address, asked, vault)) == rpc.call("getvault", vault)["holdings"])


def side_chain(network: Devnet, address: str, name: str, home: Path) -> None:
    """The terms of the reserves' law, from the tables of the same block; every coin there is."""
    rpc = network[1]
    said = rpc.side(name, "getreserves")
    at = said["sidechain_height"]
    if name == "games":
        words = ("index", "--database", address, "--once", "--home", str(home))
        assert bystack(*words, "--chain", name).returncode == 0
    wait_for(f"{name} is indexed", lambda: height(address, name) >= at, SECONDS)
    coins, owed = (dict(ask(address, q.format(name), at, at)) for q in (COINS, OWED))
    for row in said["assets"].values():
        asset = row["asset"]
        assert owed.get(asset, 0) == row["owed"]
        held = row["circulating"] - coins.get(asset, 0)
        assert held == 0 or (name == "trade" and held > 0), "modules hold coins on trade only"
    agreed(rpc, address, name, f"/sidechain/{name}")


def agreed(rpc: Any, address: str, schema: str, path: str) -> None:
    """Each coin that nobody has spent in the tables is one for the node, or is spent since."""
    rows = ask(address, f"SELECT transaction, position, amount FROM {schema}.unspent")
    assert rows or schema != "main"
    found = rpc.batch("gettxout", [[id, place, False] for id, place, _ in rows], path)
    spent = []
    for (id, place, amount), coin in zip(rows, found, strict=True):
        if coin is None:
            spent.append((id, place))
        else:
            assert coin["units"] == amount, (id, place)
    asked = f"SELECT spent_height FROM {schema}.outputs WHERE transaction = %s AND position = %s"
    for place in spent if schema != "games" else ():
        wait_for("it is spent", lambda p=place: ask(address, asked, *p)[0][0], SECONDS)


def test_a_sidechains_files_hold_its_coins(
    network: Devnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with reading(Reader({}, network[1].home), FILES) as page:
        page.type("bystack export --parquet main-1")
        assert "peg_events" in page.type("bystack export --parquet trade-1")
    claimed = duckdb.sql("SELECT sum(amount) FROM 'trade-1/claims.parquet'").fetchall()
    seen = duckdb.sql(
        "SELECT sum(amount) FROM 'trade-1/peg_events.parquet' WHERE event = 'claimed'"
    ).fetchall()
    assert claimed == seen
