"""What an operator is told to do next: never that all is well while his signer signs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.client.cli.federation.standing import lines, next_step

SIGNER = {"height": 9, "epoch": 0, "frozen": False, "waiting": 0, "stalled": ""}
INFO: dict[str, Any] = {
    "member": "one", "seat": 0, "weight": 1, "threshold": 2, "total": 3, "peers": 2,
    "key": "aa", "keygen": "done", "rotation": {"epoch": 0, "seated": True},
    "sponsor": {"address": "rm1", "balance": 1}, "sidechain": "bb",
}  # fmt: skip


def told(**signer: Any) -> str:
    return next_step("trade", {**INFO, "signer": {**SIGNER, **signer}})


def test_where_nothing_waits_nothing_is_asked() -> None:
    assert told() == "nothing: everything runs" == next_step("trade", {**INFO, "signer": None})


@pytest.mark.parametrize(
    "signer, words",
    [
        ({"stalled": "1 of 2 main-chain nodes agree on the chain: own"}, "upstream_peers"),
        ({"frozen": True}, "bystack peg-status trade"),
        ({"waiting": 3}, "bystack federation requests trade: 3"),
    ],
)
def test_a_signer_that_signs_nothing_is_the_next_step(signer: dict[str, Any], words: str) -> None:
    assert words in told(**signer)


def test_a_frozen_vault_is_said_and_explained() -> None:
    info = {**INFO, "signer": SIGNER, "vault_frozen_until": 244}
    said = list(lines("trade", info))
    assert "vault    frozen by its guard: no payout before main-chain block 244" in said
    assert said[-1].startswith("Next: ask the guard why") and "until block 244" in said[-1]


def test_a_key_is_made_when_all_are_connected() -> None:
    info = {**INFO, "key": None, "keygen": "not started", "sidechain": None}
    assert next_step("trade", info) == "bystack federation keygen trade, on every member's node"
    away = next_step("trade", {**info, "missing": ["two"]})
    assert away.startswith("wait: two not connected") and "then bystack federation keygen" in away


def test_an_empty_purse_is_the_next_step() -> None:
    info = {**INFO, "signer": SIGNER, "sponsor": {"address": "rm1q", "balance": 0}}
    assert next_step("trade", info).startswith("send BTM to the sponsor's address, rm1q")


def test_its_line_says_each_reason() -> None:
    info = {**INFO, "signer": {**SIGNER, "frozen": True, "stalled": "1 of 2 agree"}}
    assert "signer   main chain 9, epoch 0; frozen; 1 of 2 agree" in list(lines("trade", info))


@pytest.mark.parametrize(
    ("vault", "words"),
    [
        ({"adopted": False, "ripe": None, "next": 7}, "bystack vault announce trade federations/"),
        ({"adopted": False, "ripe": 150, "next": 149}, "wait: what is announced may be adopted"),
        ({"adopted": False, "ripe": 150, "next": 150}, "bystack vault adopt trade federations/"),
        ({"adopted": True, "ripe": None, "next": 151}, "wait: the vault has the new key"),
    ],
)
def test_a_new_key_is_led_into_the_vault(vault: dict[str, Any], words: str) -> None:
    rotation = {"epoch": 0, "seated": True, "change": None, "next_key": "cc", "vault": vault}
    assert next_step("trade", {**INFO, "signer": SIGNER, "rotation": rotation}).startswith(words)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("not begun", "begins its part by itself"),
        ("running", "must be up and connected"),
        ("done", "on its way into the sidechain"),
    ],
)
def test_a_change_is_waited_for(state: str, words: str) -> None:
    change = {"guilty": [], "silent": [], "state": state, "put_off": ""}
    rotation = {"epoch": 0, "seated": True, "change": change}
    said = next_step("trade", {**INFO, "signer": SIGNER, "rotation": rotation})
    assert said.startswith("wait: ") and words in said


def test_why_a_change_does_not_go_on_is_said() -> None:
    change = {"guilty": [], "silent": [], "state": "not begun", "put_off": "Stalled: 1 of 2"}
    rotation = {"epoch": 0, "seated": True, "change": change}
    said = next_step("trade", {**INFO, "signer": SIGNER, "rotation": rotation})
    assert said.endswith("Stalled: 1 of 2")


def test_whom_a_ceremony_lacks_is_named_with_what_to_do() -> None:
    first = {**INFO, "key": None, "keygen": "running", "blamed": [], "signer": None}
    assert "2 other members are connected, and every one" in next_step("trade", first)
    away = {**first, "missing": ["carol", "dave"]}
    assert next_step("trade", away).startswith("wait: carol, dave not connected: ")
    assert "listen, advertise, peers in federations/trade.toml" in next_step("trade", away)
    assert "others   2 connected; not: carol, dave" in list(lines("trade", away))


def test_a_member_who_lost_its_shares_is_not_sent_to_a_ceremony_of_the_first_key() -> None:
    lost = {**INFO, "key": None, "keygen": "not started"}
    said = next_step("trade", lost)
    assert "propose trade reweigh identity=one weight=1" in said and "keygen" not in said
    founding = next_step("trade", {**lost, "sidechain": None})
    assert founding.startswith("bystack federation keygen trade")
