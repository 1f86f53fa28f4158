"""Payments, deposits and burns told stage by stage, each once, up to an end that is named."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest
from click.testing import CliRunner

from bystack.client import watching
from bystack.client.cli import following, money, pegs, purses
from bystack.client.cli.main import main
from bystack.client.rpc import NodeDown, NotRun, Rpc, RpcFailed
from bystack.client.watching import Stage, stages

BURN: dict[str, Any] = {
    "id": "bb", "destination": "rm1a", "tier": 0, "vetoes": 0, "before": 0, "seq": None,
    "batch_height": None, "paid_in_about_seconds": 0, "signing": None,
    "burned": {"value": 3.0, "name": "BTM"}, "payout": {"value": 2.99, "name": "BTM"},
}  # fmt: skip
LOST = RpcFailed("getpeginstatus", {"code": -5, "message": "No such transaction"})
DEPOSIT = {"value": 1.5, "name": "BTM", "height": 9, "waits_for": "", "about_seconds": 0}


class Script:
    """Answers `side` from a list, the last for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def side(self, chain: str, method: str, *params: Any) -> Any:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, BaseException):
            raise found
        return found


def deposit(state: str, **more: Any) -> dict[str, Any]:
    return {**DEPOSIT, "state": state, "claim": None, **more}


def test_a_deposit_is_told_from_the_pool_to_the_mint() -> None:
    waits = deposit("waiting", waits_for="4 more main-chain blocks", about_seconds=600)
    node = Script(
        LOST,
        waits,
        waits,
        deposit("claimable"),
        deposit("claimable", claim="aa"),
        deposit("claimed"),
    )
    told = list(stages(lambda: watching.deposit(cast(Rpc, node), "trade", "aa"), 0))
    assert [one.says for one in told] == [
        "main: in no block yet; waits for one",
        "main: in block 9; waits for 4 more main-chain blocks (about 10 min)",
        "trade: deep enough; its claim is made by itself",
        "trade: deep enough; its claim waits for a block",
        "trade: 1.5 BTM minted",
    ]
    assert told[-1] == Stage("trade: 1.5 BTM minted", True)


@pytest.mark.parametrize("state", watching.NOT_MINTED)
def test_a_deposit_that_is_not_minted_ends_it_as_a_failure(state: str) -> None:
    (stage,) = stages(lambda: watching.deposit(cast(Rpc, Script(deposit(state))), "trade", "aa"), 0)
    assert stage.over and stage.failed and state in stage.says


def test_a_burn_is_told_until_it_is_paid_or_given_back() -> None:
    queued = {"state": "requested", "waits_for": "a batch", "about_seconds": 30}
    payout = {"value": 2.99, "name": "BTM"}
    node = Script(
        LOST, queued, NodeDown("the node is away"), {"state": "settled", "payout": payout}
    )
    told = [one.says for one in stages(lambda: watching.payout(cast(Rpc, node), "trade", "aa"), 0)]
    assert told == [
        "trade: its burn is in no block yet; waits for one",
        "trade: requested; waits for a batch (about 30 s)",
        "the node is away",
        "trade: 2.99 BTM paid on the main chain",
    ]
    back = watching.payout(cast(Rpc, Script({"state": "refunded"})), "trade", "aa")
    assert back.over and back.failed


def test_a_payment_is_told_until_it_is_deep_enough() -> None:
    depths = [0, 0, 1, 2, -1]
    told = stages(
        lambda: watching.payment(lambda *_: {"confirmations": depths.pop(0)}, "main", "aa", 2), 0
    )
    assert [one.says for one in told] == [
        "main: waits for a block",
        "main: under 1 block of 2",
        "main: paid, under 2 blocks",
    ]
    gone = watching.payment(lambda *_: {"confirmations": -1}, "main", "aa", 1)
    assert gone.over and gone.failed


class Node(Script):
    """A node that pays, deposits and burns, and tells by the script how that goes on."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self.paid: list[str] = []

    def side(self, chain: str, method: str, *params: Any) -> Any:
        if method == "getpegstatus":
            return {way: {"open": True, "why": []} for way in ("pegin", "pegout", "payouts")}
        if method == "getsidechaininfo":
            raise RpcFailed(method, {"code": -32601, "message": "no"})
        return super().side(chain, method, *params)

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        if method == "getaddressinfo":
            return {"kind": "policy", "chain": "trade" if params[0] == "t" else "main"}
        if method == "gettransaction":
            return self.side("main", method, *params)
        self.paid.append(f"{method} {path}")
        return {"txid": "aa", "vout": 1, "pegout": "bb"} if method != "sendtoaddress" else "aa"

    def __getattr__(self, method: str) -> Any:
        return lambda *params, path="/": self.call(method, *params, path=path)


def run(monkeypatch: pytest.MonkeyPatch, node: Node, *words: str) -> Any:
    for module in (money, pegs, purses):
        monkeypatch.setattr(module, "node", lambda home: node)
    monkeypatch.setattr(watching, "PAUSE", 0)
    monkeypatch.setattr(following.follow, "__defaults__", (0,))
    return CliRunner().invoke(main, list(words))


WAITED: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
    "send": (("send", "m", "2"), {"confirmations": 1}, "sendtoaddress", "main: paid, under 1 blo"),
    "pegin": (("pegin", "trade", "2"), deposit("claimed"), "pegin", "trade: 1.5 BTM minted"),
    "pegout": (
        ("pegout", "trade", "m", "2"), {"state": "settled"}, "sendtomainchain", "trade: paid on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAITED)
def test_each_command_waits_and_pays_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    words, answer, method, says = WAITED[name]
    node = Node(answer)
    done = run(monkeypatch, node, *words, "--wait", "--wallet", "other")
    assert done.exit_code == 0 and says in done.output, done.output
    assert node.paid == [f"{method} /wallet/other"]
    quiet = Node(answer)
    assert says not in run(monkeypatch, quiet, *words).output and len(quiet.paid) == 1


def test_ends_that_nobody_wanted_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, Node({"state": "refunded"}), *WAITED["pegout"][0], "--wait")
    assert done.exit_code == 1 and "given back" in done.output


def test_who_stops_watching_is_told_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node({"state": "requested", "waits_for": "x"}, KeyboardInterrupt())
    done = run(monkeypatch, node, *WAITED["pegout"][0], "--wait")
    assert done.exit_code == 130 and "Next: bystack pegout-status trade bb --wait" in done.output
    again = run(
        monkeypatch, Node({**BURN, "state": "settled"}), "pegout-status", "trade", "bb", "--wait"
    )
    assert again.exit_code == 0 and again.output.count("paid on the main chain") == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (1050, "18 min"), (7_200, "2 h"), (7_201, "3 h")],
)
def test_times_are_told_as_people_tell_them(seconds: int, said: str) -> None:
    assert watching.lasting(seconds) == said


def test_a_chain_the_node_does_not_run_is_not_waited_for() -> None:
    nobody = NotRun("getpegoutstatus", {"code": 404, "message": "this node runs no sidechain t"})
    for look in (watching.payout, watching.deposit):
        with pytest.raises(NotRun):
            list(stages(partial(look, cast(Rpc, Script(nobody)), "t", "aa"), 0))
