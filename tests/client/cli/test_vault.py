"""`bystack vault`: every operation of the vault has a command that its node understands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import vault as commands
from bystack.client.cli.vault import vault
from bystack.node.federation.methods import VaultOperation
from bystack.node.federation.operating.building import Params
from tests.client.cli.test_vault_forms import form

COIN, ASSET, KEY = "0b" * 32 + ":1", "0c" * 32, "0d" * 48
CHARTER = 'name = "trade"\n'
WORDS: dict[str, tuple[tuple[str, ...], Params]] = {
    "create": ((), Params()),
    "order": (("7",), Params(seq=7)),
    "touch": (("--tier", "1"), Params(tier=1)),
    "complete": ((COIN,), Params(coin=COIN)),
    "veto": ((COIN, "--charter", "C"), Params(coin=COIN, charter=CHARTER)),
    "freeze": ((), Params()),
    "announce": (("C",), Params(charter=CHARTER)),
    "cancel": ((), Params()),
    "adopt": (("C",), Params(charter=CHARTER)),
    "replace": (("C", "--key", KEY), Params(charter=CHARTER, key=KEY)),
    "recover": (("C", "--key", KEY), Params(charter=CHARTER, key=KEY)),
    "consolidate": ((ASSET,), Params(asset=ASSET)),
}


class Node:
    """Answers as a member's node, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def federation(self, name: str, method: str, *params: Any) -> Any:
        self.asked.append((name, method, *params))
        return form(operation=params[0])


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Node:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "C").write_text(CHARTER)
    node = Node()
    monkeypatch.setattr(commands, "node", lambda home: node)
    return node


def run(*words: str) -> Result:
    return CliRunner().invoke(vault, list(words))


def test_each_operation_that_a_node_builds_has_a_command() -> None:
    meta = next(one for one in get_args(VaultOperation) if isinstance(one, msgspec.Meta))
    operations = set(re.findall("[a-z]+", str(meta.pattern)))
    assert operations == set(WORDS) and operations <= set(vault.commands)


@pytest.mark.parametrize("operation", WORDS)
def test_what_a_command_asks_is_what_the_node_takes(node: Node, operation: str) -> None:
    words, meant = WORDS[operation]
    done = run(operation, "trade", *words)
    assert done.exit_code == 0, done.output
    ((name, method, asked, params),) = node.asked
    assert (name, method, asked) == ("trade", "buildvaultoperation", operation)
    assert msgspec.convert(params, Params) == meant
    assert "digest" in done.output


def test_what_is_built_is_written_for_those_who_sign(node: Node, tmp_path: Path) -> None:
    assert run("freeze", "trade", "--out", str(tmp_path / "freeze.json")).exit_code == 0
    carried = json.loads((tmp_path / "freeze.json").read_text())
    assert (carried["federation"], carried["operation"]) == ("trade", "freeze")


def test_the_chains_own_coin_is_consolidated_by_its_name(node: Node) -> None:
    assert run("consolidate", "trade", "BTM").exit_code == 0
    assert node.asked[0][3] == {"asset": "ff" * 32}


@pytest.mark.parametrize("words", [("tower-1",), ("tower-1=00",), ("=" + "0" * 128,)])
def test_what_is_no_signature_is_not_sent(node: Node, words: tuple[str, ...]) -> None:
    assert run("submit", "trade", *words).exit_code == 2
    assert node.asked == []


def test_who_sent_a_creation_is_told_what_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = {"txid": "0a" * 32, "vault": "0b" * 32, "operation": "create"}
    monkeypatch.setattr(Node, "federation", lambda *_: sent)
    monkeypatch.setattr(commands, "node", lambda home: Node())
    assert "bystack federation genesis trade" in run("submit", "trade").output
    monkeypatch.setattr(Node, "federation", lambda *_: {**sent, "operation": "veto"})
    assert "Next:" not in run("submit", "trade").output


GOLD = "0e" * 32
BUCKET = {"tier": 0, "asset": GOLD, "level": 3, "counted": 9}
HELD = {"txid": "0b" * 32, "vout": 1, "height": 4, "units": 150}
SHOWN: dict[str, Any] = {
    "vault": "0a" * 32, "state": {"seq": 4, "buckets": [BUCKET]}, "holdings": {GOLD: 705},
    "coins": [{**HELD, "asset": "BTM", "value": 0.0000015}, {**HELD, "asset": GOLD}],
}  # fmt: skip


class Chain:
    """A node's main chain with one vault and one asset."""

    def getvault(self, id: str) -> Any:
        assert id == SHOWN["vault"]
        return SHOWN

    def call(self, method: str, asset: str) -> Any:
        assert (method, asset) == ("getassetinfo", GOLD)
        return {"symbol": "GOLD", "decimals": 2}


def test_a_vault_is_shown_in_units_people_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "node", lambda home: Chain())
    shown = run("show", SHOWN["vault"]).output
    assert f"asset {GOLD}  level 0.03 GOLD  counted 9" in shown
    assert f"holdings: {GOLD} 7.05 GOLD" in shown
    assert "asset BTM  amount 0.0000015 BTM" in shown
    assert f"asset {GOLD}  amount 1.5 GOLD" in shown
    assert json.loads(run("show", SHOWN["vault"], "--json").output) == SHOWN
