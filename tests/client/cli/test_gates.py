"""Nobody burns or deposits unwarned: shut ways are told, with what opens them."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli import gates, money
from bystack.client.cli.main import main
from bystack.client.rpc import RpcFailed

HOLD = {"rule": "DEEP_REORG", "why": "the main chain was reorganised", "lifts": "a quorum"}
WORDS = {
    "pegin": ("pegin", "trade", "5"),
    "pegout": ("pegout", "trade", "rm1", "5"),
    "transfer": ("transfer", "tg1", "5", "--from", "trade"),
}


INFO = {
    "assets": [{"asset": "ff", "name": "BTM", "decimals": 8}],
    "peg_numbers": [{"asset": "ff", "pegin_minimum": 10_000_000}],
}


class Node:
    """What a node's RPC answers; `sent` what it was told to pay."""

    def __init__(self, shut: tuple[str, ...], error: int = 0) -> None:
        self.shut, self.error = shut, error
        self.sent: list[str] = []

    def side(self, chain: str, method: str, *params: Any) -> Any:
        assert chain == "trade" and method in ("getpegstatus", "getsidechaininfo")
        if self.error:
            raise RpcFailed(method, {"code": self.error, "message": "no"})
        if method == "getsidechaininfo":
            return INFO
        return {way: self._way(way) for way in gates.WAYS}

    def _way(self, way: str) -> dict[str, Any]:
        return {"open": way not in self.shut, "why": [HOLD] if way in self.shut else []}

    def call(self, method: str, address: str) -> Any:
        assert method == "getaddressinfo"
        return {"kind": "policy", "chain": "main" if address.startswith("rm") else "games"}

    def __getattr__(self, method: str) -> Any:
        return lambda *params: self.sent.append(method) or {"txid": "aa"}


def run(monkeypatch: pytest.MonkeyPatch, node: Node, *words: str) -> Any:
    for module in (gates, money):
        monkeypatch.setattr(module, "node", lambda home: node)
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("command", WORDS)
def test_open_ways_are_gone(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    node = Node(())
    assert run(monkeypatch, node, *WORDS[command]).exit_code == 0 and len(node.sent) == 1


@pytest.mark.parametrize("command", WORDS)
def test_shut_ways_are_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    node = Node(("pegin", "pegout"))
    refused = run(monkeypatch, node, *WORDS[command])
    assert refused.exit_code == 1 and not node.sent
    assert "DEEP_REORG: the main chain was reorganised; opened by a quorum." in refused.output


def test_the_rule_is_said_once_also_where_a_modules_words_begin_with_it() -> None:
    words = "FederationPaused: The federation has paused this"
    told = [{"rule": "FederationPaused", "why": words, "lifts": "a quorum"}]
    assert gates.reasons(told) == f"{words}; opened by a quorum."


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("pegin", "trade", "0.09999999"), "below the minimum of trade, 0.1: nobody"),
        (("pegin", "trade", "5", "--asset", "GOLD"), "trade does not take GOLD, only BTM"),
    ],
)
def test_what_nobody_could_claim_is_not_deposited(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    node = Node(())
    refused = run(monkeypatch, node, *words)
    assert refused.exit_code == 1 and not node.sent and why in refused.output
    assert run(monkeypatch, node, *words, "--anyway").exit_code == 0 and node.sent
    fits = Node(())
    assert run(monkeypatch, fits, "pegin", "trade", "0.1", "--asset", "ff").exit_code == 0


@pytest.mark.parametrize("amount", ["nan", "snan", "inf", "1e999999", "all", ""])
def test_what_is_no_amount_is_left_to_the_wallet(
    monkeypatch: pytest.MonkeyPatch, amount: str
) -> None:
    node = Node(())
    done = run(monkeypatch, node, "pegin", "trade", amount)
    assert done.exit_code == 0 and node.sent == ["pegin"], done.exception


def test_a_deposit_goes_in_anyway_if_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(("pegin",))
    assert run(monkeypatch, node, *WORDS["pegin"], "--anyway").exit_code == 0
    assert node.sent == ["pegin"]


def test_payouts_that_stand_still_are_told_before_burning(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(("payouts",))
    done = run(monkeypatch, node, *WORDS["pegout"])
    assert done.exit_code == 0 and "what is burned waits" in done.output and node.sent


@pytest.mark.parametrize("code, sent", [(-32601, 1), (-5, 0)])
def test_a_chain_not_run_here_is_left_to_the_wallet(
    monkeypatch: pytest.MonkeyPatch, code: int, sent: int
) -> None:
    node = Node((), code)
    run(monkeypatch, node, *WORDS["pegout"])
    assert len(node.sent) == sent


def test_the_status_names_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(monkeypatch, Node(("pegout",)), "peg-status", "trade").output.splitlines()
    assert told[0] == "pegin: open" and told[1].startswith("pegout: shut. DEEP_REORG")
