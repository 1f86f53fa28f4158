"""A guard's operation as a transaction: the vault's coin, the guard's approval, its own fee."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from bystack.federation.guarding.vault import Vault
from bystack.federation.purse import Purse
from bystack.ledger.fulfilment import items_for
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_building import (
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_anchor_spend,
    build_veto,
    veto_approval,
)
from bystack.ledger.vault_operations import Cancel, Freeze, Veto, operation_digest
from bystack.node.federation.assembling import Draft, anchor_among, complete, sponsored
from bystack.node.guard.setting import Setting
from bystack.primitives.errors import Invalid

Operation = Freeze | Cancel | Veto
Signatures = Mapping[bytes, bytes]


class CoinGone(Invalid):
    """The coin to be vetoed is none of the vault's any more."""


class Sent(NamedTuple):
    """A transaction that is ready, and the sponsor's part of it, which is kept back meanwhile."""

    transaction: Transaction
    sponsor: Sponsor


def prepared(
    setting: Setting,
    purse: Purse,
    vault: Vault,
    coins: list[OwnedCoin],
    operation: Operation,
    signatures: Signatures,
    extra: int,
) -> Sent:
    """The operation, signed and sponsored, over these coins of the tip.

    `extra`: weight that the fee pays for beyond its own. Raises `SignaturesInsufficient`,
    `PurseEmpty`, `CoinGone`, `AnchorMissing`; then no coin of the purse is kept back.
    """
    draft = _drafted(setting, purse, vault, coins, operation, extra)
    try:
        return Sent(_signed(setting, purse, vault, draft, operation, signatures), draft.sponsor)
    except Invalid:
        purse.release(draft.sponsor)
        raise


def _drafted(
    setting: Setting,
    purse: Purse,
    vault: Vault,
    coins: list[OwnedCoin],
    operation: Operation,
    extra: int,
) -> Draft:
    if isinstance(operation, Veto):
        pending = _coin_at(operation.outpoint, coins)
        approved = veto_approval(vault.guard_of(operation.outpoint), ())
        return sponsored(purse, [pending[1]], lambda by: build_veto(pending, by), approved, extra)
    anchor = anchor_among(setting.genesis.vault, coins)
    return sponsored(
        purse,
        [anchor.stored],
        lambda by: build_anchor_spend(anchor.coin, operation, by),
        approval(vault.terms, ()),
        extra,
    )


def _signed(
    setting: Setting,
    purse: Purse,
    vault: Vault,
    draft: Draft,
    operation: Operation,
    signatures: Signatures,
) -> Transaction:
    main, id = setting.main, setting.genesis.vault
    if not isinstance(operation, Veto):
        demanded = demands(main, id, operation, vault.terms)
        return complete(purse, main, draft, vault.terms, demanded, signatures)
    guard = vault.guard_of(operation.outpoint)
    paying = purse.sign(main, draft.body, draft.coins, os.urandom(32))
    return assemble(draft.body, paying, veto_approval(guard, items_for(guard, signatures)))


def _coin_at(point: Outpoint, coins: list[OwnedCoin]) -> OwnedCoin:
    for place, coin in coins:
        if place == point:
            return place, coin
    raise CoinGone(transaction=point.transaction, index=point.index)


def digest_of(setting: Setting, operation: Operation, counter: int) -> bytes:
    """What the guard signs for the operation."""
    return operation_digest(setting.main, setting.genesis.vault, counter, operation)
