"""How wallets and federations make vault transactions: bodies, then witnesses.

Nothing here is a rule: the outputs come from `vault_layout`, which the rules compare with. Sponsors
bring policy-locked coins and take back all but the fee.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bystack.ledger import amounts
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Policy
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import (
    VERSION,
    Approval,
    DepositLock,
    Items,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TransactionBody,
    TreasuryLock,
    Witness,
)
from bystack.ledger.vault_layout import anchor_output, payments, remainders, treasury_output
from bystack.ledger.vault_operations import (
    AnchorOperation,
    Complete,
    Consolidate,
    Create,
    Freeze,
    Operation,
    Order,
    Touch,
    Veto,
    encode_operation,
    vault_id,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Misuse

OwnedCoin = tuple[Outpoint, Coin]


class Sponsor(NamedTuple):
    """Who pays the fee: coins with policy locks, and what returns of them."""

    inputs: tuple[Outpoint, ...] = ()
    outputs: tuple[Output, ...] = ()


NO_SPONSOR = Sponsor()


class AnchorCoin(NamedTuple):
    """The anchor of vault `vault` as it stands at `outpoint`."""

    outpoint: Outpoint
    vault: bytes


def _body(
    operation: Operation,
    inputs: Sequence[Outpoint],
    outputs: Sequence[Output],
    sponsor: Sponsor,
    memo: bytes = b"",
) -> TransactionBody:
    spent, made = (*inputs, *sponsor.inputs), (*outputs, *sponsor.outputs)
    return TransactionBody(VERSION, spent, made, (encode_operation(operation),), 0, 0, memo)


def build_create(terms: Terms, sponsor: Sponsor) -> TransactionBody:
    """A vault's creation; the sponsor's first coin names the vault (see `created_vault`)."""
    anchor = anchor_output(created_vault(terms, sponsor))
    return _body(Create(terms), (), (anchor,), sponsor)


def created_vault(terms: Terms, sponsor: Sponsor) -> bytes:
    """The id of the vault that `build_create` makes; raises `Misuse` without a sponsor's coin."""
    if not sponsor.inputs:
        raise Misuse("a creation spends at least one coin")
    return vault_id(sponsor.inputs[0], 0, terms_hash(terms))


def build_order(
    anchor: AnchorCoin,
    terms: Terms,
    order: Order,
    coins: Sequence[OwnedCoin],
    sponsor: Sponsor = NO_SPONSOR,
    memo: bytes = b"",
) -> TransactionBody:
    """An order paid from `coins` (deposit and treasury coins of the vault).

    Raises `Underfunded`, `TierUnknown`, `OrderUnit`, `OrderOutputInvalid`. The memo names the
    recipient to whom a pool repays the sponsor.
    """
    paid = payments(anchor.vault, terms, order)
    rest = remainders(anchor.vault, order, (coin for _, coin in coins))
    inputs = (anchor.outpoint, *(outpoint for outpoint, _ in coins))
    return _body(order, inputs, (anchor_output(anchor.vault), *paid, *rest), sponsor, memo)


def build_anchor_spend(
    anchor: AnchorCoin, operation: AnchorOperation, sponsor: Sponsor = NO_SPONSOR
) -> TransactionBody:
    """Any spend of the anchor but an order: touch, announce, cancel, adopt, freeze, …"""
    if isinstance(operation, Order):
        raise Misuse("an order is built with its coins")
    return _body(operation, (anchor.outpoint,), (anchor_output(anchor.vault),), sponsor)


def build_touch(
    anchor: AnchorCoin, seq: int, tier: int, sponsor: Sponsor = NO_SPONSOR
) -> TransactionBody:
    """A touch: voids `seq`, shows that the tier lives."""
    return build_anchor_spend(anchor, Touch(seq, tier), sponsor)


def build_freeze(anchor: AnchorCoin, turn: int, sponsor: Sponsor = NO_SPONSOR) -> TransactionBody:
    """A freeze by the guard."""
    return build_anchor_spend(anchor, Freeze(turn), sponsor)


def build_complete(
    pending: Outpoint,
    outputs: tuple[Output, ...],
    sponsor: Sponsor = NO_SPONSOR,
    memo: bytes = b"",
) -> TransactionBody:
    """The payout of a pending coin; `outputs` are its order's of that asset, in order."""
    return _body(Complete(), (pending,), outputs, sponsor, memo)


def build_veto(pending: OwnedCoin, sponsor: Sponsor = NO_SPONSOR) -> TransactionBody:
    """A veto of a pending coin."""
    outpoint, coin = pending
    if not isinstance(coin.lock, PendingLock):
        raise Misuse("only a pending coin is vetoed")
    back = treasury_output(coin.lock.vault, coin.asset, coin.amount)
    return _body(Veto(outpoint), (outpoint,), (back,), sponsor)


def build_consolidate(coins: Sequence[OwnedCoin], sponsor: Sponsor = NO_SPONSOR) -> TransactionBody:
    """A consolidation of `coins`, all of one vault and asset."""
    first = coins[0][1]
    if not isinstance(first.lock, DepositLock | TreasuryLock):
        raise Misuse("only deposit and treasury coins are consolidated")
    amount = amounts.total(coin.amount for _, coin in coins)
    joined = treasury_output(first.lock.vault, first.asset, amount)
    return _body(Consolidate(), tuple(outpoint for outpoint, _ in coins), (joined,), sponsor)


def approval(terms: Terms | None, groups: Sequence[Items]) -> Approval:
    """The witness of an anchor spend (`terms`: those in force) or of a creation (None).

    `groups`: one tuple of items per demand of `vault_approvals`, in that order.
    """
    return Approval(encode(terms) if terms else b"", tuple(groups))


def veto_approval(guard: Policy, items: Items) -> Approval:
    """The witness of a veto by the guard that the pending coin names."""
    return Approval(encode(guard), (items,))


def assemble(
    body: TransactionBody, sponsor: Sequence[Witness], approved: Approval | NoWitness
) -> Transaction:
    """The transaction: vault inputs without witness, the sponsors', then the operation's."""
    vault_part = len(body.inputs) - len(sponsor)
    return Transaction(body, (*(NoWitness(),) * vault_part, *sponsor, approved))
