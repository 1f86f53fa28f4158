"""One screen: what runs, where the chains stand, what is held, and when to call the doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client import overview
from bystack.client.cli import chain
from bystack.client.doctor import looking
from bystack.client.doctor.facts import Signing
from bystack.client.overview import ago, gathered, lines, processes, rows
from bystack.client.rpc import NotReady, RpcFailed
from bystack.client.wrongs import wrongs

ROWS = [{"role": "mainchain", "name": "", "state": "running"}]
MEMBER = {
    **{"member": "node1", "weight": 2, "threshold": 5, "total": 7, "keygen": "done", "peers": 4},
    "signer": {"height": 137, "waiting": 1, "stalled": ""},
}
TOLD: dict[str, Any] = {
    "processes": ROWS,
    "chains": {
        "main": {"height": 172, "id": "9b", "time": 100, "peers": 6},
        "trade": {
            **{"height": 330, "id": "05", "time": 140, "peers": 4, "validator": 0},
            **{"pegs": "open", "reserves_hold": True},
        },
    },
    "federations": {"trade": MEMBER},
    "wallet": {
        **{"name": "default", "locked": True},
        "balances": {"main": {"BTM": 1234.5}, "trade": {}},
    },
}


def test_the_chains_are_a_table() -> None:
    main, trade = rows(TOLD, 142.0)
    assert [main[key] for key in ("chain", "height", "last block", "peers")] == [
        *("main", 172, "42 s ago", 6)
    ]
    assert [trade[key] for key in ("role", "pegs", "reserves")] == ["validator 0", "open", "hold"]
    dead = rows({"chains": {"games": {"height": "", "id": "not up"}}}, 0.0)[0]
    assert dead["id"] == "not up" and dead["peers"] == ""


def test_the_rest_is_a_line_each() -> None:
    assert list(lines(TOLD)) == [
        "federation trade: node1 weighs 2 of 7, 5 sign, key made, 4 members connected,"
        " signer at 137, 1 requests wait for an operator",
        "wallet default (locked) on main: 1,234.5 BTM",
        "wallet default (locked) on trade: nothing",
    ]
    assert processes(ROWS) == "1 of 1 processes run"
    halted = [*ROWS, {"role": "sidechain", "name": "trade", "state": "failed"}]
    assert processes(halted) == "1 of 2 processes run; sidechain trade failed"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "now"),
        (59, "59 s ago"),
        (61, "1 min ago"),
        (7_300, "2 h ago"),
        (900_000, "10 days ago"),
    ],
)
def test_ages_are_short(seconds: float, text: str) -> None:
    assert ago(seconds) == text


GUARD = {
    **{"seeing": True, "main_height": 9, "sidechain_height": 7, "acts": 0, "standing": []},
    "sponsor": {"address": "rm1", "balance": 150_000_000, "coins": 2},
}
TRADE = TOLD["chains"]["trade"]
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a process": ({"processes": [{**ROWS[0], "state": "failed"}]}, "mainchain is failed"),
    "a chain": ({"chains": {"main": {"height": "", "id": "away"}}}, "main chain: away"),
    "reserves": (
        {"chains": {"trade": {**TRADE, "reserves_hold": False}}},
        "sidechain trade: the vault does not hold what the sidechain stands for",
    ),
    "pegs": ({"chains": {"trade": {**TRADE, "pegs": "shut: pegin"}}}, "trade: pegs shut: pegin"),
    "peers": ({"chains": {"trade": {**TRADE, "peers": 0}}}, "sidechain trade: no peers"),
    "a still chain": ({"chains": {"trade": {**TRADE, "time": -60}}}, "no block for 202 s"),
    "the signer": ({"federations": {"trade": {**MEMBER, "signer": None}}}, "signer is away"),
    "a frozen vault": (
        {"federations": {"trade": {**MEMBER, "vault_frozen_until": 244}}},
        "member of trade: the guard froze the vault: no payout before main-chain block 244",
    ),
    "a member that is away": (
        {"federations": {"trade": {"error": "not up"}}},
        "member of trade: not up",
    ),
    "a warning": ({"warnings": {"trade": "an upgrade is due"}}, "trade: an upgrade is due"),
    "a lost journal": (
        {"refused": {"validator of trade": "JournalMissing"}},
        "validator of trade: its key signs nothing (JournalMissing)",
    ),
    "a blind guard": ({"guards": {"trade": {**GUARD, "seeing": False}}}, "it judges nothing"),
    "an alarm": ({"guards": {"trade": {**GUARD, "standing": ["spend"]}}}, "alarms stand: spend"),
    "an empty purse": (
        {"guards": {"trade": {**GUARD, "sponsor": {"address": "rm1", "balance": 0}}}},
        "guard of trade: no coins for fees: send some to rm1",
    ),
    "a guard that is away": ({"guards": {"trade": {"error": "not up"}}}, "guard of trade: not up"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_told(name: str) -> None:
    change, says = FAULTS[name]
    (told,) = wrongs({**TOLD, **change}, 142.0)
    assert told.endswith(says) or says in told


def test_keys_that_the_signer_refuses_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = (
        Signing("validator of trade", "a", False, "JournalMissing", "it is missing"),
        Signing("validator of games", "b", True, "Abstaining", "until 9"),
        Signing("member of trade", "c", False),
    )
    monkeypatch.setattr(overview, "load_config", lambda home: None)
    monkeypatch.setattr(looking, "signing", lambda home, config: seen)
    assert overview.refused(tmp_path) == {"validator of trade": "JournalMissing"}


def test_a_first_node_alone_is_nothing_wrong() -> None:
    alone = {
        **TOLD,
        "network": "regtest",
        "federations": {},
        "chains": {"main": {**TRADE, "peers": 0}},
    }
    assert not list(wrongs(alone, 142.0))
    (told,) = wrongs({**alone, "network": "main"}, 142.0)
    assert told == "main chain: no peers"
    more = {"main": {**TRADE, "peers": 0}, "trade": TRADE}
    assert list(wrongs({**alone, "chains": more}, 142.0)) == ["main chain: no peers"]


def test_nothing_is_wrong_with_a_node_that_runs() -> None:
    whole = {**TOLD, "guards": {"trade": GUARD}}
    assert not list(wrongs(whole, 142.0))
    assert "guard trade: main chain 9, sidechain 7, 0 acts, 1.5 BTM for fees" in list(lines(whole))


def test_what_is_wrong_stands_first(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"network": "regtest", "url": "u", **TOLD, **FAULTS["the signer"][0]}
    monkeypatch.setattr(chain, "node", lambda home: None)
    monkeypatch.setattr(chain, "gathered", lambda rpc: said)
    monkeypatch.setattr("time.time", lambda: 142.0)
    shown = CliRunner().invoke(chain.status, []).output.splitlines()
    assert shown[0] == "WRONG  member of trade: its signer is away"
    assert shown[1].startswith("Next: bystack doctor")


ANSWERS: dict[str, Any] = {
    "getblockchaininfo": {"blocks": 3, "bestblockhash": "aa", "time": 9},
    "getconnectioncount": 2,
    "getsidechaininfo": {"validator": 1, "warnings": "soon"},
    "getpegstatus": {
        **{way: {"open": True} for way in overview.WAYS},
        "pegin": {"open": False},
    },
    "getreserves": {"holds": False},
    "getwalletinfo": {"walletname": "a", "locked": False},
    "getbalances": {"mine": {"BTM": {"trusted": 2.5}, "GOLD": {"trusted": 0.0}}},
    "getfederationinfo": {**MEMBER, "secret": "x"},
}


class Node:
    """Answers as a node does; what is down refuses."""

    def federation(self, name: str, method: str) -> Any:
        return self.call(method, path=f"/federation/{name}")

    def __init__(self, home: Path, patience: float = 0) -> None:
        self.home = home

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        if method not in ANSWERS or path == "/sidechain/dead":
            if method == "help":
                return ""
            raise RpcFailed(method, {"code": -28, "message": "not up"})
        return ANSWERS[method]


def test_a_dead_main_chain_is_shown_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead(Node):
        def call(self, method: str, *params: Any, path: str = "/") -> Any:
            if path == "/":
                text = f"no process answers {method} now"
                raise NotReady(method, {"code": -28, "message": text})
            return super().call(method, *params, path=path)

    (tmp_path / "run").mkdir()
    main = {"role": "mainchain", "name": "", "state": "failed", "exit": "code 1"}
    facts = {"processes": [main, {"role": "sidechain", "name": "trade", "state": "running"}]}
    (tmp_path / "run" / "bystackd.json").write_bytes(msgspec.json.encode(facts))
    monkeypatch.setattr(overview, "Glance", Dead)
    told = gathered(Dead(tmp_path))  # type: ignore[arg-type]
    assert told["chains"]["trade"]["height"] == 3
    assert next(wrongs(told, 9.0)) == "mainchain is failed (code 1)"


def test_a_node_is_asked_for_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    named = [("mainchain", ""), ("sidechain", "trade"), ("sidechain", "dead")]
    named.append(("federation", "trade"))
    facts = {"processes": [{"role": role, "name": name} for role, name in named]}
    (tmp_path / "run" / "bystackd.json").write_bytes(msgspec.json.encode(facts))
    monkeypatch.setattr(overview, "Glance", Node)
    told = gathered(Node(tmp_path))  # type: ignore[arg-type]
    assert told["chains"]["trade"] == {
        **{"height": 3, "id": "aa", "time": 9, "peers": 2, "validator": 1},
        **{"pegs": "shut: pegin", "reserves_hold": False},
    }
    assert told["chains"]["dead"]["id"] == "getblockchaininfo: not up"
    assert told["wallet"]["balances"] == {one: {"BTM": 2.5} for one in ("main", "trade", "dead")}
    assert told["federations"]["trade"] == MEMBER and told["warnings"] == {"trade": "soon"}
