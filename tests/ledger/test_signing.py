"""What signatures cover: everything under ALL, one pair under SINGLE_ANYONE."""

from __future__ import annotations

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.signing import (
    ALL,
    SINGLE_ANYONE,
    ModeUnknown,
    OutputBesideMissing,
    Signing,
    signing_digest,
)
from bystack.ledger.transactions import Action, Outpoint, PolicyLock, Transaction, TransactionBody
from bystack.ledger.validation import apply_transaction
from bystack.primitives.errors import Misuse
from tests.ledger.people import ALICE, BOB, CAROL, CHAIN, GOLD, RULES, body, coin, outpoint, pay

A, B = outpoint(1), outpoint(2)
COINS = {A: coin(ALICE, 50), B: coin(BOB, 7, GOLD)}
SPENT = list(COINS.items())
SWAP = body([A, B], [pay(ALICE, 7, GOLD), pay(BOB, 50)])


def changed(made: TransactionBody, **fields: object) -> TransactionBody:
    return msgspec.structs.replace(made, **fields)


def spent(made: TransactionBody) -> list[tuple[Outpoint, Coin]]:
    return [(point, COINS[point]) for point in made.inputs]


CHANGES: list[TransactionBody] = [
    changed(SWAP, version=2),
    changed(SWAP, inputs=(B, A)),
    changed(SWAP, inputs=(A,)),
    changed(SWAP, outputs=SWAP.outputs[:1]),
    changed(SWAP, outputs=SWAP.outputs[::-1]),
    changed(SWAP, outputs=(SWAP.outputs[0], pay(CAROL, 50))),
    changed(SWAP, outputs=(pay(ALICE, 6, GOLD), SWAP.outputs[1])),
    changed(SWAP, actions=(Action(1, b""),)),
    changed(SWAP, valid_from=1),
    changed(SWAP, valid_until=1),
    changed(SWAP, memo=b"m"),
]


@pytest.mark.parametrize("other", CHANGES)
def test_all_covers_the_whole_body(other: TransactionBody) -> None:
    digest = signing_digest(CHAIN, SWAP, 0, SPENT, ALL)
    assert signing_digest(CHAIN, other, 0, spent(other), ALL) != digest


def test_chain_mode_and_index_are_covered() -> None:
    digests = {
        signing_digest(chain, SWAP, index, SPENT, mode)
        for chain in (CHAIN, b"\xc2" * 32)
        for index in (0, 1)
        for mode in (ALL, SINGLE_ANYONE)
    }
    assert len(digests) == 8


@pytest.mark.parametrize("mode", [ALL, SINGLE_ANYONE])
@pytest.mark.parametrize(
    "fields", [{"amount": 51}, {"asset": GOLD}, {"lock": PolicyLock(b"\x07" * 32)}]
)
def test_the_coin_is_covered(mode: int, fields: dict[str, object]) -> None:
    digest = signing_digest(CHAIN, SWAP, 0, SPENT, mode)
    lie = [(A, msgspec.structs.replace(COINS[A], **fields)), SPENT[1]]
    assert signing_digest(CHAIN, SWAP, 0, lie, mode) != digest


def test_all_covers_the_coins_of_others() -> None:
    digest = signing_digest(CHAIN, SWAP, 0, SPENT, ALL)
    lie = [SPENT[0], (B, msgspec.structs.replace(COINS[B], amount=8))]
    assert signing_digest(CHAIN, SWAP, 0, lie, ALL) != digest


def test_single_anyone_covers_its_pair_and_the_window_only() -> None:
    digest = signing_digest(CHAIN, SWAP, 0, SPENT, SINGLE_ANYONE)
    free = [
        changed(SWAP, inputs=(A,), outputs=SWAP.outputs[:1]),
        changed(SWAP, outputs=(SWAP.outputs[0], pay(CAROL, 50))),
        changed(SWAP, memo=b"m"),
        changed(SWAP, actions=(Action(1, b""),)),
    ]
    bound = [
        changed(SWAP, version=2),
        changed(SWAP, valid_from=1),
        changed(SWAP, valid_until=1),
        changed(SWAP, outputs=(pay(ALICE, 6, GOLD), SWAP.outputs[1])),
        changed(SWAP, outputs=(pay(BOB, 7, GOLD), SWAP.outputs[1])),
        changed(SWAP, outputs=(pay(ALICE, 7, BTM), SWAP.outputs[1])),
    ]
    for other in free:
        assert signing_digest(CHAIN, other, 0, spent(other), SINGLE_ANYONE) == digest
    for other in bound:
        assert signing_digest(CHAIN, other, 0, spent(other), SINGLE_ANYONE) != digest


def test_the_pair_keeps_its_digest_at_another_place() -> None:
    digest = signing_digest(CHAIN, SWAP, 0, SPENT, SINGLE_ANYONE)
    turned = changed(SWAP, inputs=(B, A), outputs=SWAP.outputs[::-1])
    assert signing_digest(CHAIN, turned, 1, spent(turned), SINGLE_ANYONE) == digest


def test_an_output_must_stand_beside() -> None:
    short = changed(SWAP, outputs=SWAP.outputs[:1])
    with pytest.raises(OutputBesideMissing):
        signing_digest(CHAIN, short, 1, SPENT, SINGLE_ANYONE)


@pytest.mark.parametrize("mode", [2, 3, 255])
def test_other_modes_are_refused(mode: int) -> None:
    with pytest.raises(ModeUnknown):
        signing_digest(CHAIN, SWAP, 0, SPENT, mode)


def test_coins_that_are_not_those_spent_are_our_mistake() -> None:
    with pytest.raises(Misuse):
        Signing(CHAIN, SWAP, SPENT[::-1])


def test_two_people_swap_without_seeing_each_other() -> None:
    """Alice offers 50 BTM for 7 GOLD; Bob, whom she never met, completes it; Carol cannot."""
    offer = body([A], [pay(ALICE, 7, GOLD)])
    hers = ALICE.spend(Signing(CHAIN, offer, [(A, COINS[A])]), 0, SINGLE_ANYONE)
    his = BOB.spend(Signing(CHAIN, SWAP, SPENT), 1, ALL)
    applied = apply_transaction(COINS, Transaction(SWAP, (hers, his)), 5, NO_EFFECTS, RULES)
    assert verify_checks(applied.checks)
    assert not applied.fees
    theft = changed(SWAP, outputs=(pay(CAROL, 7, GOLD), SWAP.outputs[1]))
    stolen = apply_transaction(COINS, Transaction(theft, (hers, his)), 5, NO_EFFECTS, RULES)
    assert not verify_checks(stolen.checks[:1])
    assert not verify_checks(stolen.checks[1:])
