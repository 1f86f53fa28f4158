"""Shared network: what people type. One screen, the doctor, and a peg-in watched to its end."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from tests.processes.network import SECONDS, bystack

pytestmark = pytest.mark.processes

TRADE = "trade"


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


def test_a_peg_in_is_told_to_its_end(network: Devnet) -> None:
    words = ("pegin", TRADE, "0.5", "--wait", "--home", str(network.layout.nodes[0].home))
    command = [sys.executable, "-m", "bystack.client.cli.main", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        until("the peg-in is over", lambda: one.poll() is not None, mine=network)
        out, told = one.communicate(timeout=SECONDS)
    assert one.returncode == 0, told
    assert "txid" in out
    lines = told.splitlines()
    assert lines[-1] == f"{TRADE}: 0.5 BTM minted"
    assert len(lines) == len(set(lines)) >= 2
