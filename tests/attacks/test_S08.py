"""S08 Orders without end: sixteen in a transaction, thousands in a block, to hold everybody up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import Action, NoWitness, Output, Transaction, TransactionBody
from bystack.sidechain import transition
from bystack.sidechain.blocks import Body
from bystack.sidechain.burden import MAX_BURDEN, TooManyProofs, burden
from bystack.sidechain.fees import FeeTooLow
from bystack.sidechain.modules.exchange.orders import Side
from tests.ledger.people import ALICE, BOB, CAROL, Person
from tests.sidechain.markets import Trading, trading
from tests.sidechain.world import World

MANY: Final = 16
BOUND: Final = 40


def flood(world: Trading, owner: Person, fee: int, count: int = MANY) -> Transaction:
    """As many orders as a transaction may hold."""
    one = world.placing(owner, Side.BUY, 1, 1, 30)
    (action,) = one.body.actions
    coins = world.coins_of(owner, BTM)
    held = sum(coin.amount for _, coin in coins)
    given = held - sum(o.amount for o in one.body.outputs if o.asset == BTM) - 1  # of one order
    return signed(world, owner, [action] * count, held - count * given - fee)


def signed(world: World, owner: Person, actions: Sequence[Action], rest: int) -> Transaction:
    coins = world.coins_of(owner, BTM)
    places, change = tuple(place for place, _ in coins), (Output(BTM, rest, owner.lock),)
    body = TransactionBody(1, places, change, tuple(actions), 0, 0, b"")
    signing = Signing(world.genesis.id, body, coins)
    spends = tuple(owner.spend(signing, index) for index in range(len(coins)))
    return Transaction(body, (*spends, *(NoWitness(),) * len(actions)))


def test_one_fee_buys_one_order() -> None:
    world = trading()
    for fee in (1, MANY - 1):
        ((_, refused),) = world.side.build([flood(world, ALICE, fee)], world.now).refused
        assert isinstance(refused, FeeTooLow)
    pool = world.sums().pool
    world.block(flood(world, ALICE, MANY))
    assert world.sums().pool >= pool + MANY


def test_a_block_takes_what_validators_can_bear_and_payments_have_their_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hostile proposer's block with more is refused by all."""
    assert burden(flood(trading(), ALICE, MANY)) == MANY <= MAX_BURDEN
    monkeypatch.setattr(transition, "MAX_BURDEN", BOUND)
    world = trading()
    floods = [flood(world, owner, MANY) for owner in (ALICE, BOB)]
    last = flood(world, CAROL, BOUND, BOUND - 2 * MANY + 1)
    assert sum(map(burden, [*floods, last])) == BOUND + 1
    payment = world.transact(CAROL, (Output(BTM, 10, BOB.lock),))
    built = world.side.build([*floods, last, payment], world.now)
    assert built.body.transactions == (*floods, payment) and not built.refused
    world.side.validate(built)
    body = Body(b"", (*floods, last))
    ids, witnesses = body.roots
    header = replace(
        built.header, transaction_root=ids, witness_root=witnesses, transaction_count=3
    )
    with pytest.raises(TooManyProofs):
        world.side.validate(built._replace(header=header, body=body))
    monkeypatch.setattr(transition, "MAX_BURDEN", BOUND + 1)
    assert not world.side.build([*floods, last], world.now).refused  # the bound alone refuses it
