"""V03: an order that pays a fee from the vault, directly or by a missing remainder.

No fee leaves a vault.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_building import NO_SPONSOR
from bystack.ledger.vault_errors import OutputsMismatch, VaultFee
from tests.ledger.vault_world import GOLD, GOLD_UNIT, LARGE, World, edited, pay


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def test_less_remains(world: World) -> None:
    tx = world.order([pay(50)], [world.deposit(90)], sponsor=NO_SPONSOR)
    anchor, paid, rest = tx.body.outputs
    for outputs, missing in (
        ((anchor, paid), 40),
        ((anchor, paid, replace(rest, amount=39)), 1),
        ((anchor, paid, pay(40, to="miner")), 40),
    ):
        with pytest.raises(VaultFee) as refused:
            world.judge(edited(world, tx, outputs=outputs))
        assert refused.value.facts == {"asset": BTM, "missing": missing}
    assert world.judge(tx).fees == {}


def test_a_whole_asset_is_forgotten(world: World) -> None:
    coins = [world.deposit(90), world.deposit(20, GOLD, GOLD_UNIT)]
    tx = world.order([pay(90)], coins)
    anchor, paid, rest, back = tx.body.outputs
    assert rest.asset == GOLD
    with pytest.raises(VaultFee):
        world.judge(edited(world, tx, outputs=(anchor, paid, back)))


def test_less_is_set_aside(world: World) -> None:
    tx = world.order([pay(50)], [world.deposit(50)], tier=LARGE)
    anchor, pending, back = tx.body.outputs
    with pytest.raises(OutputsMismatch):
        world.judge(edited(world, tx, outputs=(anchor, replace(pending, amount=49), back)))


def test_less_comes_back_by_veto_consolidate_or_complete(world: World) -> None:
    order = world.order([pay(50)], [world.deposit(50)], tier=LARGE)
    world.submit(order)
    pending = Outpoint(order.id, 1)
    veto = world.veto(pending)
    joined = world.consolidate([world.deposit(5, height=0) for _ in range(8)])
    world.height += 144
    complete = world.complete(pending, [pay(50)])
    for tx, height in ((veto, -144), (joined, 0), (complete, 0)):
        world.height += height
        first, *rest = tx.body.outputs
        less = (replace(first, amount=first.amount - 1), *rest)
        with pytest.raises(OutputsMismatch):
            world.judge(edited(world, tx, outputs=less))
        world.height -= height


def test_only_the_sponsor_pays(world: World) -> None:
    held = world.holdings(BTM)
    tx = world.order([pay(50)], [world.deposit(90)], sponsor=world.sponsor(100, fee=77))
    assert world.judge(tx).fees == {BTM: 77}
    world.submit(tx)
    assert world.holdings(BTM) == held + 40
