"""What a database refuses, what a killed process leaves, and that no password is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from bystack.client.indexing.layout import VERSION
from bystack.client.indexing.postgres import Database, _time
from bystack.client.indexing.reaching import DatabaseDown, DatabaseRefused
from bystack.client.indexing.source import Identity
from tests.client.indexing.nodes import MainNode, contents, indexed, indexer, rows
from tests.mainchain.builders import EASY, Chain
from tests.sidechain.histories import History

ROOT = Path(__file__).parents[3]
OTHER = Identity("main", "main", "11" * 32, "rm")


def chain(blocks: int = 5) -> MainNode:
    grown = Chain(EASY)
    grown.grow(blocks)
    return MainNode(list(grown.blocks.values()))


def test_another_chain_a_newer_version_and_strange_tables_are_refused(address: str) -> None:
    node = chain()
    indexed(node, address)
    before = contents(address, "main", "main")
    with pytest.raises(DatabaseRefused, match=r"holds another chain .*--schema"):
        Database(address, "main", OTHER).open(1, [])
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE main.indexer SET version = %s", (VERSION + 1,))
    with pytest.raises(DatabaseRefused, match=rf"version {VERSION + 1}; this one knows {VERSION}"):
        indexed(node, address)
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE main.indexer SET version = %s", (VERSION - 1,))
    with pytest.raises(DatabaseRefused, match=rf"version {VERSION - 1}.* DROP SCHEMA main CASCADE"):
        indexed(node, address)
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE main.indexer SET version = %s", (VERSION,))
        connection.execute("CREATE SCHEMA theirs CREATE TABLE blocks (id integer)")
    with pytest.raises(DatabaseRefused, match="is no index of bystack's"):
        indexed(node, address, schema="theirs")
    assert contents(address, "main", "main") == before


def test_a_schema_may_be_called_as_one_likes_but_for_a_sign_of_the_drivers(address: str) -> None:
    node, odd = chain(), 'x"; DROP SCHEMA main CASCADE; --{}'
    indexed(node, address)
    indexed(node, address, schema=odd)
    assert contents(address, odd, "main") == contents(address, "main", "main")
    with pytest.raises(DatabaseRefused, match="the schema 100%s has a % in its name"):
        indexed(node, address, schema="100%s")


def test_one_index_is_written_by_one_process(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    node = chain()
    first, tables, _ = indexer(node, address)
    first.begin(1)
    monkeypatch.setattr("bystack.client.indexing.postgres.LOCK_SECONDS", "SET lock_timeout = 50")
    second, _, _ = indexer(node, address)
    with pytest.raises(DatabaseDown, match="another bystack index writes"):
        second.begin(1)
    tables.close()
    second.begin(1)
    with psycopg.connect(address) as connection:  # and whoever writes without the lock is noticed
        connection.execute("UPDATE main.indexer SET height = 3")
    with pytest.raises(DatabaseDown, match="somebody else changed it"):
        second.step()
    assert rows(address, "SELECT count(*) FROM main.blocks") == [{"count": 0}]


def test_tables_may_begin_at_any_height(address: str) -> None:
    node = chain(9)
    node.pruned = 4
    with pytest.raises(DatabaseRefused, match=r"blocks from 4 on, and block 1 is next.*--from"):
        indexed(node, address)
    indexed(node, address, first=4)  # nothing was held yet: it may begin elsewhere
    found = rows(address, "SELECT min(height), max(height) FROM main.blocks")
    assert found == [{"min": 4, "max": 9}]
    indexed(node, address, first=7)
    assert rows(address, "SELECT first, height FROM main.indexer") == [{"first": 4, "height": 9}]


def test_no_password_is_told(address: str) -> None:
    secret = "p@ss:w/rd%"
    wrong = "postgresql://ann:p%40ss%3Aw%2Frd%25@/nowhere?host=/nonexistent"
    with pytest.raises(DatabaseDown) as down:
        Database(wrong, "main", OTHER).open(1, [])
    assert "nonexistent" in str(down.value) and "w%2Frd" not in str(down.value)
    for text in (f"postgres//ann:{secret}@db", f"password={secret} nonsense"):
        with pytest.raises(DatabaseRefused, match="no address of a database") as refused:
            Database(text, "main", OTHER)
        assert secret not in str(refused.value)
    named = address.replace("/test", "/absent-hunter2-").replace("postgres@", "postgres:hunter2@")
    with pytest.raises(DatabaseDown, match=r"absent-\*\*\*-"):
        Database(named, "main", OTHER).open(1, [])


def test_times_beyond_the_calendar_are_the_last_there_is() -> None:
    assert _time(1_500).timestamp() == 1.5
    assert _time(2**62).year == _time(10**15).year == 9999


SCRIPT = """
import sys
from bystack.client.indexing.postgres import Database
from tests.client.indexing.nodes import MainNode, indexer
from tests.sidechain.histories import History

class Stuck(Database):
    def _copy(self, table, rows):
        super()._copy(table, rows)
        if table.name == "outputs":
            print("inside", len(rows), flush=True)
            sys.stdin.read()

history = History(5, deep=False)
node = MainNode(history.world.main.line[:20])
indexer(node, sys.argv[1])[0].run(1, once=True)
node.line = history.world.main.line
indexer(node, sys.argv[1], kind=Stuck)[0].run(1, once=True)
"""


def test_killed_inside_a_transaction_it_goes_on(address: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, address],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("inside")
    (open_one,) = rows(address, ACTIVITY)
    assert open_one["state"] == "idle in transaction" and open_one["backend_xid"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 120
    while rows(address, ACTIVITY):
        assert time.monotonic() < deadline
    assert rows(address, "SELECT height FROM main.indexer") == [{"height": 20}]
    assert rows(address, "SELECT max(height) FROM main.outputs") == [{"max": 20}]
    node = MainNode(History(5, deep=False).world.main.line)
    indexed(node, address)
    indexed(node, address, schema="fresh")
    assert contents(address, "main", "main") == contents(address, "fresh", "main")


ACTIVITY = """SELECT state, backend_xid FROM pg_stat_activity
WHERE application_name = 'bystack index' AND datname = current_database()"""
