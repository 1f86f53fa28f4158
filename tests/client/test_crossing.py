"""Watching money cross: each stage told once, and the end found whichever it is."""

from __future__ import annotations

from typing import Any, cast

import pytest
from click.testing import CliRunner

from bystack.client.cli import money
from bystack.client.crossing import Crossing, told
from bystack.client.rpc import NodeDown, Rpc, RpcFailed

OPEN = {"open": True, "why": []}
HOLD = {"rule": "Paused", "why": "a member paused it", "lifts": "a quorum"}
SHUT = {"open": False, "why": [HOLD]}
BELOW = RpcFailed("getpegoutquote", {"code": -26, "message": "too little"})
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

    def listtransactions(
        self, label: str, count: int, skip: int, watched: bool, chain: str
    ) -> list[dict[str, Any]]:
        assert chain == "games"
        return self.coins.pop(0) if len(self.coins) > 1 else self.coins[0]


def came(txid: str, address: str = "ga1mine", **changed: Any) -> dict[str, Any]:
    row = {"txid": txid, "address": address, "category": "receive", "confirmations": 1}
    return {**row, "amount": 2.99, "name": "BTM", **changed}


def sentences(node: Node, crossing: Crossing = MINE) -> list[str]:
    return list(told(cast(Rpc, node), crossing, pause=0))


def test_each_stage_is_told_once_until_the_coin_is_there() -> None:
    other, coin = came("cc", "ga1other"), came("dd")
    early = came("ee", confirmations=0)
    states = ["requested", "requested", "batched", "settled"]
    node = Node(states, [[other], [early], [other, coin]])
    assert sentences(node) == [
        "trade: requested; waits for after requested (about 3 min)",
        "trade: batched; waits for after batched (about 3 min)",
        "trade: paid on the main chain; games mints it when the payout is deep enough",
        "games: 2.99 BTM arrived at ga1mine",
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
        super().__init__(states, [[], [came("dd")]])
        self.interrupted, self.sent = interrupted, 0
        self.answers: dict[tuple[str, str], Any] = {
            ("trade", "getpegstatus"): {"pegout": OPEN, "payouts": OPEN},
            ("games", "getpegstatus"): {"pegin": OPEN},
            ("games", "getpeginaddress"): {"mainchain_address": "rm1deposit"},
            ("trade", "getpegoutquote"): {**OPEN, "payout": {"value": 2.99}},
            ("games", "getsidechaininfo"): {
                "assets": [{"asset": "ff", "name": "BTM", "decimals": 8}],
                "peg_numbers": [{"asset": "ff", "pegin_minimum": 1_000}],
            },
        }

    def getnewaddress(self, label: str, kind: str, chain: str) -> str:
        return "ga1mine"

    def sendtosidechain(self, *words: str) -> dict[str, str]:
        assert words == ("trade", "ga1mine", "3", "BTM")
        self.sent += 1
        if self.interrupted == "sending":
            raise KeyboardInterrupt
        return {"txid": "bb", "pegout": "aa"}

    def side(self, chain: str, method: str, *params: str) -> dict[str, Any]:
        if method == "getpegoutstatus":
            return super().side(chain, method, *params)
        found = self.answers[chain, method]
        if isinstance(found, Exception):
            raise found
        return dict(found)


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
    assert "games: 2.99 BTM arrived at ga1mine" in done.output
    assert transfer(again, monkeypatch, "ga1mine", "3", "--resume", "aa").exit_code == 2


def test_who_interrupts_the_sending_is_told_to_look_first(monkeypatch: pytest.MonkeyPatch) -> None:
    done = transfer(Sending("sending", ["requested"]), monkeypatch, "3", "--wait")
    assert done.exit_code == 130 and "it may be sent" in done.output
    assert "bystack wallet history --chain trade" in done.output


def test_a_coin_that_is_spent_at_once_ends_it_and_an_earlier_one_does_not() -> None:
    """History tells: of the coin that came nothing is left in listunspent."""
    node = Node(["settled"], [[came("old")], [came("old"), came("new", amount=1.5)]])
    said = sentences(node, MINE._replace(before=frozenset({"old"})))
    assert said[-1] == "games: 1.5 BTM arrived at ga1mine" and len(said) == 2


@pytest.mark.parametrize(
    ("asked", "answer", "words"),
    [
        (("games", "getpegstatus"), {"pegin": SHUT}, "games: pegin is shut. Paused"),
        (("trade", "getpegstatus"), {"pegout": SHUT}, "trade: pegout is shut. Paused"),
        (("trade", "getpegoutquote"), {**SHUT, "payout": {"value": 2.99}}, "trade: pegout is shut"),
        (("trade", "getpegoutquote"), BELOW, "too little"),
        (
            ("trade", "getpegoutquote"),
            {**OPEN, "payout": {"value": "0.000001"}},
            "below the minimum of games",
        ),
    ],
)
def test_what_would_not_arrive_is_refused_before_it_is_burned(
    asked: tuple[str, str], answer: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Sending("", ["settled"])
    node.answers[asked] = answer
    done = transfer(node, monkeypatch, "3", "--wait")
    assert done.exit_code == 1 and words in done.output and node.sent == 0
