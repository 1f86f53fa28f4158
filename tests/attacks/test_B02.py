"""B02: a batched request is refunded; refund and settlement race. One of the two, never both."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.sidechain.burns import NotRefundable
from bystack.sidechain.records import PegoutState
from tests.attacks.test_W18 import federated_funds, refund
from tests.ledger.people import CAROL
from tests.sidechain.law import Ledger
from tests.sidechain.world import K, World


def paid_on_main(world: World) -> int:
    return sum(coin.amount for coin in world.main.coins.values() if coin.lock == CAROL.lock)


def test_a_batched_request_is_not_refunded_at_any_stage() -> None:
    world = federated_funds()
    id = world.burn(300)
    with pytest.raises(NotRefundable):
        world.block(refund(world, id))
    spend = world.main.send(world.order_of(0))
    for _ in range(K):
        with pytest.raises(NotRefundable):
            world.block(refund(world, id))
        world.relay(1)
    # In one block, in either order: the settlement stands.
    built = world.side.build(
        [refund(world, id), world.anchor_tx(spend), refund(world, id)], world.now
    )
    assert [error.rule for _, error in built.refused] == ["NotRefundable"] * 2
    world.side.commit(built)
    assert world.stands(id) == PegoutState.SETTLED and paid_on_main(world) == 290
    assert world.sums().owed == 0


def test_a_voided_request_is_refunded_or_paid() -> None:
    """In the block that voids its seq it comes back to the queue, and goes out again at its end."""
    for refunded in (True, False):
        world = federated_funds()
        id = world.burn(300)
        balance = world.balance(CAROL)
        spend = world.main.send(world.main.touch())
        world.relay(K)
        give = [refund(world, id)] if refunded else []
        world.block(world.anchor_tx(spend), *give)
        if refunded:
            assert world.balance(CAROL) == balance + 300 and not world.open
            world.idle(3)
            assert not world.open and paid_on_main(world) == 0
        else:
            assert world.open == (1,)
            with pytest.raises(NotRefundable):
                world.block(refund(world, id))
            world.pay(1)
            assert world.balance(CAROL) == balance and paid_on_main(world) == 290
        ledger = Ledger(world, set(), [id])
        assert world.sums().owed == 0 and ledger.lost[BTM] == 0
