"""Payouts on the shared network that do not go straight through: one large and delayed, one vetoed,
one whose fee is too low, and a deposit that nobody can claim."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from bystack.client.devnet.processes import bystackd
from bystack.client.rpc import RpcFailed, wait_for
from tests.processes.network import bystack
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

CHAIN = "trade"
PAGE = Part("docs/pegs.md")
DELAY = 12
"""Blocks, as the devnet's charters have it."""


def balance(net: Devnet) -> float:
    return float(net[0].side(CHAIN, "getbalance"))


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
    net[0].pegin(CHAIN, "80", "BTM", net[0].getnewaddress("", "", CHAIN))
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
    # The members sign it again under another seq: the first is proved to have paid nobody.
    until("batched again", lambda: state(net, other)["state"] in ("batched", "pending"), mine=net)
    again = until("waiting again", lambda: built(net, "veto"), mine=net)
    assert again["digest"] != veto["digest"]
    until("paid after all", lambda: _paid(net, other), mine=net)
    assert state(net, other)["seq"] > state(net, id)["seq"]


def offers(net: Devnet) -> dict[str, float]:
    """What waits for a main-chain block at the first node: fees by id."""
    ids = net[0].getrawmempool()
    return {id: float(net[0].getmempoolentry(id)["fees"]["base"]) for id in ids}


def raised(net: Devnet, id: str, fee: float) -> str | None:
    """The id of what took a transaction's place for a higher fee, once there is such a one."""
    found = offers(net)
    others = [one for one, paid in found.items() if paid > fee]
    return others[0] if others and id not in found else None


def test_a_payout_that_no_block_takes_is_offered_for_more(network: Devnet) -> None:
    """Its fee is a sponsor's, so what pays more is another transaction of the same order."""
    net = network
    before = balance(net)
    net[0].pegin(CHAIN, "5", "BTM", net[0].getnewaddress("", "", CHAIN))
    until("the peg-in arrives", lambda: balance(net) >= before + 4, mine=net)
    net.mine(1)
    id = burnt(net, "2")
    [(first, fee)] = wait_for("an order is offered", lambda: offers(net).items(), 180)
    for _ in range(3):
        net[0].generateblock(net.miner_address(), [])
    second = wait_for("a better offer", lambda: raised(net, first, fee), 180)
    until("paid", lambda: _paid(net, id), mine=net)
    assert net[0].getrawtransaction(second, 1)["confirmations"] > 0


def test_what_nobody_can_claim_is_proved_and_shown(network: Devnet) -> None:
    """A deposit below the minimum: the command, and what a user is told before and after."""
    net, home = network, str(network[0].home)
    if balance(net) < 1:  # the proof pays an ordinary fee there
        net[0].pegin(CHAIN, "5", "BTM", net[0].getnewaddress("", "", CHAIN))
        until("coins there", lambda: balance(net) >= 1, mine=net)
    here = net[0].side(CHAIN, "getpeginaddress", net[0].getnewaddress("", "", CHAIN))
    txid = net[0].sendtoaddress(here["mainchain_address"], "0.05")
    until("it is mined", lambda: _stands(net, txid) == "unclaimable", mine=net)
    told = json.loads(bystack("pegin-status", CHAIN, txid, "--home", home, "--json").stdout)
    with reading(Reader({"6f1c… 0": f"{txid} {told['vout']}"}, home), PAGE) as page:
        prove = page.reader.meant(page.line("bystack prove-unclaimable").words)
        assert _proved(page.reader, prove) == "", "not deep enough"
        net.mine(7)
        proved = until("it is proved", lambda: _proved(page.reader, prove), mine=net)
        assert re.search(r"^pegout: +[0-9a-f]{64}$", proved, re.M), proved
        until("the chain knows it", lambda: _stands(net, txid) == "stray", mine=net)
        assert re.search("^Of 5.0 BTM burned .* are paid out", page.type("bystack pegout-quote"))


def _stands(net: Devnet, txid: str) -> str:
    try:
        return str(net[1].side(CHAIN, "getpeginstatus", txid)["state"])
    except RpcFailed:
        return ""  # it is not mined yet


def _proved(reader: Reader, prove: list[str]) -> str:
    """What the command says; nothing while too few headers are relayed."""
    code, said = reader.type(prove)
    assert code == 0 or "NotDeepEnough" in said, said
    return "" if code else said


def _paid(net: Devnet, id: str) -> bool:
    return bool(state(net, id)["state"] == "settled")
