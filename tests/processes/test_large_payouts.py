"""The delayed tier on the shared network: one large payout comes after its delay, one is vetoed."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from bystack.client.devnet.processes import bystackd
from bystack.client.rpc import RpcFailed, wait_for

pytestmark = pytest.mark.processes

CHAIN = "trade"
DELAY = 12
"""Blocks, as the devnet's charters have it."""


def balance(net: Devnet) -> float:
    return float(net[0].getbalance(CHAIN, "BTM"))


def burnt(net: Devnet, amount: str) -> str:
    """A peg-out above what the ordinary tier ever pays; its id."""
    home = net[0].getnewaddress()
    return str(net[0].sendtomainchain(CHAIN, home, amount, "BTM")["pegout"])


def state(net: Devnet, pegout: str) -> dict[str, Any]:
    found: dict[str, Any] = net[1].side(CHAIN, "getpegoutstatus", pegout)
    return found


def built(net: Devnet, operation: str) -> dict[str, Any] | None:
    """The operation as the first member builds it; None while there is nothing to do it to."""
    try:
        made: dict[str, Any] = net[0].federation(CHAIN, "buildvaultoperation", operation)
    except RpcFailed as error:
        assert error.rule == "CoinNotPending", str(error)
        return None
    return made


def signature(net: Devnet, tower: str, digest: str) -> str:
    """What a guard signs with its key file alone."""
    path = net.folder / "towers" / "keys" / f"{tower}.named.key"
    return bystackd("key", "sign", str(path), "--digest", digest, "--cheap").strip()


def test_a_large_payout_waits_and_a_vetoed_one_returns(network: Devnet) -> None:
    net = network
    before = balance(net)
    net[0].pegin(CHAIN, "80", "BTM", net[0].getnewaddress(CHAIN))
    until("the peg-in arrives", lambda: balance(net) >= before + 79, mine=net)
    id = burnt(net, "34")
    waiting = until("a coin waits", lambda: built(net, "veto"), mine=net)
    assert waiting["needs"][0]["missing"] == ["tower-1", "tower-2"]
    # Nobody objects: after the delay a member completes it, and the sidechain settles it.
    net.mine(DELAY)
    until("paid after the delay", lambda: _paid(net, id), mine=net)
    assert built(net, "veto") is None
    other = burnt(net, "33")
    veto = until("another coin waits", lambda: built(net, "veto"), mine=net)
    given = {"tower-2": signature(net, "tower-2", veto["digest"])}
    net[0].federation(CHAIN, "submitvaultoperation", given, "veto")
    net.mine(1)
    wait_for("the coin is back", lambda: built(net, "veto") is None)
    until("the request returns", lambda: state(net, other).get("vetoes", 0) >= 1, mine=net)


def _paid(net: Devnet, id: str) -> bool:
    return bool(state(net, id)["state"] == "settled")
