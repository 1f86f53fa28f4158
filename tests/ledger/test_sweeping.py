"""Ten thousand rewards can be spent to the last; the fee comes off the amount when it is asked."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.payments import (
    MAX_WEIGHT,
    FeeTerms,
    InsufficientFunds,
    PartiallySigned,
    PaymentTooHeavy,
    build_payment,
    signed_weight,
)
from bystack.ledger.sweeping import (
    PER_TRANSACTION,
    FeeAboveAmount,
    fee_off_amount,
    most_at_once,
    sweep,
)
from bystack.ledger.transactions import Outpoint, Output
from tests.ledger.people import ALICE, BOB, CHAIN, GOLD, coin, outpoint, pay

FEES = FeeTerms(BTM, 1_000_000)
REWARD = 41_250_000_000


def coins(
    count: int, amount: int = REWARD, asset: bytes = BTM, start: int = 0
) -> dict[Outpoint, Coin]:
    return {outpoint(start + n): coin(ALICE, amount, asset) for n in range(count)}


def swept(
    held: dict[Outpoint, Coin], asset: bytes = BTM, **how: int
) -> tuple[PartiallySigned, ...]:
    return sweep(CHAIN, held, asset, BOB.lock, ALICE.lock, FEES, **how)


def check(drafts: tuple[PartiallySigned, ...], held: dict[Outpoint, Coin]) -> None:
    """Every draft fits, pays its rate, and none spends a coin of another."""
    places = [point for draft in drafts for point in draft.body.inputs]
    assert len(places) == len(set(places))
    for draft in drafts:
        weight = signed_weight(draft.body)
        assert weight <= MAX_WEIGHT
        assert weight <= draft.fee[BTM] <= weight + 20
        assert draft.coins == tuple(held[point] for point in draft.body.inputs)


def test_ten_thousand_rewards_are_spent_whole() -> None:
    held = coins(10_000)
    with pytest.raises(PaymentTooHeavy):
        build_payment(CHAIN, held, [pay(BOB, 9_000 * REWARD)], ALICE.lock, FEES)
    drafts = swept(held)
    assert len(drafts) == -(-10_000 // PER_TRANSACTION)
    check(drafts, held)
    assert {point for draft in drafts for point in draft.body.inputs} == held.keys()
    fees = sum(draft.fee[BTM] for draft in drafts)
    assert sum(out.amount for d in drafts for out in d.body.outputs) == 10_000 * REWARD - fees
    again = {
        Outpoint(bytes([n]) * 32, 0): Coin(*_of(d), BOB.lock, 2, 0, 1, b"")
        for n, d in enumerate(drafts)
    }
    (last,) = swept(again)
    assert len(last.body.inputs) == len(drafts)


def _of(draft: PartiallySigned) -> tuple[bytes, int]:
    (output,) = draft.body.outputs
    return output.asset, output.amount


def test_the_most_at_once_can_be_paid_and_no_more() -> None:
    held = coins(PER_TRANSACTION * 2)
    most = most_at_once(held, BTM)
    assert most == PER_TRANSACTION * REWARD
    build_payment(CHAIN, held, [pay(BOB, most - 400_000)], ALICE.lock, FEES)
    with pytest.raises(PaymentTooHeavy):
        build_payment(CHAIN, held, [pay(BOB, most * 3 // 2)], ALICE.lock, FEES)


def test_coins_that_cost_more_than_they_bring_are_left() -> None:
    held = {**coins(3, 10_000), **coins(5, 100, start=50)}
    (draft,) = swept(held)
    assert len(draft.body.inputs) == 3


def test_a_single_coin_is_nothing_to_gather() -> None:
    assert swept(coins(1), least=2) == ()
    assert [len(d.body.inputs) for d in swept(coins(5), per=2, least=2)] == [2, 2]
    assert swept(coins(1, 10)) == ()


def test_other_assets_pay_their_fees_in_the_fee_asset() -> None:
    held = {**coins(5, 7, GOLD), **coins(3, 100_000, start=50)}
    drafts = swept(held, GOLD, per=2)
    check(drafts, held)
    assert [pay(BOB, n, GOLD) in d.body.outputs for d, n in zip(drafts, (14, 14, 7), strict=True)]
    assert all(d.fee.keys() == {BTM} for d in drafts)
    with pytest.raises(InsufficientFunds):
        swept({**coins(5, 7, GOLD), **coins(1, 100_000, start=50)}, GOLD, per=2)


def test_the_fee_comes_off_the_amount() -> None:
    held = coins(3, 50_000)

    def build(outputs: list[Output]) -> PartiallySigned:
        return build_payment(CHAIN, held, outputs, ALICE.lock, FEES)

    everything = fee_off_amount(build, [pay(BOB, 150_000)], BTM)
    assert len(everything.body.outputs) == 1
    assert everything.body.outputs[0].amount == 150_000 - everything.fee[BTM]
    assert everything.fee[BTM] >= signed_weight(everything.body)
    part = fee_off_amount(build, [pay(BOB, 60_000)], BTM)
    assert part.body.outputs[0].amount == 60_000 - part.fee[BTM]
    with pytest.raises(InsufficientFunds):
        fee_off_amount(build, [pay(BOB, 150_001)], BTM)
    with pytest.raises(FeeAboveAmount):
        fee_off_amount(build, [pay(BOB, 100)], BTM)
    with pytest.raises(FeeAboveAmount):
        fee_off_amount(build, [pay(BOB, 1, GOLD)], BTM)
