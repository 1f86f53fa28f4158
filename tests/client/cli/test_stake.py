"""`bystack stake`: what each command asks of the node, and files that are no registration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import stake as commands
from bystack.client.cli.main import main

SAID = {name: name[:2] for name in commands.PARTS}
KEY = "ab" * 48


class Node:
    """Notes what is asked; answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {}

    def side(self, chain: str, method: str, *params: Any) -> Any:
        self.asked.append((chain, method, *params))
        return self.answers.get(method, {})

    def ask(self, home: str, wallet: str, method: str, *params: Any) -> Any:
        self.asked.append((wallet, method, *params))
        return self.answers.get(method, {"txid": "00"})


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node()
    monkeypatch.setattr(commands, "node", lambda home: made)
    monkeypatch.setattr(commands, "ask", made.ask)
    return made


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["stake", *map(str, words), "--sidechain", "trade"])


ASKED: list[tuple[tuple[str, ...], tuple[Any, ...]]] = [
    (("vote", KEY, "10"), ("", "votestake", KEY, "10", "", "trade")),
    (("unvote", KEY), ("", "unvotestake", KEY, "all", "", "trade")),
    (("withdraw",), ("", "withdrawstake", "", "trade")),
    (("unregister", KEY), ("", "unregistervalidator", KEY, "trade")),
    (("unjail", KEY), ("", "unjailvalidator", KEY, "trade")),
    (("update", KEY, "cd", "--commission", "3"), ("", "updatevalidator", KEY, "cd", "3", "trade")),
    (("candidates", "--json"), ("trade", "getcandidates")),
    (("validators", "--json"), ("trade", "getvalidators", "current")),
    (("validators", "--next", "--json"), ("trade", "getvalidators", "next")),
]


@pytest.mark.parametrize(("words", "asked"), ASKED, ids=[words[0] for words, _ in ASKED])
def test_what_is_asked(node: Node, words: tuple[str, ...], asked: tuple[Any, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert node.asked == [asked]


def test_a_registration_is_read_from_its_file(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "registration.json"
    file.write_text(json.dumps({**SAID, "chain": "more"}))
    done = run("register", file, "100", "--commission", "2.5")
    assert done.exit_code == 0, done.output
    parts = [SAID[name] for name in commands.PARTS]
    assert node.asked == [("", "registervalidator", *parts, "100", "2.5", "trade")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 5}', "x" * 20_000, '{"key": "ab"}'])
def test_what_is_no_registration_is_refused(node: Node, tmp_path: Path, text: str) -> None:
    file = tmp_path / "registration.json"
    file.write_text(text)
    done = run("register", file, "100")
    assert done.exit_code == 1 and not node.asked
    assert str(file) in done.output


def test_status_tells_what_comes_back(node: Node) -> None:
    node.answers = {
        "listmystake": {
            "staked": 150,
            "ballots": [{"key": KEY, "amount": 150}],
            "returns": [{"key": KEY, "amount": 20, "due": 9}],
            "candidates": [{"key": KEY, "stake": 150, "rank": 1}],
        },
        "getepoch": {"epoch": 4, "first": 240, "last": 299},
    }
    told = run("status").output
    assert "epoch 4, blocks 240 to 299" in told and "staked: 150" in told
    assert "coming back" in told and "candidates of ours" in told
