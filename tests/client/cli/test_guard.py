"""`bystack guard`: what is shown says what to do next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import guard as commands
from bystack.client.cli.guard import guard

GOLD = "0e" * 32
COIN = {"outpoint": "0b" * 32 + ":1", "seq": 4, "asset": GOLD, "units": 705, "mature": 90}
VAULT = {"id": "0a" * 32, "turn": 3, "frozen_until": 0, "pending": [COIN]}
ACT: dict[str, Any] = {"act": "freeze", "digest": "0c" * 32, "sent": "0d" * 32, "refused": ""}
ACT["request"] = {"operation": "freeze"}


class Node:
    """Answers as a guard's node, and remembers what it was asked."""

    def __init__(self, **changes: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.info: dict[str, Any] = {
            "name": "trade", "seeing": True, "alarms": 0, "standing": [], "acts": 0,
            "sponsor": {"address": "rm1x", "balance": 5, "coins": 3}, "vault": dict(VAULT),
        }  # fmt: skip
        self.info |= changes
        self.alarms: list[dict[str, Any]] = []

    def call(self, method: str, *params: Any) -> Any:
        assert (method, params) == ("getassetinfo", (GOLD,))
        return {"symbol": "GOLD", "decimals": 2}

    def guard(self, name: str, method: str, *params: Any) -> Any:
        self.asked.append((name, method, *params))
        match method:
            case "getguardinfo":
                return self.info
            case "listalarms":
                return self.alarms
            case "listacts":
                return []
            case _:
                return ACT


def run(monkeypatch: pytest.MonkeyPatch, node: Node, *words: str) -> Result:
    monkeypatch.setattr(commands, "node", lambda home: node)
    return CliRunner().invoke(guard, list(words))


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "the guard watches"),
        ({"seeing": False}, "judges nothing"),
        ({"sponsor": {"address": "rm1x", "balance": 0, "coins": 0}}, "send BTM to rm1x"),
        ({"sponsor": {"address": "rm1x", "balance": 5, "coins": 1}}, "a second coin"),
        ({"alarms": 2}, "bystack guard alarms trade"),
        ({"vault": None}, "not seen yet"),
    ],
)
def test_status_says_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], advice: str
) -> None:
    result = run(monkeypatch, Node(**changes), "status", "trade")
    assert result.exit_code == 0 and advice in result.output
    pending = f"pending until 90: {COIN['outpoint']} 7.05 GOLD ({GOLD})"
    assert (pending in result.output) is ("vault" not in changes)


def test_status_as_json_is_what_the_node_said(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    shown = json.loads(run(monkeypatch, node, "status", "trade", "--json").output)
    assert shown == node.info


def test_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    assert "no alarms" in run(monkeypatch, node, "alarms", "trade").output
    usual = {"subject": "", "height": 9, "time": 0}
    node.alarms = [
        {**usual, "kind": "unknown_spend", "standing": False, "facts": {"seq": 4}},
        {**usual, "kind": "deficit", "standing": True, "facts": {"deficits": {GOLD: 705}}},
        {**usual, "kind": "purse_low", "standing": True, "facts": {"balance": 1, "coins": 2}},
        {**usual, "kind": "deficit", "standing": False, "facts": {}},
    ]
    shown = run(monkeypatch, node, "alarms", "trade", "--count", "2")
    assert "unknown_spend" in shown.output and "deficit (over)" in shown.output
    assert f"{GOLD} 7.05 GOLD" in shown.output
    assert "balance 0.00000001 BTM  coins 2" in shown.output
    assert node.asked[-1] == ("trade", "listalarms", 2)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (("freeze", "trade"), ("freezevault",)),
        (("veto", "trade", "0b" * 32 + ":1"), ("vetopayout", "0b" * 32, 1)),
        (("cancel", "trade", "0e" * 32), ("cancelterms", "0e" * 32)),
        (("sign", "trade", "0c" * 32, "aa=bb"), ("addguardsignature", "0c" * 32, {"aa": "bb"})),
    ],
)
def test_acts_by_hand(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], call: tuple[Any, ...]
) -> None:
    node = Node()
    result = run(monkeypatch, node, *words)
    assert result.exit_code == 0 and node.asked == [("trade", *call)]
    assert "Next: " in result.output


@pytest.mark.parametrize("words", [("veto", "trade", "0b"), ("sign", "trade", "0c", "aa")])
def test_what_is_not_of_its_form_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    node = Node()
    assert run(monkeypatch, node, *words).exit_code == 2 and node.asked == []


def test_the_request_goes_into_a_file_for_other_guards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "freeze.json"
    result = run(monkeypatch, Node(), "freeze", "trade", "--out", str(out))
    assert json.loads(out.read_text()) == ACT["request"] and "request" not in result.stdout
