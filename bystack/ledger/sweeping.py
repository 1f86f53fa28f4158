"""Spending many coins whole: gathering small ones into few, emptying a wallet, fees off the amount.

A payment that needs more coins than one transaction can hold is refused by `build_payment`; here
coins are spent in as many transactions as it takes, each within the weight a pool accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from bystack.ledger.coins import Coin
from bystack.ledger.payments import (
    MAX_WEIGHT,
    RATE,
    SPEND_WEIGHT,
    Coins,
    FeeTerms,
    InsufficientFunds,
    PartiallySigned,
    build_payment,
    signed_weight,
)
from bystack.ledger.pst import unsigned
from bystack.ledger.transactions import VERSION, Lock, Outpoint, Output, PolicyLock, TransactionBody
from bystack.primitives.errors import Invalid

FRAME = 2_000  # what a transaction weighs beside its inputs, amply
PER_TRANSACTION = (MAX_WEIGHT - FRAME) // SPEND_WEIGHT
"""So many coins of a single key fit into one transaction."""

Pairs = list[tuple[Outpoint, Coin]]


class FeeAboveAmount(Invalid):
    """The fee, which is to come off the amount, is more than the amount."""


def worth_spending(coin: Coin, fees: FeeTerms) -> bool:
    """Spending the coin brings more than it costs; coins of other assets than the fee's always."""
    return coin.asset != fees.asset or coin.amount * RATE > SPEND_WEIGHT * fees.rate


def most_at_once(coins: Coins, asset: bytes) -> int:
    """The most of an asset that one transaction can pay from these coins, its fee included."""
    amounts = sorted((c.amount for c in coins.values() if c.asset == asset), reverse=True)
    return sum(amounts[:PER_TRANSACTION])


def sweep(
    chain_id: bytes,
    coins: Coins,
    asset: bytes,
    to: Lock,
    change: PolicyLock,
    fees: FeeTerms,
    *,
    per: int = PER_TRANSACTION,
    least: int = 1,
) -> tuple[PartiallySigned, ...]:
    """Every coin of the asset that is worth it, spent whole to `to`, `per` coins a transaction.

    The smallest first, so that many become few; a last part of fewer than `least` coins is left.
    Fees in another asset are paid from the other coins, what is left of those goes to `change`.
    Raises `InsufficientFunds` when these do not suffice.
    """
    mine = [pair for pair in coins.items() if pair[1].asset == asset]
    mine = sorted((pair for pair in mine if worth_spending(pair[1], fees)), key=_smallest_first)
    rest = {point: coin for point, coin in coins.items() if coin.asset == fees.asset != asset}
    drafts: list[PartiallySigned] = []
    for part in _parts(mine, min(per, PER_TRANSACTION)):
        if len(part) < least:
            break
        if asset == fees.asset:
            drafts += _whole(chain_id, part, to, fees)
            continue
        made = _beside(chain_id, part, rest, to, change, fees)
        drafts.append(made)
        for point in made.body.inputs:
            rest.pop(point, None)
    return tuple(drafts)


def fee_off_amount(
    build: Callable[[Sequence[Output]], PartiallySigned],
    outputs: Sequence[Output],
    asset: bytes,
) -> PartiallySigned:
    """The draft that `build` makes of outputs whose first one of `asset` bears the fee.

    Raises `FeeAboveAmount` and what `build` raises.
    """
    at = next((n for n, output in enumerate(outputs) if output.asset == asset), None)
    if at is None:
        raise FeeAboveAmount(asset=asset, amount=0)
    total, fee = sum(output.amount for output in outputs if output.asset == asset), 0
    while True:
        if outputs[at].amount <= fee:
            raise FeeAboveAmount(asset=asset, amount=outputs[at].amount, fee=fee)
        less = replace(outputs[at], amount=outputs[at].amount - fee)
        try:
            draft = build([*outputs[:at], less, *outputs[at + 1 :]])
        except InsufficientFunds as error:
            short = error.facts
            if short["asset"] != asset or total > int(str(short["available"])):
                raise  # without any fee it would not suffice either
            fee += int(str(short["needed"])) - int(str(short["available"]))
            continue
        paid = draft.fee.get(asset, 0)
        if paid <= fee:
            return draft
        fee = paid


def _smallest_first(pair: tuple[Outpoint, Coin]) -> tuple[int, bytes, int]:
    point, coin = pair
    return coin.amount, point.transaction, point.index


def _parts(mine: Pairs, size: int) -> Iterator[Pairs]:
    for start in range(0, len(mine), size):
        yield mine[start : start + size]


def _whole(chain_id: bytes, part: Pairs, to: Lock, fees: FeeTerms) -> Iterator[PartiallySigned]:
    """One transaction of these coins, the fee off their sum; none when that is not enough."""
    places, coins = tuple(point for point, _ in part), tuple(coin for _, coin in part)
    total = sum(coin.amount for coin in coins)
    body = TransactionBody(VERSION, places, (Output(fees.asset, total, to),), (), 0, 0, b"")
    fee = max(fees.least, -(-signed_weight(body) * fees.rate // RATE))
    if total > fee:
        paid = replace(body, outputs=(Output(fees.asset, total - fee, to),))
        yield unsigned(chain_id, paid, coins)


def _beside(
    chain_id: bytes, part: Pairs, rest: Coins, to: Lock, change: PolicyLock, fees: FeeTerms
) -> PartiallySigned:
    total = sum(coin.amount for _, coin in part)
    outputs = [Output(part[0][1].asset, total, to)]
    return build_payment(chain_id, {**rest, **dict(part)}, outputs, change, fees)


__all__ = [
    "PER_TRANSACTION",
    "FeeAboveAmount",
    "InsufficientFunds",
    "fee_off_amount",
    "most_at_once",
    "sweep",
    "worth_spending",
]
