"""A light node among real full ones: its wallet is paid and pays, its follower sees deposits."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.client.devnet import files
from bystack.client.devnet.founding import CONFIRMATIONS
from bystack.client.devnet.layout import Layout
from bystack.client.devnet.network import Devnet
from tests.processes.daemons import Daemon, Refused, daemons, started, until

pytestmark = pytest.mark.processes


def light_config(*peers: str) -> str:
    """A light home that is to find two full peers."""
    listed = ", ".join(f'"{peer}"' for peer in peers)
    return f"""
network = "regtest"
[mainchain]
mode = "light"
listen = "127.0.0.1:0"
peers = [{listed}]
[rpc]
listen = "127.0.0.1:0"
"""


def reaches(node: Daemon, other: Daemon) -> None:
    """Wait until a node's best chain is the other's."""
    tip = other.call("getbestblockhash")
    until(lambda: node.call("getbestblockhash") == tip, "the headers travel")


def holds(node: Daemon, amount: float) -> None:
    """Wait until a node's wallet has so much."""
    until(lambda: node.call("getbalance") == amount, f"the wallet has {amount}")


def test_a_wallet_on_a_light_node_is_paid_pays_and_survives_kills(tmp_path: Path) -> None:
    with daemons(tmp_path, 2) as (one, two):
        mine = one.wallet_of()
        two.join(one)
        one.call("generatetoaddress", 103, mine)
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
            with pytest.raises(Refused, match=r'mode = "full"'):
                light.call("getblock", light.call("getbestblockhash"))


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


TRADE = "trade"
SIDE = f"/sidechain/{TRADE}"


def follower(folder: Path, layout: Layout) -> Daemon:
    """A home that follows a sidechain of the network over a light main chain."""
    folder.mkdir(mode=0o700)
    first = layout.nodes[0]
    peers = [f"127.0.0.1:{node.main}" for node in layout.nodes[:3]]
    table = f"""
name = "{TRADE}"
genesis = "sidechains/{TRADE}.genesis.toml"
listen = "127.0.0.1:0"
peers = [{", ".join(f'"127.0.0.1:{node.side[TRADE]}"' for node in layout.nodes[:2])}]
"""
    genesis = (Path(first.home) / f"sidechains/{TRADE}.genesis.toml").read_bytes()
    files.write(folder / "bystack.toml", light_config(*peers).encode())
    files.write(folder / f"sidechains/{TRADE}.genesis.toml", genesis)
    files.write(folder / f"sidechains/{TRADE}.toml", table.encode())
    return Daemon(folder)


def test_a_follower_on_a_light_node_deposits_and_sees_it_claimed(
    network: Devnet, tmp_path: Path
) -> None:
    light = follower(tmp_path / "light", network.layout)
    with started([light]):
        home = light.wallet_of()
        reaches_tip(light, network)
        network[0].sendtoaddress(home, "4")
        network.mine(1)
        holds(light, 4)
        deposit = light.call("pegin", TRADE, "2.5")
        until(lambda: deposit["txid"] in network[0].getrawmempool(), "the deposit travels")
        network.mine(1)
        until(lambda: standing(light, deposit)["state"] == "waiting", "the deposit is seen")
        old = light.kill("mainchain")
        network.mine(CONFIRMATIONS)
        until(lambda: light.pid("mainchain") not in (0, old) and light.ready(), "it is back")
        until(lambda: standing(light, deposit)["state"] == "claimed", "the claim is seen")
        until(lambda: light.call("getbalance", TRADE, path=SIDE) > 2.4, "the coins are there")
        until(lambda: reserves(light)["holds"], "the vault is counted")
        mine = reserves(light)
        theirs = network[1].side(TRADE, "getreserves")
        if mine["sidechain_height"] == theirs["sidechain_height"]:
            assert mine == theirs


def reaches_tip(light: Daemon, network: Devnet) -> None:
    tip = network[0].getbestblockhash()
    until(lambda: light.call("getbestblockhash") == tip, "the headers travel")


def standing(light: Daemon, deposit: dict[str, str]) -> dict[str, str]:
    """Where a deposit stands, as the light follower says."""
    found: dict[str, str] = light.call("getpeginstatus", deposit["txid"], path=SIDE)
    return found


def reserves(light: Daemon) -> dict[str, object]:
    """The reserves law as the light follower counts it."""
    found: dict[str, object] = light.call("getreserves", path=SIDE)
    return found
