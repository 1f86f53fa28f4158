"""W18: a burn in a failed transaction, one burn used twice, burn then refund. Pay xor refund."""

import msgspec
import pytest

from bystack.federation.module.actions import REFUND, RefundRequests
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import encode_action
from bystack.sidechain.burns import NotRefundable
from bystack.sidechain.records import PegoutState, pegout_id, request_key
from bystack.sidechain.requests import RequestUnknown
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.federations import approved, federated
from tests.sidechain.mainside import GOLD
from tests.sidechain.world import K, World, burn_action, funded


def federated_funds() -> World:
    world = federated()
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    world.pegged(5_000)
    return world


def refund(world: World, *ids: bytes) -> Transaction:
    return approved(world, REFUND, lambda nonce: RefundRequests(nonce, ids))


def test_a_burn_in_a_failed_transaction_burns_nothing() -> None:
    world = funded()
    good = world.burn_tx(300)
    action = encode_action(burn_action(300, BTM, CAROL.lock, CAROL.lock.root))
    stolen = msgspec.structs.replace(good, witnesses=world.burn_tx(301).witnesses)
    greedy = world.transact(CAROL, actions=(action,), destroyed=299)
    unpaid = world.transact(CAROL, actions=(action,), destroyed=300, fee=0)
    printing = world.transact(CAROL, (Output(GOLD, 1, ALICE.lock),), (action,), destroyed=300)
    before = dict(world.side.state)
    built = world.side.build([stolen, greedy, unpaid, printing], world.now)
    assert [error.rule for _, error in built.refused] == [
        "SignatureWrong",
        "FeeTooLow",
        "FeeTooLow",
        "Overspent",
    ]
    world.side.commit(built)
    assert world.sums().owed == 0 and not world.open and dict(world.side.state) == before
    for tx in (stolen, greedy, unpaid, printing):
        id = pegout_id(world.genesis.id, tx.id, 0)
        assert world.view.get(request_key(id)) is None
    world.block(good)
    assert world.sums().owed == 300 - 4 - 6


def test_one_burn_is_one_request() -> None:
    world = funded()
    tx = world.burn_tx(300)
    built = world.side.build([tx, tx], world.now)
    assert [error.rule for _, error in built.refused] == ["CoinMissing"]
    world.side.commit(built)
    with pytest.raises(Invalid) as caught:
        world.block(tx)
    assert caught.value.rule == "CoinMissing" and world.sums().owed == 290


def test_two_burns_of_one_transaction_are_two_requests() -> None:
    world = funded()
    action = encode_action(burn_action(300, BTM, CAROL.lock, CAROL.lock.root))
    with pytest.raises(Invalid) as caught:
        world.block(world.transact(CAROL, actions=(action, action), destroyed=300, fee=5))
    assert caught.value.rule == "Overspent"
    world.block(world.transact(CAROL, actions=(action, action), destroyed=600))
    assert len(set(world.record(0).requests)) == 2 and world.sums().owed == 580
    world.pay(0)
    assert world.sums().owed == 0


def test_refunded_is_not_paid_and_paid_is_not_refunded() -> None:
    world = federated_funds()
    paid = world.burn(300)
    with pytest.raises(NotRefundable):
        world.block(refund(world, paid))
    world.pay(0)
    with pytest.raises(NotRefundable):
        world.block(refund(world, paid))
    with pytest.raises(RequestUnknown):
        world.block(refund(world, b"\x01" * 32))
    # 1,000 at once is the tier's most: the second waits in the queue.
    waiting = [world.burn(900), world.burn(900)]
    assert [world.stands(id) for id in waiting] == [PegoutState.BATCHED, PegoutState.REQUESTED]
    balance = world.balance(CAROL)
    with pytest.raises(NotRefundable):
        world.block(refund(world, waiting[1], waiting[1]))
    world.block(refund(world, waiting[1]))
    assert world.balance(CAROL) == balance + 900
    assert world.stands(waiting[1]) == PegoutState.REFUNDED
    with pytest.raises(NotRefundable):
        world.block(refund(world, waiting[1]))
    world.pay(1)
    world.relay(12)
    world.idle(5)
    assert not world.open and world.sums().owed == 0
    assert world.stands(waiting[1]) == PegoutState.REFUNDED
