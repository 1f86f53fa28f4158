"""Light nodes in the shared network: a follower sees its deposit claimed, a validator votes."""

from __future__ import annotations

import os
import signal
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
import tomli_w

from bystack.client.devnet import files, processes
from bystack.client.devnet.founding import CONFIRMATIONS
from bystack.client.devnet.layout import Layout, Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import NodeDown, Rpc, RpcFailed, wait_for
from tests.processes.daemons import Daemon, started, until
from tests.processes.light import holds, light_config
from tests.processes.network import best, find, heights, reach, whole

pytestmark = pytest.mark.processes

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
        until(lambda: light.call("getbalance", path=SIDE) > 2.4, "the coins are there")
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


def test_a_validator_on_a_light_node_votes_for_claims(network: Devnet) -> None:
    """With another validator stopped its vote is needed: it judges a claim by headers in state."""
    turned, stopped = network.layout.nodes[3], network.layout.nodes[2]
    config = Path(turned.home) / "bystack.toml"
    before = config.read_text()
    main = [f"127.0.0.1:{node.main}" for node in network.layout.nodes[:3]]
    paused = find(stopped, "sidechain", TRADE)
    assert paused is not None
    try:
        restarted(network, turned, validating_light(before, main))
        assert network[3].getblockchaininfo()["mode"] == "light"
        os.kill(paused.pid, signal.SIGSTOP)
        deposit = network[0].pegin(TRADE, "1.5")
        network.mine(CONFIRMATIONS + 1)
        for rpc in (network[0], network[3]):
            wait_for("the deposit is claimed", lambda rpc=rpc: claimed(rpc, deposit), 180)
    finally:
        with suppress(ProcessLookupError):
            os.kill(paused.pid, signal.SIGCONT)
        restarted(network, turned, before)
    network.mine(1)
    for node in (turned, stopped):
        reach(network, node, best(network))


def validating_light(config: str, peers: list[str]) -> str:
    """A node's configuration over a light main chain, and without its membership."""
    table = tomllib.loads(config)
    del table["federation"]
    table["mainchain"] |= {"mode": "light", "peers": peers}
    return tomli_w.dumps(table)


def restarted(network: Devnet, node: Node, config: str) -> None:
    """Start a node anew on another configuration."""
    processes.stop(node)
    files.write(Path(node.home) / "bystack.toml", config.encode())
    processes.start(node)
    processes.wait_started(node)
    wait_for(f"all of {node.name} runs", lambda: whole(node), 180)
    wait_for(f"{node.name} answers", lambda: heights(network, node)["main"] >= 0, 180)


def claimed(rpc: Rpc, deposit: dict[str, str]) -> bool:
    """Whether a node's sidechain has taken a deposit's claim."""
    try:
        return bool(rpc.side(TRADE, "getpeginstatus", deposit["txid"])["state"] == "claimed")
    except (RpcFailed, NodeDown):
        return False
