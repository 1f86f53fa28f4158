"""Shared network: what people type. One screen, the doctor, and a peg-in watched to its end."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import Rpc
from bystack.primitives.addresses import POLICY, Address, encode_address
from tests.processes.network import SECONDS, bystack

pytestmark = pytest.mark.processes

TRADE = "trade"
FOREIGN = encode_address(Address("bm", POLICY, bytes(32)))
"""An address of the network that holds real value."""


def test_a_node_is_shown_and_looked_over(network: Devnet) -> None:
    home = str(network.layout.nodes[1].home)
    shown = bystack("status", "--home", home)
    assert shown.returncode == 0, shown.stderr
    assert "\x1b" not in shown.stdout  # plain, since nobody looks
    assert all(word in shown.stdout for word in ("main", TRADE, "validator", "hold", "wallet"))
    assert bystack("key", "backup", "--made", "--home", home).returncode == 0
    told = bystack("doctor", "--json", "--home", home)
    found = {one["subject"]: one for one in msgspec.json.decode(told.stdout)}
    expected = ("ports", "configuration", "key backup", "signer", "vote journal", "charter")
    assert {name: found[name]["level"] for name in expected} == dict.fromkeys(expected, "good")


def watched(network: Devnet, *words: str) -> tuple[str, list[str]]:
    """A command of node 1's home that waits, while the main chain goes on: what it printed, and
    the stages it told, each once."""
    home = str(network.layout.nodes[0].home)
    command = [sys.executable, "-m", "bystack.client.cli.main", *words, "--wait", "--home", home]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        until(f"{words[0]} is over", lambda: one.poll() is not None, mine=network)
        out, told = one.communicate(timeout=SECONDS)
    assert one.returncode == 0, told
    stages = told.splitlines()
    assert len(stages) == len(set(stages)) and "\x1b" not in told and "\r" not in told
    return out, stages


def test_money_is_told_to_its_end_in_and_out_of_a_sidechain(network: Devnet) -> None:
    out, stages = watched(network, "pegin", TRADE, "3", "--asset", "BTM")
    assert "txid" in out and len(stages) >= 2
    assert stages[-1] == f"{TRADE}: 3.0 BTM minted"
    home = network[0]
    _, stages = watched(network, "send", home.getnewaddress(), "0.25", "--blocks", "2")
    assert stages[-1].startswith("main: paid, under ")
    out, stages = watched(network, "pegout", TRADE, home.getnewaddress(), "1")
    assert "pegout" in out and stages[-1] == f"{TRADE}: 0.99 BTM paid on the main chain"


def test_money_never_goes_to_an_address_of_another_chain_or_kind(network: Devnet) -> None:
    home, node = str(network.layout.nodes[0].home), network[0]
    main, trade = node.getnewaddress(), node.getnewaddress("", "", TRADE)
    vault = node.side(TRADE, "getpeginaddress", trade)["mainchain_address"]
    swapped = main[:-1] + ("q" if main[-1] != "q" else "p")
    before = [spent(node, chain) for chain in ("main", TRADE)]
    for words, says in (
        (("send", swapped, "1"), "AddressMalformed"),
        (("send", main.capitalize(), "1"), "AddressMalformed"),
        (("send", vault, "1"), "bystack pegin CHAIN"),
        (("pegin", TRADE, "1", "--to", main), "is on main"),
        (("pegout", TRADE, trade, "1"), "bystack send pays it"),
        (("pegout", TRADE, vault, "1"), "bystack pegin CHAIN"),
        (("transfer", main, "1", "--from", TRADE), f"bystack pegout {TRADE}"),
        (("send", FOREIGN, "1"), "AddressNetwork"),
    ):
        done = bystack(*words, "--home", home)
        assert done.returncode == 1 and says in done.stderr, (words, done.stderr)
    assert [spent(node, chain) for chain in ("main", TRADE)] == before


def spent(node: Rpc, chain: str) -> set[str]:
    """The payments that a wallet ever made on a chain."""
    return {
        one["txid"]
        for one in node.listtransactions("*", 1_000, chain=chain)
        if one["category"] == "send"
    }
