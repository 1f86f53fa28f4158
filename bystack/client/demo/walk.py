"""The demo's steps after launch: peg in, pay, move across, peg out, rob, audit.

Every step ends when its effect stands in the store of another node than the one that caused it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from bystack.client.demo.people import (
    ALICE,
    BOB,
    CAROL,
    MAIN,
    Person,
    address,
    held,
    wallet_of,
)
from bystack.client.demo.reserves import audit
from bystack.client.demo.telling import in_asset, in_assets
from bystack.client.demo.thief import steal
from bystack.client.devnet import processes
from bystack.client.devnet.founding import CONFIRMATIONS, Devnet, Reporter
from bystack.client.rpc import NodeDown, RpcFailed, Waited, wait_for
from bystack.primitives.plain import from_plain
from bystack.sidechain.burns import payout_of
from bystack.sidechain.params import Asset, Genesis
from bystack.sidechain.peg_numbers import first_numbers

TRADE, GAMES = "trade", "games"
STEP_SECONDS = 180
SETTLE_BLOCKS = 250
PAUSE_BLOCKS = 0.7

PEGIN = (("100", "BTM"), ("1000", "GOLD"))


def walk(net: Devnet, report: Reporter) -> dict[str, Any]:
    """Run every step; the reserves found at the end."""
    report.step("peg in to Alice", lambda: peg_in(net))
    report.step("Alice pays Bob and Carol", lambda: pay(net))
    report.step(
        "Bob moves 200 GOLD to games", lambda: move_across(net), in_asset("GOLD", "arrived")
    )
    report.step("a member stops", lambda: stop_member(net))
    report.step("Carol pegs out 20 BTM", lambda: peg_out(net), in_asset("BTM", "paid"))
    report.step("the member returns", lambda: return_member(net))
    rob = partial(steal, net, TRADE, genesis_of(net, TRADE).terms)
    report.step("a thief is refused", rob, in_asset("BTM", "asked", "bucket"))
    found: dict[str, Any] = report.step("reserves", lambda: audit(net), in_assets)
    return found


def genesis_of(net: Devnet, name: str) -> Genesis:
    """A sidechain's genesis, from the devnet's own files."""
    plain = msgspec.json.decode((net.folder / f"genesis-{name}.json").read_bytes())["genesis"]
    genesis: Genesis = from_plain(Genesis, plain)
    return genesis


def peg_in(net: Devnet) -> dict[str, Any]:
    """The first node deposits for Alice; the sidechain mints on proof; a third node shows it."""
    home = address(net, ALICE, TRADE)
    deposits = [net[0].pegin(TRADE, amount, asset, home) for amount, asset in PEGIN]
    net.mine(CONFIRMATIONS + 1)
    for amount, asset in PEGIN:
        has(net, ALICE, TRADE, asset, units_of(net, TRADE, asset, amount))
    return {"deposits": [deposit["txid"] for deposit in deposits]}


def pay(net: Devnet) -> dict[str, Any]:
    """One transaction, final in one block: 300 GOLD and 5 BTM to Bob, 25 BTM to Carol."""
    bob, carol = address(net, BOB, TRADE), address(net, CAROL, TRADE)
    payments = [
        {"address": bob, "amount": "300", "asset": "GOLD"},
        {"address": bob, "amount": "5", "asset": "BTM"},
        {"address": carol, "amount": "25", "asset": "BTM"},
    ]
    txid = wallet_of(net, ALICE).side(TRADE, "sendmany", "", payments)
    for person, asset, amount in ((BOB, "GOLD", "300"), (BOB, "BTM", "5"), (CAROL, "BTM", "25")):
        has(net, person, TRADE, asset, units_of(net, TRADE, asset, amount))
    shown = net[BOB.witness].side(TRADE, "getrawtransaction", txid, True)
    block = net[BOB.witness].side(TRADE, "getblock", shown["blockhash"])
    if txid not in block["tx"]:
        raise Waited("the payment is not in the final block that another node names")
    return {"txid": txid, "block": shown["blockhash"], "height": shown["height"]}


def move_across(net: Devnet) -> dict[str, Any]:
    """A burn on `trade`, one payout of its vault into that of `games`, a claim there."""
    home = address(net, BOB, GAMES)
    burned = wallet_of(net, BOB).sendtosidechain(TRADE, home, "200", "GOLD")
    id = burned["pegout"]
    until("settled", lambda: _settled(net, BOB.witness, id), mine=net)
    payout = payout_of(first_numbers(genesis_of(net, TRADE)), *_asset(net, TRADE, "GOLD", "200"))
    has(net, BOB, GAMES, "GOLD", payout, mine=net)
    return {"pegout": id, "arrived": payout}


def units_of(net: Devnet, chain: str, asset: str, amount: str) -> int:
    """An amount people write in an asset's smallest units."""
    return _asset(net, chain, asset, amount)[1]


