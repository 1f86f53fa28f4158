"""Recomputing the reserves of every sidechain from public data of two different nodes."""

from __future__ import annotations

from functools import partial
from typing import Any

from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import wait_for


class LawBroken(Exception):
    """A vault does not hold what its sidechain owes."""


def audit(net: Devnet) -> dict[str, Any]:
    """Per sidechain and asset: what the vault holds and what it stands for, equal on two nodes."""
    return {
        name: wait_for(f"reserves of {name}", partial(_audit, net, name))
        for name in net.layout.sidechains
    }


def _audit(net: Devnet, name: str) -> dict[str, Any] | None:
    one = net[1].side(name, "getreserves")
    two = net[4 if len(net.layout.nodes) > 4 else 0].side(name, "getreserves")
    if one["height"] != two["height"] or one["assets"] != two["assets"]:
        return None
    for asset, row in one["assets"].items():
        if row["vault"] != _stands_for(row):
            raise LawBroken(f"{name} {asset}: {row}")
    return {"height": one["height"], **one["assets"]}


def _stands_for(row: dict[str, int]) -> int:
    """circulating + pool + owed + unclaimed + surplus − deficit."""
    terms = ("circulating", "pool", "owed", "unclaimed", "surplus")
    return sum(row[term] for term in terms) - row["deficit"]
