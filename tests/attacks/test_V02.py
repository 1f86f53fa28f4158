"""V02: two pending coins share an output; order and veto share a treasury output.

One output satisfies one operation.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import NoWitness, Outpoint
from bystack.ledger.vault_errors import OneOperation, PendingInOrder, SponsorInvalid
from tests.ledger.vault_world import LARGE, World, edited, pay

PAID = (pay(30),)


@pytest.fixture
def world() -> World:
    """A vault with two pending coins that owe the very same output."""
    world = World()
    world.owed = [
        Outpoint(world.submit(world.order(PAID, [world.deposit(30)], tier=LARGE)).transaction, 1)
        for _ in range(2)
    ]
    return world


def test_two_completes_share_an_output(world: World) -> None:
    world.height += 144
    first, second = world.owed
    tx = world.complete(first, PAID)
    both = edited(world, tx, inputs=(first, second, tx.body.inputs[1]))
    with pytest.raises(SponsorInvalid):
        world.judge(both)
    twice = replace(both.body, actions=tx.body.actions * 2)
    with pytest.raises(OneOperation):
        world.judge(world.signed(twice, NoWitness()))


def test_each_is_paid_once(world: World) -> None:
    world.height += 144
    for outpoint in world.owed:
        world.submit(world.complete(outpoint, PAID))
    assert sum(coin.output == PAID[0] for coin in world.coins.values()) == 2
    assert world.holdings(BTM) == 0


def test_order_and_veto_share_a_treasury_output(world: World) -> None:
    """The order's remainder of 30 equals what the veto must return."""
    pending = world.owed[0]
    order = world.order([pay(20)], [world.deposit(50)], tier=LARGE)
    veto = world.veto(pending)
    assert order.body.outputs[2] == veto.body.outputs[0]
    inputs = (*order.body.inputs[:2], pending, order.body.inputs[2])
    with pytest.raises(PendingInOrder):
        world.judge(edited(world, order, inputs=inputs))
    actions = order.body.actions + veto.body.actions
    with pytest.raises(OneOperation):
        world.judge(edited(world, order, inputs=inputs, actions=actions))
    assert world.holdings(BTM) == 60 + 50
