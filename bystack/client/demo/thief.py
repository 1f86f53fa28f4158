"""The thief: five weights of stolen shares, an order one unit above the bucket, and the answer.

The shares are this demo's own throw-away ones, read from its nodes' key files. A quorum's signature
is valid, so the transaction is well formed in every respect but the amount: that the main chain
refuses it is consensus, not anybody's good will.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bystack.client.devnet.founding import BTM, Devnet
from bystack.client.rpc import RpcFailed, wait_for
from bystack.ledger.amounts import BTM as BTM_ID
from bystack.ledger.buckets import levels
from bystack.ledger.coins import Coin
from bystack.ledger.fulfilment import items_for
from bystack.ledger.payments import sign_transaction, single_key_root
from bystack.ledger.pst import unsigned
from bystack.ledger.terms import Limit, Terms
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_building import (
    AnchorCoin,
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_order,
)
from bystack.ledger.vault_operations import Order, operation_digest
from bystack.ledger.vault_state import AnchorState
from bystack.mainchain.params import REGTEST, chain_id
from bystack.primitives import bls
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.primitives.codec import encode
from bystack.primitives.plain import from_plain

WEIGHTS = 5
FEE = 100_000


class NotRefused(Exception):
    """The main chain took the thief's order: its limits do not hold."""


class Vault(NamedTuple):
    """A vault as the main chain's RPC tells it."""

    id: bytes
    anchor: AnchorCoin
    state: AnchorState
    coins: list[OwnedCoin]
    height: int


def steal(net: Devnet, name: str, terms: Terms) -> dict[str, Any]:
    """Try to take one unit more than the ordinary tier's bucket of BTM; the refusing rule."""
    vault = look(net, name)
    limit = next(limit for limit in terms.tiers[0].limits if limit.asset == BTM_ID)
    wait_full(net, vault, terms, limit)
    secret = secrets.token_bytes(32)
    sponsor_coin = _fund(net, secret)
    amount = limit.capacity + 1
    rule = _refusal(
        net, _signed_order(net, name, look(net, name), terms, secret, sponsor_coin, amount)
    )
    if rule != "BucketExceeded":
        raise NotRefused(f"the main chain answered {rule}, not BucketExceeded")
    allowed = _signed_order(net, name, look(net, name), terms, secret, sponsor_coin, amount - 1)
    # The same order one unit smaller is well formed: only the limit stood in the way.
    verdict = net[1].testmempoolaccept([encode(allowed).hex()])[0]
    if not verdict["allowed"]:
        raise NotRefused(f"the order within the bucket fails too: {verdict}")
    return {"rule": rule, "asked": amount, "bucket": limit.capacity}


def look(net: Devnet, name: str) -> Vault:
    """The vault's anchor, state and coins, from a node that is not the thief's."""
    facts = msgspec.json.decode((net.folder / f"vault-{name}.json").read_bytes())
    shown = net[1].getvault(facts["vault"])
    id = bytes.fromhex(facts["vault"])
    anchor = AnchorCoin(_outpoint(shown["anchor"]), id)
    state: AnchorState = from_plain(AnchorState, shown["state"])
    coins = [(_outpoint(row), _coin(row)) for row in shown["coins"]]
    return Vault(id, anchor, state, coins, int(net[1].getblockcount()))


def _outpoint(row: dict[str, Any]) -> Outpoint:
    return Outpoint(bytes.fromhex(row["txid"]), row["vout"])


def _coin(row: dict[str, Any]) -> Coin:
    kinds = TreasuryLock | DepositLock
    asset = BTM if row["asset"] == "BTM" else row["asset"]
    lock = from_plain(kinds, row["lock"])
    return Coin(bytes.fromhex(asset), row["units"], lock, row["height"], 0, 1, b"")


def wait_full(net: Devnet, vault: Vault, terms: Terms, limit: Limit) -> None:
    """Mine until the bucket is full, so that exactly its capacity could leave."""
    while (
        levels(vault.state.buckets, terms, net[0].getblockcount() + 1)[0, BTM_ID] < limit.capacity
    ):
        net.mine(1)


def _fund(net: Devnet, secret: bytes) -> OwnedCoin:
    """A confirmed coin of the thief's own, to sponsor the order with."""
    root = single_key_root(secret)
    txid = net[0].sendtoaddress(encode_address(Address(REGTEST.hrp, POLICY, root)), "1")
    net.mine(1)
    shown = wait_for("the thief's coin", lambda: net[1].getrawtransaction(txid, True))
    for row in shown["vout"]:
        if row["lock"].get("root") == root.hex():
            lock = PolicyLock(root)
            coin = Coin(BTM_ID, row["units"], lock, shown["height"], 0, 1, b"")
            return Outpoint(bytes.fromhex(txid), row["n"]), coin
    raise NotRefused("the thief's coin was not found")


def _signed_order(
    net: Devnet,
    name: str,
    vault: Vault,
    terms: Terms,
    secret: bytes,
    sponsor_coin: OwnedCoin,
    amount: int,
) -> Transaction:
    """An order of `amount` to the thief, signed by the stolen quorum, sponsored by the thief."""
    mine = PolicyLock(single_key_root(secret))
    order = Order(vault.state.seq, 0, (Output(BTM_ID, amount, mine),))
    point, coin = sponsor_coin
    sponsor = Sponsor((point,), (Output(BTM_ID, coin.amount - FEE, mine),))
    coins = [owned for owned in vault.coins if owned[1].asset == BTM_ID]
    body = build_order(vault.anchor, terms, order, coins, sponsor)
    main = chain_id(REGTEST)
    digest = operation_digest(main, vault.id, vault.state.seq, order)
    stolen = stolen_shares(net, name)
    partials = {i: bls.sign(share, digest) for i, share in list(stolen.items())[:WEIGHTS]}
    demanded = demands(main, vault.id, order, terms)
    key = _group_key(net, name)
    groups = [items_for(demand.policy, {key: bls.combine(partials)}) for demand in demanded]
    anchor = Coin(BTM_ID, 0, VaultLock(vault.id), 0, 0, 1, b"")
    spent = (anchor, *(owned for _, owned in coins), coin)
    paying = _sponsor_witness(main, body, spent, secret)
    return assemble(body, paying, approval(terms, groups))


def _sponsor_witness(
    main: bytes, body: TransactionBody, spent: tuple[Coin, ...], secret: bytes
) -> tuple[Any, ...]:
    draft = unsigned(main, body, spent)
    secrets_by_root = {single_key_root(secret): secret}
    signed = sign_transaction(draft, secrets_by_root, secrets.token_bytes(32))
    return (signed.witnesses[len(body.inputs) - 1],)


def stolen_shares(net: Devnet, name: str) -> dict[int, bytes]:
    """Share scalars by index, from the demo's own key files (in the clear on regtest)."""
    found: dict[int, bytes] = {}
    for node in net.layout.federated:
        for path in sorted(Path(node.home, "keys").glob(f"{name}-epoch-0-share-*.key")):
            index = int(path.stem.rsplit("-", 1)[1])
            found[index] = bytes.fromhex(path.read_text().split("\n")[1].strip())
    return dict(sorted(found.items()))


def _group_key(net: Devnet, name: str) -> bytes:
    return bytes.fromhex(net[1].federation(name, "getfederationinfo")["key"])


def _refusal(net: Devnet, tx: Transaction) -> str:
    """The rule with which the main chain refuses the transaction."""
    try:
        net[1].sendrawtransaction(encode(tx).hex())
    except RpcFailed as error:
        return error.rule or error.message
    return "accepted"
