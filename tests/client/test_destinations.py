"""Addresses of another chain or kind are refused before anything is paid; what fits is named."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli import money, purses
from bystack.client.cli.main import main
from bystack.client.rpc import RpcFailed

CHAINS = {"m": "main", "t": "trade", "g": "games"}


class Node:
    """Knows addresses by their first letter; `d` is a vault's; remembers what was paid."""

    def __init__(self) -> None:
        self.paid: list[str] = []

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        if method != "getaddressinfo":
            self.paid.append(method)
            return {"txid": "aa"} | ({"pegout": "bb"} if params[:1] != ("main",) else {})
        if params[0] == "d":
            return {"kind": "deposit", "chain": "main"}
        if params[0] not in CHAINS:
            raise RpcFailed(method, {"code": -5, "message": "Invalid address: no chain here has"})
        return {"kind": "policy", "chain": CHAINS[params[0]]}

    def side(self, chain: str, method: str, *params: Any) -> Any:
        if method == "getpegstatus":
            return {way: {"open": True, "why": []} for way in ("pegin", "pegout", "payouts")}
        raise RpcFailed(method, {"code": -32601, "message": "no"})

    def __getattr__(self, method: str) -> Any:
        return lambda *params, path="/": self.call(method, *params, path=path)


def run(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> tuple[Any, list[str]]:
    node = Node()
    for module in (money, purses):
        monkeypatch.setattr(module, "node", lambda home: node)
    return CliRunner().invoke(main, list(words)), node.paid


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("send", "d", "1"), "bystack pegin CHAIN AMOUNT"),
        (("send", "x", "1"), "Invalid address"),
        (("pegin", "trade", "1", "--to", "g"), "g is on games, and the deposit is minted on trade"),
        (("pegin", "trade", "1", "--to", "x"), "Invalid address"),
        (("pegout", "trade", "g", "1"), "bystack transfer g AMOUNT --from trade"),
        (("pegout", "trade", "t", "1"), "t is on trade itself: bystack send pays it"),
        (("pegout", "trade", "x", "1"), "Invalid address"),
        (("pegout", "trade", "d", "1"), "d is a deposit address"),
        (("transfer", "m", "1", "--from", "trade"), "bystack pegout trade m AMOUNT"),
        (("transfer", "t", "1", "--from", "trade"), "t is on trade itself"),
    ],
)
def test_wrong_destinations_are_paid_nothing(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    done, paid = run(monkeypatch, words)
    assert done.exit_code == 1 and says in done.output and paid == []


@pytest.mark.parametrize(
    "words",
    [
        ("send", "t", "1"),
        ("pegin", "trade", "1", "--to", "t"),
        ("pegout", "trade", "m", "1"),
        ("transfer", "g", "1", "--from", "trade"),
        ("transfer", "x", "1", "--from", "trade"),  # a chain not run here: the wallet decides
    ],
)
def test_right_ones_are_paid(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    done, paid = run(monkeypatch, words)
    assert done.exit_code == 0 and len(paid) == 1, done.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("g", "1", "--from", "trade"), "Next: bystack pegout-status trade bb"),
        (("g", "1", "--from", "main"), "Next: bystack pegin-status games aa"),
        (("1", "--from", "main", "--to", "games"), "Next: bystack pegin-status games aa"),
        (("x", "1", "--from", "main"), "Next: bystack wallet transaction aa"),
    ],
)
def test_who_does_not_wait_is_told_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    done, _ = run(monkeypatch, ("transfer", *words))
    assert done.exit_code == 0 and done.output.endswith(f"{says}\n"), done.output
