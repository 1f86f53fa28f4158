"""Recomputing the reserves of every sidechain from public data of two different nodes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec

from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import Rpc, wait_for
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TreasuryLock,
    VaultLock,
    decode_transaction,
)
from bystack.ledger.vault_operations import ORDER, Order, decode_operation
from bystack.mainchain.blocks import decode_block
from bystack.sidechain.action_kinds import CLAIM
from bystack.sidechain.actions import decode_action
from bystack.sidechain.blocks import decode_body

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
    main = main_books(net[2], bytes.fromhex(facts["vault"]), one["height"])
    minted = minted_on(net[2], name, one["sidechain_height"])
    shown: dict[str, Any] = {"height": one["height"]}
    for asset, row in one["assets"].items():
        _check(name, asset, row, main, minted)
        shown[asset] = {term: row[term] for term in ("vault", *TERMS, "deficit")}
    return shown


class Books(NamedTuple):
    """Per asset id: what a vault holds, and what its orders paid out."""

    held: dict[str, int]
    paid: dict[str, int]


def _check(name: str, asset: str, row: dict[str, Any], main: Books, minted: dict[str, int]) -> None:
    """The law, and both of its sides against what the blocks of a third node say."""
    id = row["asset"]
    owed = minted.get(id, 0) - main.paid.get(id, 0)
    stands = row["circulating"] + row["pool"] + row["owed"]
    if not main.held.get(id, 0) == row["vault"] == _stands_for(row) or stands != owed:
        raise LawBroken(f"{name} {asset}: vault {main.held.get(id)}, minted {minted}, law {row}")


def main_books(rpc: Rpc, vault: bytes, height: int) -> Books:
    """A vault's holdings and payouts, counted from the main chain's blocks."""
    coins: dict[Outpoint, Output] = {}
    paid: dict[str, int] = {}
    for raw in _blocks(rpc, "/", height):
        for tx in decode_block(raw).transactions:
            for spent in tx.body.inputs:
                coins.pop(spent, None)
            for index, output in enumerate(tx.body.outputs):
                if isinstance(output.lock, HELD) and output.lock.vault == vault:
                    coins[Outpoint(tx.id, index)] = output
            if any(output.lock == VaultLock(vault) for output in tx.body.outputs):
                for output in _ordered(tx):
                    _add(paid, output)
    held: dict[str, int] = {}
    for output in coins.values():
        _add(held, output)
    return Books(held, paid)


def _blocks(rpc: Rpc, path: str, height: int) -> Iterator[bytes]:
    """Every block's bytes from height 1 on."""
    ids = rpc.batch("getblockhash", [[number] for number in range(1, height + 1)], path)
    for raw in rpc.batch("getblock", [[id, 0] for id in ids], path):
        yield bytes.fromhex(raw)


def _ordered(tx: Transaction) -> tuple[Output, ...]:
    """What a vault's order pays; nothing for another operation."""
    for action in tx.body.actions:
        if action.kind == ORDER:
            operation = decode_operation(action.kind, action.body)
            return operation.outputs if isinstance(operation, Order) else ()
    return ()


def minted_on(rpc: Rpc, name: str, height: int) -> dict[str, int]:
    """What claims minted per asset id, counted from the sidechain's blocks."""
    minted: dict[str, int] = {}
    for raw in _blocks(rpc, f"/sidechain/{name}", height):
        for tx in decode_body(raw).transactions:
            for action in tx.body.actions:
                if action.kind == CLAIM:
                    claim = decode_action(action)
                    deposit = decode_transaction(claim.inclusion.proof.transaction)
                    _add(minted, deposit.body.outputs[claim.index])
    return minted


def _add(sums: dict[str, int], output: Output) -> None:
    sums[output.asset.hex()] = sums.get(output.asset.hex(), 0) + output.amount


def _stands_for(row: dict[str, int]) -> int:
    """circulating + pool + owed + unclaimed + surplus − deficit."""
    return sum(row[term] for term in TERMS) - row["deficit"]