def _asset(net: Devnet, chain: str, name: str, amount: str) -> tuple[Asset, int]:
    asset = next(one for one in genesis_of(net, chain).assets if one.name == name)
    return asset, int(Decimal(amount).scaleb(asset.decimals))


def has(
    net: Devnet,
    person: Person,
    chain: str,
    asset: str,
    units: int,
    mine: Devnet | None = None,
) -> None:
    """Wait until another node's store shows exactly these units of an asset with the person."""
    id = "BTM" if asset == "BTM" else _asset(net, TRADE, asset, "0")[0].asset.hex()
    until(
        f"{person.name} has {units} units of {asset} on {chain}",
        lambda: held(net, person, chain, id) == units,
        mine=mine,
    )


def _settled(net: Devnet, witness: int, id: str) -> bool:
    status = net[witness].side(TRADE, "getpegoutstatus", id)
    return bool(status["state"] == "settled")


def stop_member(net: Devnet) -> dict[str, Any]:
    """The last member's whole node goes down; four members of weight 6 of 7 go on."""
    node = net.layout.federated[-1]
    processes.stop(node)
    peers = net.layout.members - 2
    until("other members miss it", lambda: _members_seen(net) == peers)
    return {"stopped": node.name, "peers_left": peers}


def _members_seen(net: Devnet) -> int:
    """How many other members the first node's member is connected to."""
    return int(net[0].federation(TRADE, "getfederationinfo")["peers"])


def return_member(net: Devnet) -> dict[str, Any]:
    """It comes back and catches up."""
    node = net.layout.federated[-1]
    processes.start(node)
    processes.wait_started(node)
    rpc = net.rpcs[node.name]
    wait_for("main chain follows", lambda: rpc.getbestblockhash() == net[0].getbestblockhash())
    for name in net.layout.sidechains:
        until(f"{name} follows", partial(_caught_up, net, rpc, name))
    return {"returned": node.name}


def _caught_up(net: Devnet, rpc: Any, name: str) -> bool:
    ahead = int(net[0].side(name, "getblockcount"))
    return int(rpc.side(name, "getblockcount")) >= ahead - 2


def peg_out(net: Devnet) -> dict[str, Any]:
    """Carol burns 20 BTM; the federation, one member down, pays her on the main chain."""
    home = address(net, CAROL, MAIN)
    burned = wallet_of(net, CAROL).sendtomainchain(TRADE, home, "20", "BTM")
    id = burned["pegout"]
    until("settled", lambda: _settled(net, CAROL.witness, id), mine=net)
    payout = payout_of(first_numbers(genesis_of(net, TRADE)), *_asset(net, TRADE, "BTM", "20"))
    has(net, CAROL, MAIN, "BTM", payout)
    return {"pegout": id, "paid": payout}


def until(
    what: str,
    probe: Callable[[], Any],
    *,
    mine: Devnet | None = None,
) -> Any:
    """Wait for `probe`; with `mine`, the main chain goes on meanwhile, block by block."""
    if mine is None:
        return wait_for(what, probe, STEP_SECONDS)
    for _ in range(SETTLE_BLOCKS):
        try:
            return wait_for(what, probe, PAUSE_BLOCKS)
        except Waited:
            _one_block(mine)
    raise Waited(f"{what}: not within {SETTLE_BLOCKS} main-chain blocks")


def _one_block(net: Devnet) -> None:
    try:
        net[0].generatetoaddress(1, net.miner_address())
    except (RpcFailed, NodeDown):
        return
