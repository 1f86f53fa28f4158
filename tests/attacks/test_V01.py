"""V01: two orders of two vaults owe the same output; one output offered for both.

One output satisfies one operation.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Approval, NoWitness, Transaction
from bystack.ledger.vault_errors import ForeignVaultCoin, OneOperation, OutputsMismatch
from tests.ledger.vault_world import World, edited, pay, usual_terms


@pytest.fixture
def world() -> World:
    """Two vaults under the same terms; `world.vault` is the first."""
    world = World()
    first = (world.vault, world.anchor)
    sponsor = world.sponsor()
    tx = world.create(usual_terms(), sponsor)
    second = world.submit(tx)
    world.fill_buckets()
    world.other = (tx.body.outputs[0].lock.vault, second)
    world.vault, world.anchor = first
    return world


def order_of(world: World, which: tuple) -> Transaction:
    mine = (world.vault, world.anchor)
    world.vault, world.anchor = which
    tx = world.order([pay(40)], [world.deposit(40)])
    world.vault, world.anchor = mine
    return tx


def test_two_orders_in_one_transaction(world: World) -> None:
    one, other = order_of(world, (world.vault, world.anchor)), order_of(world, world.other)
    shared = replace(
        one.body,
        inputs=(*one.body.inputs[:2], *other.body.inputs),
        outputs=(one.body.outputs[0], other.body.outputs[0], *one.body.outputs[1:]),
        actions=one.body.actions + other.body.actions,
    )
    before = dict(world.coins)
    with pytest.raises(OneOperation):
        world.judge(world.signed(shared, NoWitness()))
    assert world.coins == before


def test_the_second_vault_as_a_mere_input(world: World) -> None:
    """Nor may the other's anchor and coin ride along with one operation."""
    one, other = order_of(world, (world.vault, world.anchor)), order_of(world, world.other)
    inputs = (*one.body.inputs[:2], *other.body.inputs[:2], one.body.inputs[2])
    with pytest.raises(ForeignVaultCoin):
        world.judge(edited(world, one, inputs=inputs))


def test_each_vault_pays_its_own(world: World) -> None:
    """Both orders can be carried out: two transactions, two payments."""
    for which in ((world.vault, world.anchor), world.other):
        tx = order_of(world, which)
        assert isinstance(tx.witnesses[-1], Approval)
        world.apply(world.judge(tx).delta)
    paid = [c for c in world.coins.values() if (c.output) == pay(40)]
    assert len(paid) == 2
    assert world.holdings(BTM) == 0


def test_two_equal_payments_of_one_order_are_two_outputs(world: World) -> None:
    tx = world.order([pay(20), pay(20)], [world.deposit(40)])
    anchor, first, _, back = tx.body.outputs
    with pytest.raises(OutputsMismatch):
        world.judge(edited(world, tx, outputs=(anchor, first, back, pay(20, to="sponsor"))))
