"""B01: a batch's seq is spent by something else. Its requests return to the head, once; each is
paid once."""

from collections.abc import Callable

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Transaction
from bystack.ledger.vault_errors import SeqMismatch
from bystack.ledger.vault_operations import Announce, Freeze
from bystack.sidechain.mirror import NotTheAnchor
from bystack.sidechain.records import BatchState, PegoutState
from tests.ledger.people import CAROL
from tests.sidechain.law import Ledger
from tests.sidechain.world import World, funded

OTHERS: list[Callable[[World], Transaction]] = [
    lambda w: w.main.touch(),
    lambda w: w.main.spend(Announce(w.main.state.seq, bytes(32))),
    lambda w: w.main.spend(Freeze(w.main.state.turn)),
]


@pytest.mark.parametrize("otherwise", OTHERS)
def test_requests_return_to_the_head_and_are_paid_once(
    otherwise: Callable[[World], Transaction],
) -> None:
    world = funded()
    first, second = world.burn(300), world.burn(310)
    assert world.open == (0, 1)
    order = world.order_of(0)
    third = world.burn(900)
    assert world.stands(third) == PegoutState.REQUESTED
    spend = world.main.send(otherwise(world))
    with pytest.raises(SeqMismatch):
        world.main.send(world.main.order(world.record(0).outputs, seq=0))
    world.prove(spend)
    assert world.batch(0).state == BatchState.VOIDED
    # At the head again: the first goes before the third, in the next seq, in the same block.
    assert world.open == (1, 2) and world.record(2).requests == (first,)
    with pytest.raises(NotTheAnchor):
        world.block(world.anchor_tx(spend))
    assert world.open[:2] == (1, 2)
    world.main.grow(20)
    world.pay(1)
    world.pay(2)
    world.relay(10)
    world.idle()
    world.pay(3)
    assert [world.stands(id) for id in (first, second, third)] == [PegoutState.SETTLED] * 3
    paid = [c.amount for c in world.main.coins.values() if c.lock == CAROL.lock]
    assert sorted(paid) == [300 - 10, 310 - 10, 900 - 22]
    assert world.sums().owed == 0 and order.id not in world.main.where
    ledger = Ledger(world, set(), [first, second, third])
    assert set(ledger.payments.values()) == {1} and ledger.lost[BTM] == 0
