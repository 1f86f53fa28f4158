"""A guard's node for a running devnet: on a home of its own, with its own main chain and followers.

It holds the charter key `tower-1`, which the devnet made apart from every member's node.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from bystack.client.devnet import files, processes
from bystack.client.devnet.founding import Devnet, Reporter
from bystack.client.devnet.layout import Layout, Node, free_ports, write_layout
from bystack.client.devnet.processes import bystackd
from bystack.client.rpc import Rpc, wait_for

TOWER = "tower-1"
KEY = f"keys/{TOWER}.named.key"
COINS = 3
SECONDS = 120


def add(net: Devnet, report: Reporter, names: Sequence[str] = ()) -> Devnet:
    """Start a guard over the sidechains `names` (all, unless named); the devnet with it.

    A devnet has one; one that is there already is started again if need be.
    """
    chosen = list(names or net.layout.chains)
    if not net.layout.guards:
        node = _node(net, chosen)
        layout = msgspec.structs.replace(net.layout, guards=[node])
        write_layout(net.folder, layout)
        net = Devnet(net.folder, layout, net.empty_interval)
    report.step("guard's home", lambda: _make_home(net, net.layout.guards[0]))
    report.step("guard", lambda: start(net))
    return net


def _node(net: Devnet, names: list[str]) -> Node:
    rpc, main, *side = free_ports(2 + len(names))
    home = str(net.folder / "guard1")
    return Node("guard1", home, rpc, main, dict(zip(names, side, strict=True)), {})


def _make_home(net: Devnet, node: Node) -> dict[str, Any]:
    home = Path(node.home)
    if not (home / KEY).exists():
        bystackd("init", "--home", node.home, "--network", "regtest")
        os.makedirs(home / "keys", mode=0o700, exist_ok=True)
        shutil.copy(net.folder / "towers" / KEY, home / KEY)
    for name in node.side:
        facts = msgspec.json.decode((net.folder / f"genesis-{name}.json").read_bytes())
        charter = Path(net.layout.nodes[0].home) / f"federations/{name}.charter.toml"
        files.write(home / f"federations/{name}.charter.toml", charter.read_bytes())
        genesis = tomli_w.dumps(facts["genesis"]).encode()
        files.write(home / f"sidechains/{name}.genesis.toml", genesis)
    files.write(home / "bystack.toml", config(net.layout, node).encode())
    return {"home": node.home}


def config(layout: Layout, node: Node) -> str:
    """`bystack.toml` of the guard's node."""
    table: dict[str, Any] = {
        "network": "regtest",
        "mainchain": {
            "listen": f"127.0.0.1:{node.main}",
            "peers": [f"127.0.0.1:{one.main}" for one in layout.nodes[:2]],
        },
        "rpc": {"listen": f"127.0.0.1:{node.rpc}"},
        "wallet": {"enabled": False},
        "sidechain": [
            {
                "name": name,
                "genesis": f"sidechains/{name}.genesis.toml",
                "listen": f"127.0.0.1:{port}",
                "peers": [f"127.0.0.1:{one.side[name]}" for one in layout.validating],
            }
            for name, port in node.side.items()
        ],
        "guard": [
            {"name": name, "key": KEY, "charter": f"federations/{name}.charter.toml"}
            for name in node.side
        ],
    }
    text = "# Written by bystack devnet; see configs/guard for a commented example.\n"
    return text + tomli_w.dumps(table)


def start(net: Devnet) -> dict[str, Any]:
    """Start the guard's daemon, pay its sponsor wallets once, wait until it sees both chains."""
    (node,) = net.layout.guards
    processes.start(node)
    processes.wait_started(node)
    rpc = net.rpcs[node.name]
    for name in node.side:
        _fund(net, rpc, name)
    for name in node.side:
        wait_for(f"the guard of {name} sees", partial(_sees, rpc, name), SECONDS)
    return {"guards": list(node.side)}


def _fund(net: Devnet, rpc: Rpc, name: str) -> None:
    info = wait_for(f"guard of {name}", partial(rpc.guard, name, "getguardinfo"), SECONDS)
    path = net.folder / f"sponsored-guard-{name}"
    if path.exists():
        return
    for _ in range(COINS):
        net[0].sendtoaddress(info["sponsor"]["address"], "0.5")
    files.write(path, b"")
    net.mine(1)


def _sees(rpc: Rpc, name: str) -> bool:
    info = rpc.guard(name, "getguardinfo")
    return bool(info["seeing"] and info["sponsor"]["balance"])
