"""Homes of light nodes, and waiting for them."""

from __future__ import annotations

from tests.processes.daemons import Daemon, until


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


def holds(node: Daemon, amount: float) -> None:
    """Wait until a node's wallet has so much."""
    until(lambda: node.call("getbalance") == amount, f"the wallet has {amount}")
