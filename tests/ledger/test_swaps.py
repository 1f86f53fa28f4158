"""A swap from end to end on the ledger, and everything a counterparty might try with an offer."""

from collections.abc import Mapping

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.payments import FeeTerms, InsufficientFunds, sign_transaction
from bystack.ledger.pst import PartiallySigned
from bystack.ledger.pst_auditing import WitnessForged
from bystack.ledger.pst_finishing import extract, finalize
from bystack.ledger.pst_signing import sign_draft, update
from bystack.ledger.signing import ALL, Signing
from bystack.ledger.swaps import NoOffer, Offer, offer_draft, read_offer, take_offer
from bystack.ledger.transactions import Outpoint, Output, Spend, Transaction
from bystack.ledger.validation import Expired, Overspent, apply_transaction
from bystack.primitives.errors import Invalid
from tests.ledger.drafts import AUX, TWO_OF_THREE, keys_of, knowing, locked
from tests.ledger.people import ALICE, BOB, CAROL, CHAIN, GOLD, RULES, coin, outpoint, pay

FEES = FeeTerms(BTM, 1_000_000)
HERS = {outpoint(1): coin(ALICE, 30, GOLD)}
HIS = {outpoint(2): coin(BOB, 4_000), outpoint(3): coin(BOB, 50_000)}
EVERY = {**HERS, **HIS}
WANTED = pay(ALICE, 10_000)


def offered(window: tuple[int, int] = (0, 0)) -> PartiallySigned:
    ((place, owned),) = HERS.items()
    draft = offer_draft(CHAIN, Offer(place, owned, WANTED, window))
    told = update(draft, knowing(ALICE.policy))
    return finalize(sign_draft(told, keys_of(ALICE), AUX), 5)


def taken(draft: PartiallySigned, coins: Mapping[Outpoint, Coin] = HIS) -> Transaction:
    whole = take_offer(draft, coins, BOB.lock, BOB.lock, FEES)
    return extract(sign_transaction(whole, {BOB.lock.root: BOB.secret}, AUX))


def holds(tx: Transaction, height: int = 5) -> bool:
    return verify_checks(apply_transaction(EVERY, tx, height, NO_EFFECTS, RULES).checks)


def test_both_get_what_they_agreed_on() -> None:
    offer = read_offer(offered())
    assert (offer.coin.asset, offer.coin.amount, offer.wanted) == (GOLD, 30, WANTED)
    tx = taken(offered())
    applied = apply_transaction(EVERY, tx, 5, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)
    made = [one.output for one in applied.delta.created.values()]
    assert WANTED in made
    assert pay(BOB, 30, GOLD) in made
    assert set(applied.fees) == {BTM}


def test_the_maker_may_give_btm_and_want_the_asset() -> None:
    (place, owned) = next(iter(HIS.items()))
    draft = offer_draft(CHAIN, Offer(place, owned, pay(BOB, 30, GOLD), (0, 0)))
    told = update(draft, knowing(BOB.policy))
    made = finalize(sign_draft(told, keys_of(BOB), AUX), 5)
    whole = take_offer(made, {**HERS}, ALICE.lock, ALICE.lock, FEES)
    tx = extract(sign_transaction(whole, {ALICE.lock.root: ALICE.secret}, AUX))
    assert holds(tx)  # the fee comes out of the BTM she gets


def _changed(tx: Transaction, **fields: object) -> Transaction:
    """The taker rewrites the transaction and signs his own inputs again, as he can."""
    body = msgspec.structs.replace(tx.body, **fields)
    signing = Signing(CHAIN, body, [(place, EVERY[place]) for place in body.inputs])
    signed = [
        tx.witnesses[0] if place in HERS else BOB.spend(signing, n, ALL)
        for n, place in enumerate(body.inputs)
    ]
    return Transaction(body, tuple(signed))


def test_the_output_beside_cannot_be_changed() -> None:
    tx = taken(offered())
    rest = tx.body.outputs[1:]
    less = Output(WANTED.asset, WANTED.amount - 1, WANTED.lock)
    elsewhere = Output(WANTED.asset, WANTED.amount, BOB.lock)
    other = pay(CAROL, 10_000)
    for stolen in (less, elsewhere, other):
        assert not holds(_changed(tx, outputs=(stolen, *rest)))


def test_the_pair_cannot_be_taken_apart() -> None:
    tx = taken(offered())
    swapped = (tx.body.outputs[1], tx.body.outputs[0], *tx.body.outputs[2:])
    assert not holds(_changed(tx, outputs=swapped))
    turned = (*tx.body.inputs[1:], tx.body.inputs[0])
    assert not holds(_changed(tx, inputs=turned))


