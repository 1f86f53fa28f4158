"""Settlement: paid, set aside, completed, vetoed, voided; sponsors repaid once, from the pool."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, PolicyLock, Transaction
from bystack.ledger.vault_errors import NotMature
from bystack.sidechain.mirror import NoOperation, NotPending, NotTheAnchor
from bystack.sidechain.records import BatchState, PegoutState
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.mainside import SLOW
from tests.sidechain.world import K, World, funded

MEMO = BOB.lock.root
LARGE = 1_500


def delayed(memo: bytes = b"") -> tuple[World, bytes, Transaction, Outpoint]:
    """A world with one large peg-out whose order is on the main chain and proved."""
    world = funded()
    id = world.burn(LARGE)
    order = world.pay(0, memo)
    return world, id, order, Outpoint(order.id, 1)


def test_an_undelayed_order_settles_when_proved() -> None:
    world = funded()
    id = world.burn(300)
    spend = world.main.send(world.order_of(0))
    world.relay(K - 1)
    with pytest.raises(Exception, match="NotDeepEnough"):
        world.block(world.anchor_tx(spend))
    assert world.stands(id) == PegoutState.BATCHED
    world.relay(1)
    world.block(world.anchor_tx(spend))
    assert world.stands(id) == PegoutState.SETTLED and world.request(id).seq == 0
    assert world.batch(0).state == BatchState.SETTLED and not world.open
    with pytest.raises(NotTheAnchor):
        world.block(world.anchor_tx(spend))


def test_a_delayed_order_is_pending_until_completed() -> None:
    world, id, order, coin = delayed()
    assert world.stands(id) == PegoutState.PENDING and not world.open
    assert world.batch(0).state == BatchState.PENDING
    assert world.sums().owed == world.request(id).payout
    with pytest.raises(NotPending):
        world.block(world.pending_tx(order))
    done = world.main.send(world.main.complete(coin, world.record(0).outputs))
    world.relay(K)
    world.block(world.pending_tx(done))
    assert world.stands(id) == PegoutState.SETTLED and world.sums().owed == 0
    with pytest.raises(NotPending):
        world.block(world.pending_tx(done))


def test_a_completion_waits_for_the_main_chain() -> None:
    world = funded()
    world.burn(LARGE)
    order = world.main.send(world.order_of(0))
    with pytest.raises(NotMature):
        world.main.send(world.main.complete(Outpoint(order.id, 1), world.record(0).outputs))


def test_a_veto_sends_the_request_back_to_the_head() -> None:
    world = funded()
    first = world.burn(LARGE)
    order = world.main.send(world.order_of(0))
    veto = world.main.send(world.main.veto(Outpoint(order.id, 1)))
    for _ in range(3):
        world.burn(20)
    second = world.burn(LARGE)
    assert world.stands(second) == PegoutState.REQUESTED
    world.relay(K)
    world.block(world.anchor_tx(order), world.pending_tx(veto))
    assert world.batch(0).state == BatchState.VOIDED
    assert world.request(first).vetoes == 1
    # Both are paid by one batch now, the vetoed one first.
    seq = world.open[-1]
    assert world.record(seq).tier == SLOW
    assert world.record(seq).requests == (first, second)
    assert world.sums().owed == sum(
        world.request(id).payout
        for id in (first, second, *(i for s in world.open[:-1] for i in world.record(s).requests))
    )


def test_a_transaction_without_an_operation_proves_nothing() -> None:
    world = funded()
    plain = world.deposit(100)
    world.relay(K)
    for tx in (world.anchor_tx(plain), world.pending_tx(plain)):
        with pytest.raises(NoOperation):
            world.block(tx)


def test_the_sponsor_named_in_the_memo_is_repaid_the_flat_fees() -> None:
    world = funded()
    world.burn(300)
    world.burn(300)
    pool = world.sums().pool
    world.pay(0, MEMO)
    assert world.balance(BOB) == 4 and world.sums().pool == pool - 4
    world.pay(1, MEMO)
    assert world.balance(BOB) == 8 and world.sums().circulating == world.supply(BTM)


@pytest.mark.parametrize("memo", [b"", bytes(32), MEMO[:31], MEMO + b"\x00"])
def test_no_memo_no_repayment(memo: bytes) -> None:
    world = funded()
    world.burn(300)
    before = world.sums()
    world.pay(0, memo)
    assert world.sums().pool == before.pool and world.balance(BOB) == 0


def test_a_delayed_batch_repays_half_and_half() -> None:
    world, _, _, coin = delayed(MEMO)
    assert world.balance(BOB) == 2
    other = ALICE.lock.root
    done = world.main.send(world.main.complete(coin, world.record(0).outputs, other))
    world.relay(K)
    world.block(world.pending_tx(done))
    assert (world.balance(BOB), world.balance(ALICE)) == (2, 2)


def test_a_batch_repays_once_though_it_is_proved_twice() -> None:
    world = funded()
    world.burn(300)
    order = world.pay(0, MEMO)
    assert world.balance(BOB) == 4
    world.main.reorganise(K + 1)
    world.relay()
    world.main.mine(order)
    world.relay(K)
    world.block(world.anchor_tx(order))
    assert world.balance(BOB) == 4 and world.batch(0).state == BatchState.SETTLED


def test_what_is_repaid_can_be_spent() -> None:
    world = funded()
    world.burn(300)
    world.pay(0, MEMO)
    (coin,) = [c for _, c in world.coins_of(BOB)]
    assert coin.lock == PolicyLock(MEMO)
    world.block(world.transact(BOB))
    assert world.balance(BOB) == 3 and world.balance(CAROL) > 0
