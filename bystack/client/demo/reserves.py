"""Recomputing the reserves of every sidechain from public data of two different nodes."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import Rpc, wait_for
from bystack.ledger.transactions import DepositLock, Outpoint, Output, PendingLock, TreasuryLock
from bystack.mainchain.blocks import decode_block

HELD = DepositLock | TreasuryLock | PendingLock
TERMS = ("circulating", "pool", "owed", "unclaimed", "surplus")


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
    two = net[-1].side(name, "getreserves")
    if one["height"] != two["height"] or one["assets"] != two["assets"]:
        return None
    facts = msgspec.json.decode((net.folder / f"vault-{name}.json").read_bytes())
    held = holdings(net[2], bytes.fromhex(facts["vault"]), one["height"])
    shown: dict[str, Any] = {"height": one["height"]}
    for asset, row in one["assets"].items():
        if not held.get(row["asset"], 0) == row["vault"] == _stands_for(row):
            raise LawBroken(f"{name} {asset}: blocks say {held.get(row['asset'], 0)}, law {row}")
        shown[asset] = {term: row[term] for term in ("vault", *TERMS, "deficit")}
    return shown


def holdings(rpc: Rpc, vault: bytes, height: int) -> dict[str, int]:
    """What a vault holds per asset, counted from the main chain's blocks of a third node."""
    coins: dict[Outpoint, Output] = {}
    for number in range(1, height + 1):
        block = decode_block(bytes.fromhex(rpc.getblock(rpc.getblockhash(number), 0)))
        for tx in block.transactions:
            for spent in tx.body.inputs:
                coins.pop(spent, None)
            for index, output in enumerate(tx.body.outputs):
                if isinstance(output.lock, HELD) and output.lock.vault == vault:
                    coins[Outpoint(tx.id, index)] = output
    sums: dict[str, int] = {}
    for output in coins.values():
        sums[output.asset.hex()] = sums.get(output.asset.hex(), 0) + output.amount
    return sums


def _stands_for(row: dict[str, int]) -> int:
    """circulating + pool + owed + unclaimed + surplus − deficit."""
    return sum(row[term] for term in TERMS) - row["deficit"]
