"""Deposits nobody can claim: proved for a fee, paid back once by decision; the law holds."""

from __future__ import annotations

from collections import Counter

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Outpoint, Transaction
from bystack.sidechain.actions import encode_action, needs_no_fee, system_transaction
from bystack.sidechain.burns import DestinationInvalid, NotRefundable
from bystack.sidechain.claims import AlreadyClaimed, NotADeposit, OutputMissing, claimed_at
from bystack.sidechain.fees import FeeTooLow
from bystack.sidechain.inclusion import NotDeepEnough
from bystack.sidechain.records import PegoutState, Return, return_id
from bystack.sidechain.stops import Stop
from bystack.sidechain.strays import (
    DepositClaimable,
    ProveStray,
    StrayKnown,
    StrayUnknown,
    stray_at,
)
from bystack.sidechain.tiering import BurnAboveCapacity
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.decrees import Decreed, decreed
from tests.sidechain.law import Ledger, prove_all
from tests.sidechain.mainside import GOLD, OPEN_ENDED
from tests.sidechain.world import ASSETS, K, World

FOREIGN = b"\x07" * 32 + CAROL.lock.root


@pytest.fixture
def made() -> Decreed:
    """GOLD is not taken here; it may come all the same."""
    return decreed(assets=ASSETS[:1])


def lost(world: World, amount: int = 90, asset: bytes = BTM, note: bytes = FOREIGN) -> Transaction:
    payer = ALICE if asset == BTM else BOB
    return world.main.send(world.main.deposit(payer, amount, asset, note))


def prove_tx(world: World, paid: Transaction, index: int = 0) -> Transaction:
    action = encode_action(ProveStray(world.main.inclusion(paid), index))
    return world.transact(CAROL, actions=(action,))


def proved(world: World, paid: Transaction) -> Outpoint:
    world.relay(K)
    world.block(prove_tx(world, paid))
    return Outpoint(paid.id, 0)


def law(world: World, *ids: bytes) -> None:
    prove_all(world)
    claims = {Outpoint(key[8:40], int.from_bytes(key[40:48], "big")) for key in world.side.state
              if key.startswith(b"claimed/")}  # fmt: skip
    Ledger(world, claims, list(ids)).check(Counter())


def test_a_deposit_for_another_sidechain_is_paid_back_once(made: Decreed) -> None:
    world = made.world
    paid = lost(world)
    place = proved(world, paid)
    assert stray_at(world.view, place) is not None
    law(world)
    made.decide(returns=(Return(place, BOB.lock),))
    id = return_id(world.genesis.id, place)
    assert world.stands(id) == PegoutState.BATCHED and world.request(id).payout == 90
    assert world.record(0).outputs[0].lock == BOB.lock
    law(world, id)
    with pytest.raises(StrayUnknown):
        made.decide(returns=(Return(place, BOB.lock),))
    world.pay(0, b"")
    assert world.stands(id) == PegoutState.SETTLED and world.sums().owed == 0
    law(world, id)
    with pytest.raises(AlreadyClaimed):
        world.block(prove_tx(world, paid))


def test_an_asset_the_sidechain_does_not_take_leaves_by_a_tier_that_lists_it(
    made: Decreed,
) -> None:
    world = made.world
    place = proved(world, lost(world, 700, GOLD, world.note(CAROL)))
    made.decide(returns=(Return(place, BOB.lock),))
    request = world.request(return_id(world.genesis.id, place))
    assert request.tier == 1 and request.asset == GOLD  # listed there by the vault's own terms
    order = world.main.send(world.order_of(0))
    world.relay(K)
    world.block(world.anchor_tx(order))
    done = world.main.send(world.main.complete(Outpoint(order.id, 1), world.record(0).outputs))
    world.relay(K)
    world.block(world.pending_tx(done))
    assert world.stands(return_id(world.genesis.id, place)) == PegoutState.SETTLED


