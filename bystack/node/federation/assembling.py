"""Assembling vault transactions: coins of the vault, a sponsor's coin, the signatures they need."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bystack.federation.purse import Purse
from bystack.ledger.coins import Coin
from bystack.ledger.fulfilment import items_for
from bystack.ledger.terms import Terms
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    NoWitness,
    Output,
    Transaction,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_approvals import Demand
from bystack.ledger.vault_building import (
    AnchorCoin,
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_complete,
    build_consolidate,
    build_create,
    build_order,
    build_touch,
    created_vault,
)
from bystack.ledger.vault_operations import Create, Order, Touch, extra_weight
from bystack.ledger.vault_state import AnchorState, decode_state, order_sums
from bystack.primitives.errors import Invalid

FIRST_FEE = 60_000
CHECK_WEIGHT = 3_200
RATE = 2
# About 80 kB of inputs: with its outputs and the terms far below the longest operation allowed.
MAX_COINS = 2_000

Signatures = Mapping[bytes, bytes]
Build = Callable[[Sponsor], TransactionBody]


class AnchorMissing(Invalid):
    """The main chain shows no anchor of this vault."""


class CoinsTooMany(Invalid):
    """The vault's coins are so small that no transaction holds enough: they must be joined."""


class Anchor(NamedTuple):
    """The vault's anchor on the main chain's tip, with its state."""

    coin: AnchorCoin
    stored: Coin
    state: AnchorState


def anchor_among(vault: bytes, coins: Sequence[OwnedCoin]) -> Anchor:
    """The anchor among a vault's coins; raises `AnchorMissing`."""
    for point, coin in coins:
        if coin.lock == VaultLock(vault):
            return Anchor(AnchorCoin(point, vault), coin, decode_state(coin.state))
    raise AnchorMissing(vault=vault)


def coins_for(order: Order, coins: Sequence[OwnedCoin]) -> list[OwnedCoin]:
    """Deposit and treasury coins that cover the order: of each asset the largest, so the fewest.

    What the vault lacks is found when the order is built. Raises `CoinsTooMany`.
    """
    chosen: list[OwnedCoin] = []
    for asset, needed in sorted(order_sums(order).items()):
        held = [
            (point, coin)
            for point, coin in coins
            if coin.asset == asset and isinstance(coin.lock, DepositLock | TreasuryLock)
        ]
        held.sort(key=lambda pair: (-pair[1].amount, pair[0].transaction, pair[0].index))
        for point, coin in held:
            if needed <= 0:
                break
            chosen.append((point, coin))
            needed -= coin.amount
    if len(chosen) > MAX_COINS:
        raise CoinsTooMany(seq=order.seq, coins=len(chosen), most=MAX_COINS)
    return chosen


class Draft(NamedTuple):
    """A vault transaction before its approval: body, all spent coins, and the sponsor's part."""

    body: TransactionBody
    coins: tuple[Coin, ...]
    sponsor: Sponsor


def sponsored(
    purse: Purse,
    vault_coins: Sequence[Coin],
    build: Build,
    approved: Approval | NoWitness,
    extra: int,
    rate: int = RATE,
) -> Draft:
    """A body whose sponsor pays `rate` for its weight; raises `PurseEmpty` and as `build`."""
    fee = FIRST_FEE // RATE * rate + rate * extra
    while True:
        sponsor, paying = purse.sponsor(fee)
        try:
            body = build(sponsor)
        except Invalid:
            purse.release(sponsor)
            raise
        empty = (NoWitness(),) * len(paying)
        weight = assemble(body, empty, approved).size + CHECK_WEIGHT + extra
        if weight * rate <= fee:
            return Draft(body, (*vault_coins, *paying), sponsor)
        purse.release(sponsor)
        fee = weight * rate


def draft_order(
    purse: Purse, anchor: Anchor, terms: Terms, order: Order, coins: list[OwnedCoin], memo: bytes,
    rate: int = RATE,
) -> Draft:  # fmt: skip
    """An order's body: the anchor, vault coins, the sponsor."""
    spent = [anchor.stored, *(coin for _, coin in coins)]
    return sponsored(
        purse,
        spent,
        lambda sponsor: build_order(anchor.coin, terms, order, coins, sponsor, memo),
        approval(terms, ()),
        0,
        rate,
    )


def draft_touch(
    purse: Purse, anchor: Anchor, terms: Terms, touch: Touch, rate: int = RATE
) -> Draft:
    """A touch's body."""
    return sponsored(
        purse,
        [anchor.stored],
        lambda sponsor: build_touch(anchor.coin, touch.seq, touch.tier, sponsor),
        approval(terms, ()),
        0,
        rate,
    )


def draft_complete(
    purse: Purse, pending: OwnedCoin, outputs: tuple[Output, ...], memo: bytes
) -> Draft:
    """The body that pays out a pending coin: `outputs` are its order's of that asset."""
    point, coin = pending
    return sponsored(
        purse,
        [coin],
        lambda sponsor: build_complete(point, outputs, sponsor, memo),
        NoWitness(),
        0,
    )


def draft_consolidate(purse: Purse, coins: Sequence[OwnedCoin]) -> Draft:
    """The body that joins coins of one asset."""
    return sponsored(
        purse,
        [coin for _, coin in coins],
        lambda sponsor: build_consolidate(coins, sponsor),
        NoWitness(),
        0,
    )


def draft_create(purse: Purse, terms: Terms) -> tuple[Draft, bytes]:
    """A creation's body and the vault's id, which the sponsor's coin names."""
    extra = extra_weight(Create(terms)) + 20 * CHECK_WEIGHT
    draft = sponsored(
        purse, [], lambda sponsor: build_create(terms, sponsor), approval(None, ()), extra
    )
    return draft, created_vault(terms, draft.sponsor)


def by_anyone(purse: Purse, main: bytes, draft: Draft) -> Transaction:
    """The signed transaction of an operation that needs no approval but a sponsor."""
    paying = purse.sign(main, draft.body, draft.coins, os.urandom(32))
    return assemble(draft.body, paying, NoWitness())


def complete(
    purse: Purse,
    main: bytes,
    draft: Draft,
    revealed: Terms | None,
    demanded: Sequence[Demand],
    signatures: Signatures,
) -> Transaction:
    """The signed transaction; raises `SignaturesInsufficient`."""
    groups = [items_for(demand.policy, signatures) for demand in demanded]
    paying = purse.sign(main, draft.body, draft.coins, os.urandom(32))
    return assemble(draft.body, paying, approval(revealed, groups))
