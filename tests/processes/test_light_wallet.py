"""A light node beside two full ones: its wallet is paid and pays, and its kills lose nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.processes.daemons import Daemon, daemons, until
from tests.processes.light import holds, light_config
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

PAGE = Part("docs/light.md", but="^bystackd")
BEGIN = Part("docs/new-sidechain.md", "A node each", but="^bystackd init")
"""How any node begins."""


def reaches(node: Daemon, other: Daemon) -> None:
    """Wait until a node's best chain is the other's."""
    tip = other.call("getbestblockhash")
    until(lambda: node.call("getbestblockhash") == tip, "the headers travel")


def test_a_wallet_on_a_light_node_is_paid_pays_and_survives_kills(tmp_path: Path) -> None:
    with daemons(tmp_path, 2) as (one, two):
        two.join(one)
        with reading(Reader({}, one.home), BEGIN) as page:
            page.line("bystackd run")  # as `daemons` did
            page.type("bystack wallet create")
            page.type("bystack rpc generatetoaddress")
        mine = one.call("getnewaddress")
        config = light_config(one.peer_address, two.peer_address)
        (tmp_path / "l").mkdir()
        with daemons(tmp_path / "l", 1, config) as (light,):
            theirs = light.wallet_of()
            reaches(light, one)
            assert light.call("getblockchaininfo")["mode"] == "light"
            paid = one.call("sendtoaddress", theirs, 5)
            one.call("generatetoaddress", 1, mine)
            holds(light, 5)
            _sends(light, one, mine)
            _is_killed(light, one, theirs)
            found = light.call("getrawtransaction", paid, True)
            assert found["confirmations"] > 1
            assert light.call("verifytxoutproof", light.call("gettxoutproof", [paid])) == [paid]
            assert not (light.home / "data/mainchain/chain").exists(), "it keeps no blocks"
            _tells(light)


def _tells(light: Daemon) -> None:
    """What a light node says of itself, and what it has not."""
    with reading(Reader({}, light.home), PAGE) as page:
        assert re.search(r"^main +\d+", page.unseen("bystack status"), re.M)
        page.type("bystack rpc getblock", code=1)


def _sends(light: Daemon, one: Daemon, mine: str) -> None:
    sent = light.call("sendtoaddress", mine, 2)
    until(lambda: sent in one.call("getrawmempool"), "the payment travels")
    one.call("generatetoaddress", 1, mine)
    until(lambda: 2.99 < light.call("getbalance") < 3, "the change is there")
    listed = {entry["txid"] for entry in light.call("listtransactions")}
    assert sent in listed


def _is_killed(light: Daemon, one: Daemon, theirs: str) -> None:
    """Twice: while nothing happens, and while a payment to it is made."""
    before = light.call("getbalance")
    old = light.kill("mainchain")
    one.call("sendtoaddress", theirs, 1)
    one.call("generatetoaddress", 12, one.call("getnewaddress"))
    until(lambda: light.pid("mainchain") not in (0, old) and light.ready(), "it is back")
    reaches(light, one)
    holds(light, before + 1)
    log = light.log("mainchain")
    assert log.count("light main chain runs") == 2