@pytest.mark.parametrize("amount", [5, 9])
def test_a_deposit_below_the_minimum_is_returned_whole(made: Decreed, amount: int) -> None:
    world = made.world
    place = proved(world, lost(world, amount, note=world.note(CAROL)))
    made.decide(returns=(Return(place, CAROL.lock),))
    assert world.record(0).outputs[0].amount == amount


def test_what_somebody_can_claim_is_no_stray(made: Decreed) -> None:
    world = made.world
    mine, gift = world.deposit(90), world.deposit(90, to=None)
    claimed = world.pegged(100)
    for paid in (mine, gift, claimed):
        with pytest.raises(DepositClaimable):
            world.block(prove_tx(world, paid))
    plain = world.main.send(world.main.transfer(ALICE, BOB.lock, 30))
    other = world.main.send(world.main.transfer(ALICE, DepositLock(b"\x05" * 32, FOREIGN), 30))
    shallow = lost(world)
    world.relay(K - 1)
    for paid, error in ((plain, NotADeposit), (other, NotADeposit), (shallow, NotDeepEnough)):
        with pytest.raises(error):
            world.block(prove_tx(world, paid))
    with pytest.raises(OutputMissing):
        world.block(prove_tx(world, plain, 9))


def test_a_proof_costs_a_fee_and_counts_once(made: Decreed) -> None:
    world = made.world
    paid = lost(world)
    world.relay(K)
    alone = system_transaction(ProveStray(world.main.inclusion(paid), 0))
    assert not needs_no_fee(world.side.modules, alone)
    with pytest.raises(FeeTooLow):
        world.block(alone)
    world.block(prove_tx(world, paid))
    with pytest.raises(StrayKnown):
        world.block(prove_tx(world, paid))


def test_where_it_may_not_go_and_what_no_tier_pays(made: Decreed) -> None:
    world = made.world
    place = proved(world, lost(world))
    for wrong in (DepositLock(world.main.vault, FOREIGN), DepositLock(bytes(32), FOREIGN)):
        with pytest.raises(DestinationInvalid):
            made.decide(returns=(Return(place, wrong),))
    assert stray_at(world.view, place) is not None
    with pytest.raises(StrayUnknown):
        made.decide(returns=(Return(place, BOB.lock), Return(place, BOB.lock)))
    assert stray_at(world.view, place) is not None and claimed_at(world.view, place) is None
    assert world.genesis.terms.tiers[OPEN_ENDED].limits == ()
    assert issubclass(BurnAboveCapacity, Exception)


def test_a_return_cannot_be_refunded_into_coins_here(made: Decreed) -> None:
    """Nothing was burned for it: a refund would mint."""
    world = made.world
    for _ in range(4):
        world.burn(20)
    place = proved(world, lost(world))
    made.decide(returns=(Return(place, BOB.lock),))
    id = return_id(world.genesis.id, place)
    assert world.stands(id) == PegoutState.REQUESTED
    before = world.sums()
    with pytest.raises(NotRefundable):
        made.decide(refunds=(id,))
    assert world.sums() == before


def test_a_stray_whose_block_is_gone_must_be_proved_again(made: Decreed) -> None:
    world = made.world
    paid = lost(world)
    place = proved(world, paid)
    world.main.reorganise(K + 1)
    world.relay()
    assert stray_at(world.view, place) is None
    with pytest.raises(StrayUnknown):
        made.decide(returns=(Return(place, BOB.lock),))


def test_a_returned_deposit_that_is_reorganised_away_is_a_deficit_until_it_is_back(
    made: Decreed,
) -> None:
    world = made.world
    paid = lost(world)
    place = proved(world, paid)
    made.decide(returns=(Return(place, BOB.lock),))
    world.main.reorganise(K + 1)
    world.relay()
    assert Stop.ORPHANED in world.stops and world.sums().deficit == 90
    world.main.mine(paid)
    world.relay(K)
    world.block(world.reprove_tx(paid))
    assert world.sums().deficit == 0
    law(world, return_id(world.genesis.id, place))
