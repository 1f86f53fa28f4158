"""Payments choose coins, return change, pay the fee asked for, and are signed by one or by many."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.effects import NO_EFFECTS, Effects
from bystack.ledger.payments import (
    FeeTerms,
    InsufficientFunds,
    PaymentTooHeavy,
    SignatureMissing,
    build_payment,
    completed,
    sign_transaction,
    single_key_root,
)
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.pst_signing import combine
from bystack.ledger.signing import SINGLE_ANYONE
from bystack.ledger.transactions import Action, Outpoint, Output, PolicyLock
from bystack.ledger.validation import apply_transaction, weight
from tests.ledger.people import ALICE, BOB, CAROL, CHAIN, GOLD, RULES, coin, outpoint, pay

FEES = FeeTerms(BTM, 1_000_000)
AUX = b"\x0a" * 32
SECRETS = {person.lock.root: person.secret for person in (ALICE, BOB)}


def purse(*amounts: int, asset: bytes = BTM, start: int = 0) -> dict[Outpoint, Coin]:
    return {outpoint(start + n): coin(ALICE, a, asset) for n, a in enumerate(amounts)}


def draft_of(
    coins: dict[Outpoint, Coin], *outputs: Output, rate: int = 1_000_000
) -> PartiallySigned:
    return build_payment(CHAIN, coins, outputs, ALICE.lock, FeeTerms(BTM, rate))


def test_a_payment_is_valid_and_pays_the_rate() -> None:
    coins = purse(5_000, 90_000, 400, 70_000)
    draft = draft_of(coins, pay(BOB, 100_000))
    assert [made.amount for made in draft.coins] == [90_000, 70_000]
    tx = completed(sign_transaction(draft, SECRETS, AUX))
    applied = apply_transaction(coins, tx, 5, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)
    fee = applied.fees[BTM]
    assert draft.fee == {BTM: fee}
    assert 0 <= fee - weight(tx, applied.checks) < 10
    assert tx.body.outputs == (pay(BOB, 100_000), pay(ALICE, 60_000 - fee))


@given(
    st.lists(st.integers(1, 10_000), max_size=30),
    st.lists(st.integers(1, 500), max_size=5),
    st.integers(1, 40_000),
    st.integers(0, 800),
    st.integers(0, 3_000_000),
)
def test_any_payment_balances_or_says_what_is_missing(
    coins: list[int], gold: list[int], amount: int, golden: int, rate: int
) -> None:
    mine = {**purse(*coins), **purse(*gold, asset=GOLD, start=100)}
    outputs = [pay(BOB, amount)] + ([pay(BOB, golden, GOLD)] if golden else [])
    try:
        draft = draft_of(mine, *outputs, rate=rate)
    except InsufficientFunds as error:
        assert error.available == sum(gold if error.asset == GOLD else coins)
        return
    tx = completed(sign_transaction(draft, SECRETS, AUX))
    applied = apply_transaction(mine, tx, 5, NO_EFFECTS, RULES)
    assert tx.body.outputs[: len(outputs)] == tuple(outputs)
    assert set(applied.fees) <= {BTM}
    assert applied.fees.get(BTM, 0) * 1_000_000 >= weight(tx, applied.checks) * rate


def test_a_flat_fee_is_paid_where_the_chain_asks_for_one() -> None:
    terms = FeeTerms(GOLD, 0, least=7)
    draft = build_payment(CHAIN, purse(100, asset=GOLD), [pay(BOB, 60, GOLD)], ALICE.lock, terms)
    assert draft.fee == {GOLD: 7}
    with pytest.raises(InsufficientFunds):
        build_payment(CHAIN, purse(66, asset=GOLD), [pay(BOB, 60, GOLD)], ALICE.lock, terms)


def test_a_flat_fee_is_paid_for_each_action() -> None:
    terms, coins = FeeTerms(GOLD, 0, least=7), purse(100, asset=GOLD)
    actions = (Action(7, b""),) * 3
    for several, fee in ((actions, 21), (actions[:1], 7)):
        draft = build_payment(
            CHAIN, coins, [pay(BOB, 60, GOLD)], ALICE.lock, terms, actions=several
        )
        assert draft.fee == {GOLD: fee}


def test_several_assets_each_with_change() -> None:
    coins = {**purse(50_000), **purse(30, 70, asset=GOLD, start=10)}
    draft = draft_of(coins, pay(BOB, 60, GOLD), pay(CAROL, 5))
    change = {output.asset: output.amount for output in draft.body.outputs[2:]}
    assert change[GOLD] == 10
    assert set(draft.fee) == {BTM}


def test_too_little() -> None:
    with pytest.raises(InsufficientFunds) as caught:
        draft_of(purse(5_000), pay(BOB, 5_000))
    assert caught.value.asset == BTM
    assert caught.value.available == 5_000
    with pytest.raises(InsufficientFunds):
        draft_of(purse(50_000), pay(BOB, 1, GOLD))


def test_too_many_coins_for_one_transaction() -> None:
    with pytest.raises(PaymentTooHeavy):
        draft_of(purse(*[1_000] * 3_000), pay(BOB, 2_000_000))


def test_small_coins_go_along_while_fees_are_low() -> None:
    coins = purse(100_000, *[2_000] * 15, *[100] * 3)
    cheap = draft_of(coins, pay(BOB, 50_000), rate=1_000_000)
    # Those of 100 are worth less than spending them costs.
    assert sorted(made.amount for made in cheap.coins) == [2_000] * 8 + [100_000]
    dear = draft_of(coins, pay(BOB, 50_000), rate=2_000_001)
    assert len(dear.coins) == 1
    few = draft_of(purse(100_000, *[2_000] * 10), pay(BOB, 50_000))
    assert len(few.coins) == 1


def test_what_actions_create_and_destroy_is_counted() -> None:
    action, effects = Action(2, b"issue"), Effects(created={GOLD: 100}, destroyed={BTM: 300})
    draft = build_payment(
        CHAIN,
        purse(50_000),
        [pay(BOB, 40, GOLD)],
        ALICE.lock,
        FEES,
        actions=[action],
        effects=effects,
        extra_weight=1_000,
        window=(3, 9),
        memo=b"memo",
    )
    assert len(draft.witnesses) == 2
    tx = completed(sign_transaction(draft, SECRETS, AUX))
    applied = apply_transaction(purse(50_000), tx, 5, effects, RULES)
    assert applied.fees[BTM] >= weight(tx, applied.checks) + 1_000
    assert pay(ALICE, 60, GOLD) in tx.body.outputs


def test_the_same_wallet_builds_the_same_payment() -> None:
    coins = purse(5_000, 5_000, 5_000, 5_000)
    turned = dict(reversed(coins.items()))
    assert draft_of(coins, pay(BOB, 9_000)) == draft_of(turned, pay(BOB, 9_000))


def shared() -> PartiallySigned:
    """A payment from a coin of Alice and one of Bob."""
    coins = {outpoint(1): coin(ALICE, 6_000), outpoint(2): coin(BOB, 5_000)}
    return draft_of(coins, pay(CAROL, 9_000))


def test_two_people_sign_one_after_the_other_or_side_by_side() -> None:
    draft = shared()
    with pytest.raises(SignatureMissing):
        completed(draft)
    hers = sign_transaction(draft, {ALICE.lock.root: ALICE.secret}, AUX)
    with pytest.raises(SignatureMissing) as caught:
        completed(hers)
    assert caught.value.index == 1
    his = sign_transaction(draft, {BOB.lock.root: BOB.secret}, AUX)
    after = sign_transaction(hers, {BOB.lock.root: BOB.secret}, AUX)
    assert completed(combine(hers, his)).body == completed(after).body
    coins = dict(zip(draft.body.inputs, draft.coins, strict=True))
    applied = apply_transaction(coins, completed(combine(his, hers)), 5, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)


def test_a_lie_about_a_coin_makes_the_signature_worthless() -> None:
    draft = shared()
    lie = msgspec.structs.replace(draft.coins[0], amount=1)
    lied = msgspec.structs.replace(draft, coins=(lie, draft.coins[1]))
    tx = completed(sign_transaction(lied, SECRETS, AUX))
    coins = dict(zip(draft.body.inputs, draft.coins, strict=True))
    assert not verify_checks(apply_transaction(coins, tx, 5, NO_EFFECTS, RULES).checks)


def test_other_modes_and_what_is_signed_already() -> None:
    draft = shared()
    short = msgspec.structs.replace(draft.body, outputs=draft.body.outputs[:1] * 2)
    draft = msgspec.structs.replace(draft, body=short)
    single = sign_transaction(draft, SECRETS, AUX, SINGLE_ANYONE)
    assert {witness.mode for witness in single.witnesses} == {SINGLE_ANYONE}  # type: ignore[union-attr]
    assert sign_transaction(single, SECRETS, AUX) == single


def test_roots_of_single_keys() -> None:
    assert PolicyLock(single_key_root(ALICE.secret)) == ALICE.lock
