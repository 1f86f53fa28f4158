"""`bystack index`: what it refuses before it connects, and how it ends."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import index as commands
from bystack.client.indexing.columns import Place
from bystack.client.indexing.following import Indexer
from tests.client.indexing.nodes import MainNode
from tests.mainchain.builders import EASY, Chain

NOWHERE = "postgresql:///none?host=/nonexistent"


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch) -> MainNode:
    grown = Chain(EASY)
    grown.grow(3)
    found = MainNode(list(grown.blocks.values()))
    monkeypatch.setattr(commands, "node", lambda home: found)
    return found


def bystack(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(commands.index, list(words), env=environment)


def test_a_password_stands_on_no_command_line() -> None:
    told = "postgresql://ann:hunter2@/none?host=/nonexistent"
    done = bystack("--database", told)
    assert done.exit_code == 2 and "hunter2" not in done.output
    assert all(word in done.output for word in ("PGPASSWORD", "~/.pgpass", "BYSTACK_DATABASE"))
    done = bystack(BYSTACK_DATABASE=told)
    assert done.exit_code == 1, "from the environment it is taken"
    assert "the database says" in done.output and "hunter2" not in done.output


def test_a_database_that_is_not_there_is_told_at_once() -> None:
    done = bystack("--database", NOWHERE)
    assert done.exit_code == 1 and "/nonexistent" in done.output
    assert "no address of a database" in bystack("--database", "nonsense").output
    assert bystack().exit_code == 2
    assert bystack("--database", NOWHERE, "--schema", "x" * 64).exit_code == 2


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bystack.client.indexing.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    done = bystack("--database", NOWHERE)
    assert done.exit_code == 1 and "pip install 'bystack[postgres]'" in done.output


def test_where_it_reached_is_told_as_it_is() -> None:
    assert commands._reached(Place(7, "aa"), False) == "blocks up to 7"
    assert commands._reached(Place(7, "aa"), True) == "blocks up to 7; the node is behind that"
    said = commands._reached(Place(499, ""), True)
    assert said == "no block yet, for the node's chain ends before height 500"


def test_ctrl_c_says_where_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tables:
        def __init__(self, *about: Any) -> None:
            self.place = type("Place", (), {"height": 7})

        def close(self) -> None:
            pass

    def stopped(indexer: Indexer, first: int, *, once: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_tables", lambda context, database: Tables)
    monkeypatch.setattr(Indexer, "run", stopped)
    done = bystack("--database", NOWHERE)
    assert done.exit_code == 130
    assert "stopped after block 7; the same command goes on there" in done.output
