"""Hundreds of signed payments at once, past every wallet: a load for a sidechain's validators."""

from __future__ import annotations

from typing import Any

from bystack.client.bench import transfers
from bystack.client.devnet.founding import BTM
from bystack.client.devnet.layout import Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import Rpc, RpcFailed, wait_for
from bystack.ledger.transactions import Outpoint, PolicyLock, Transaction
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.primitives.codec import decode
from tests.processes.network import side_height

VALUE = 10**8
"""Smallest units that a first payment out of the wallet takes: one BTM for all of them."""


def prepared(net: Devnet, chain: str, count: int) -> dict[str, str]:
    """So many payments, bytes in hex by id, each of a coin of its own that is final already.

    The first node's wallet gives the money.
    """
    rpc = net[0]
    facts = rpc.side(chain, "getsidechaininfo")
    fee = next(int(one["fee"]) for one in facts["assets"] if one["asset"] == BTM)
    terms = transfers.Terms(bytes.fromhex(facts["chain_id"]), bytes.fromhex(BTM), fee)
    cuts, coins = transfers.cut(terms, _given(rpc, chain, facts["hrp"]), count)
    for one in cuts:
        rpc.side(chain, "sendrawtransaction", one.data.hex())
    wait_for("the coins are cut", lambda: _final(rpc, chain, cuts[-1].id.hex()), 180)
    made = [one for coin in coins for one in transfers.line(terms, coin, 1)]
    return {one.id.hex(): one.data.hex() for one in made}


def _given(rpc: Rpc, chain: str, hrp: str) -> transfers.Held:
    """A coin under the key that makes the payments."""
    root = transfers.root_of(0)
    address = encode_address(Address(hrp, POLICY, root))
    txid = rpc.side(chain, "sendtoaddress", address, str(VALUE // 10**8))
    wait_for("the coin", lambda: _final(rpc, chain, txid), 180)
    shown = bytes.fromhex(rpc.side(chain, "getrawtransaction", txid))
    outputs = decode(Transaction, shown, len(shown)).body.outputs
    index = [one.lock for one in outputs].index(PolicyLock(root))
    return transfers.Held(Outpoint(bytes.fromhex(txid), index), VALUE, 0)


def _final(rpc: Rpc, chain: str, txid: str) -> bool:
    try:
        return bool(rpc.side(chain, "getrawtransaction", txid, True).get("confirmations"))
    except RpcFailed:
        return False


def sent(rpc: Rpc, chain: str, payments: list[str]) -> None:
    """Hand payments to a node, which takes every one in."""
    answers: list[dict[str, Any]] = rpc.side(chain, "sendrawtransactions", payments)
    refused = [one for one in answers if "error" in one]
    assert len(answers) == len(payments), answers
    assert not refused, refused[:3]


def in_blocks(net: Devnet, node: Node, chain: str, above: int) -> set[str]:
    """The ids of what a node's own store holds in its final blocks above a height."""
    rpc, found = net.rpcs[node.name], set[str]()
    for at in range(above + 1, side_height(net, node, chain) + 1):
        found.update(rpc.side(chain, "getblock", rpc.side(chain, "getblockhash", at))["tx"])
    return found
