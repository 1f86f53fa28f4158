"""`bystack mine` says what the node's miner does, in a line, a table or JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import mine as commands

WORKERS = [{"pid": 7, "hashespersec": 500_000.0, "restarts": 2}]
INFO: dict[str, Any] = {
    **{"chain": "test", "blocks": 12, "difficulty": 256.0, "networkhashps": 8e5, "pooledtx": 3},
    **{"generate": True, "genproclimit": 1, "hashespersec": 500_000.0, "blocksfound": 4},
    **{"workers": WORKERS, "errors": "a nonce searcher ended: out of memory"},
}
IDLE = {**INFO, "generate": False, "genproclimit": 0, "workers": [], "errors": ""}


class Node:
    """Answers as a node does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def call(self, *asked: Any) -> Any:
        if ("getmininginfo",) in self.asked:
            raise KeyboardInterrupt
        self.asked.append(asked)
        return IDLE if asked == ("setgenerate", False) else INFO


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node()
    monkeypatch.setattr(commands, "node", lambda home: found)
    monkeypatch.setattr(commands, "WATCH_SECONDS", 0.0)
    return found


def mine(*arguments: str) -> Result:
    done = CliRunner().invoke(commands.mine, list(arguments))
    assert done.exit_code == 0, done.output
    return done


def test_start_and_stop(node: Node) -> None:
    said = mine("start", "--threads", "1").output
    assert "mining with 1 worker, 500,000 hashes/s, 4 blocks found" in said
    assert "test at 12: difficulty 256, network 800,000 hashes/s, 3 transactions wait" in said
    assert "last trouble: a nonce searcher ended" in said
    assert "restarts" in said
    mine("start")
    assert mine("stop").output.startswith("not mining\n")
    assert node.asked == [
        ("setgenerate", True, 1),
        ("setgenerate", True, -1),
        ("setgenerate", False),
    ]


def test_status_as_json(node: Node) -> None:
    assert json.loads(mine("status", "--json").output) == INFO


def test_watching_ends_with_an_interrupt(node: Node) -> None:
    mine("status", "--watch")
    assert node.asked == [("getmininginfo",)]


def test_several_workers_are_several() -> None:
    assert "2 workers" in commands.sentence({**INFO, "genproclimit": 2})
