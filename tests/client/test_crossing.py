"""Watching money cross: each stage told once, and the end found whichever it is."""

from __future__ import annotations

from typing import Any, cast

import pytest
from click.testing import CliRunner

from bystack.client.cli import money
from bystack.client.crossing import Crossing, told
from bystack.client.rpc import NodeDown, Rpc

MINE = Crossing("trade", "games", "ga1mine", "aa")


class Node:
    """Answers from a script, each answer used once, the last for ever."""

    def __init__(self, states: list[Any], coins: list[list[dict[str, Any]]] | None = None) -> None:
        self.states, self.coins = states, coins or [[]]

    def side(self, chain: str, method: str, *params: str) -> dict[str, Any]:
        assert (chain, method, params) == ("trade", "getpegoutstatus", ("aa",))
        found = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(found, Exception):
            raise found
        return {"state": found, "waits_for": f"after {found}", "about_seconds": 150}

    def listunspent(self, chain: str) -> list[dict[str, Any]]:
        assert chain == "games"
        return self.coins.pop(0) if len(self.coins) > 1 else self.coins[0]


def sentences(node: Node, crossing: Crossing = MINE) -> list[str]:
    return list(told(cast(Rpc, node), crossing, pause=0))


def test_each_stage_is_told_once_until_the_coin_is_there() -> None:
    other = {"address": "ga1other", "amount": 9}
    coin = {"address": "ga1mine", "amount": 2.99}
    node = Node(["requested", "requested", "batched", "settled"], [[other], [other], [other, coin]])
    assert sentences(node) == [
        "trade: requested; after requested (about 150 s)",
        "trade: batched; after batched (about 150 s)",
        "trade: paid on the main chain; games mints it when the payout is deep enough",
        "games: 2.99 arrived at ga1mine",
    ]


def test_money_that_came_back_ends_it_too() -> None:
    assert sentences(Node(["requested", "refunded"]))[-1].endswith("the payout could not be made")


@pytest.mark.parametrize("fault", [NodeDown("the node does not answer")])
def test_a_node_that_is_away_is_waited_for(fault: Exception) -> None:
    told_ = sentences(Node([fault, "settled"]), MINE._replace(target=""))
    assert told_[0] == "trade: the node does not answer" and "mints by itself" in told_[1]


class Sending(Node):
    """Sends once, and says so; Ctrl-C comes where it is told to."""

    def __init__(self, interrupted: str, states: list[Any]) -> None:
        super().__init__(states, [[{"address": "ga1mine", "amount": 2.99}]])
        self.interrupted, self.sent = interrupted, 0

    def getnewaddress(self, chain: str) -> str:
        return "ga1mine"

    def sendtosidechain(self, *words: str) -> dict[str, str]:
        assert words == ("trade", "ga1mine", "3", "BTM")
        self.sent += 1
        if self.interrupted == "sending":
            raise KeyboardInterrupt
        return {"txid": "bb", "pegout": "aa"}

    def side(self, chain: str, method: str, *params: str) -> dict[str, Any]:
        if method == "getpegstatus":
            return {"pegout": {"open": True}, "payouts": {"open": True}}
        return super().side(chain, method, *params)


def transfer(node: Node, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr(money, "node", lambda home: node)
    return CliRunner().invoke(money.transfer, [*words, "--from", "trade", "--to", "games"])


def test_who_interrupts_watching_is_told_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Sending("watching", ["requested", KeyboardInterrupt()])

    def side(chain: str, method: str, *params: str) -> dict[str, Any]:
        if method == "getpegoutstatus" and isinstance(node.states[0], KeyboardInterrupt):
            raise node.states[0]
        return Sending.side(node, chain, method, *params)

    monkeypatch.setattr(node, "side", side)
    done = transfer(node, monkeypatch, "3", "--wait")
    assert done.exit_code == 130 and node.sent == 1
    assert "the money goes on by itself" in done.output
    (line,) = [one for one in done.output.splitlines() if one.startswith("Next: ")]
    assert line == "Next: bystack transfer ga1mine --from trade --to games --resume aa"
    again = Sending("", ["settled"])
    done = transfer(again, monkeypatch, "ga1mine", "--resume", "aa")
    assert done.exit_code == 0 and again.sent == 0
    assert "games: 2.99 arrived at ga1mine" in done.output
    assert transfer(again, monkeypatch, "ga1mine", "3", "--resume", "aa").exit_code == 2


def test_who_interrupts_the_sending_is_told_to_look_first(monkeypatch: pytest.MonkeyPatch) -> None:
    done = transfer(Sending("sending", ["requested"]), monkeypatch, "3", "--wait")
    assert done.exit_code == 130 and "it may be sent" in done.output
    assert "bystack wallet history --chain trade" in done.output