def test_one_output_pays_for_one_offer() -> None:
    """Two offers that want the same output need two such outputs: each stands beside its input."""
    both = {**HERS, outpoint(9): coin(ALICE, 40, GOLD)}
    made = []
    for place, owned in both.items():
        draft = update(offer_draft(CHAIN, Offer(place, owned, WANTED, (0, 0))),
                       knowing(ALICE.policy))  # fmt: skip
        made.append(finalize(sign_draft(draft, keys_of(ALICE), AUX), 5))
    tx = taken(made[0])
    body = msgspec.structs.replace(
        tx.body,
        inputs=(tx.body.inputs[0], made[1].body.inputs[0], *tx.body.inputs[1:]),
        outputs=(WANTED, pay(BOB, 70, GOLD), *tx.body.outputs[2:]),
    )
    coins = {**EVERY, **both}
    signing = Signing(CHAIN, body, [(place, coins[place]) for place in body.inputs])
    his = [BOB.spend(signing, n) for n in range(2, len(body.inputs))]
    greedy = Transaction(body, (made[0].witnesses[0], made[1].witnesses[0], *his))
    applied = apply_transaction(coins, greedy, 5, NO_EFFECTS, RULES)
    assert not verify_checks(applied.checks)


def test_the_coin_cannot_be_another() -> None:
    """Neither another coin in the file nor another coin in the transaction is what was signed."""
    draft = offered()
    for lie in ({"amount": 31}, {"asset": BTM}):
        lied = msgspec.structs.replace(draft.coins[0], **lie)
        with pytest.raises(WitnessForged):
            read_offer(msgspec.structs.replace(draft, coins=(lied,)))
    body = msgspec.structs.replace(draft.body, inputs=(outpoint(8),))
    with pytest.raises(WitnessForged):
        read_offer(msgspec.structs.replace(draft, body=body))


def test_the_maker_pays_no_more_than_her_coin() -> None:
    tx = taken(offered())
    more = (*tx.body.outputs, pay(BOB, 1, GOLD))
    with pytest.raises(Overspent):
        apply_transaction(EVERY, _changed(tx, outputs=more), 5, NO_EFFECTS, RULES)


def test_an_offer_ends_when_it_says() -> None:
    tx = taken(offered((0, 9)))
    assert holds(tx, 9)
    with pytest.raises(Expired):
        holds(tx, 10)
    assert not holds(_changed(tx, valid_until=20), 10)


def test_an_offer_is_of_one_chain() -> None:
    with pytest.raises(WitnessForged):
        read_offer(msgspec.structs.replace(offered(), chain_id=bytes(32)))


def test_what_is_no_offer() -> None:
    draft = offered()
    two = msgspec.structs.replace(draft.body, outputs=(WANTED, WANTED))
    memo = msgspec.structs.replace(draft.body, memo=b"x")
    ((place, owned),) = HERS.items()
    unfinished = offer_draft(CHAIN, Offer(place, owned, WANTED, (0, 0)))
    whole = finalize(
        sign_draft(update(unfinished.with_part(0, mode=ALL), knowing(ALICE.policy)),
                   keys_of(ALICE), AUX), 5)  # fmt: skip
    for bad in (
        msgspec.structs.replace(draft, body=two),
        msgspec.structs.replace(draft, body=memo),
        unfinished,
        whole,
    ):
        with pytest.raises(NoOffer):
            read_offer(bad)


def test_a_taker_without_the_money() -> None:
    with pytest.raises(InsufficientFunds):
        taken(offered(), {outpoint(2): HIS[outpoint(2)]})


def test_the_coin_on_offer_does_not_pay_for_itself() -> None:
    """A wallet that takes its own offer must not count its coin twice."""
    draft = offer_draft(CHAIN, Offer(outpoint(3), HIS[outpoint(3)], pay(BOB, 54_000), (0, 0)))
    made = finalize(sign_draft(update(draft, knowing(BOB.policy)), keys_of(BOB), AUX), 5)
    with pytest.raises(InsufficientFunds):
        taken(made, HIS)


def test_several_people_may_make_an_offer_together() -> None:
    owned = msgspec.structs.replace(locked([TWO_OF_THREE]), asset=GOLD, amount=30)
    draft = offer_draft(CHAIN, Offer(outpoint(1), owned, pay(CAROL, 10_000), (0, 0)))
    told = update(draft, knowing(TWO_OF_THREE))
    made = finalize(sign_draft(told, keys_of(ALICE, CAROL), AUX), 5)
    tx = taken(made)
    coins = {**HIS, outpoint(1): owned}
    applied = apply_transaction(coins, tx, 5, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)
    assert applied.fees[BTM] >= tx.size + 50 * len(applied.checks)  # its witness weighs too


def test_a_forged_offer_is_refused_by_name() -> None:
    spend = offered().witnesses[0]
    assert isinstance(spend, Spend)
    forged = msgspec.structs.replace(spend, items=(bytes(64),))
    with pytest.raises(Invalid) as caught:
        read_offer(offered().with_witness(0, forged))
    assert caught.type is WitnessForged
