"""How a transaction with an operation must look, output by output."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import CoinMissing
from bystack.ledger.transactions import (
    Action,
    Approval,
    Output,
    RetireLock,
)
from bystack.ledger.vault_errors import (
    AnchorMismatch,
    NotAnAnchor,
    OneOperation,
    OutputsMismatch,
    RemainderMismatch,
    SponsorInvalid,
    VaultFee,
)
from bystack.ledger.vault_operations import (
    Touch,
)
from bystack.ledger.vaults import vault_effects
from tests.ledger.vault_world import (
    CHAIN,
    GOLD,
    World,
    edited,
    pay,
)


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def test_exactly_the_outputs_in_order(world: World) -> None:
    tx = world.order([pay(5), pay(6, to="bob")], [world.deposit(90)])
    anchor, first, second, rest, back = tx.body.outputs
    for outputs, error in (
        ((first, second, anchor, rest, back), AnchorMismatch),
        ((), AnchorMismatch),
        ((anchor, second, first, rest, back), OutputsMismatch),
        ((anchor, first, rest, back), OutputsMismatch),
        ((anchor, first, replace(second, amount=7), rest, back), OutputsMismatch),
        ((anchor, first, second, back), VaultFee),
        ((anchor, first, second, replace(rest, amount=78), back), VaultFee),
        ((anchor, first, second, replace(rest, asset=GOLD), back), VaultFee),
        ((anchor, first, second, back, rest), RemainderMismatch),
        ((anchor, first, second, replace(rest, amount=80), back), RemainderMismatch),
        ((anchor, first, second, rest, replace(rest, amount=1)), SponsorInvalid),
    ):
        with pytest.raises(error):
            world.judge(edited(world, tx, outputs=outputs))


def test_split_remainder(world: World) -> None:
    tx = world.order([pay(5)], [world.deposit(90)])
    anchor, paid, rest, back = tx.body.outputs
    halves = (replace(rest, amount=42), replace(rest, amount=43))
    with pytest.raises(RemainderMismatch):
        world.judge(edited(world, tx, outputs=(anchor, paid, *halves, back)))


def test_sponsors_have_policy_locks_after_the_vault(world: World) -> None:
    tx = world.touch()
    deposit = world.deposit(9)
    with pytest.raises(SponsorInvalid):
        world.judge(edited(world, tx, inputs=(*tx.body.inputs, deposit[0])))
    with pytest.raises(SponsorInvalid):
        world.judge(edited(world, tx, outputs=(*tx.body.outputs, Output(BTM, 1, RetireLock(b"")))))
    order = world.order([pay(5)], [deposit])
    anchor, coin, sponsor = order.body.inputs
    late = world.deposit(9)
    with pytest.raises(SponsorInvalid):
        world.judge(edited(world, order, inputs=(anchor, coin, sponsor, late[0])))


def test_anchor_comes_first(world: World) -> None:
    tx = world.touch()
    with pytest.raises(NotAnAnchor):
        world.judge(edited(world, tx, inputs=tuple(reversed(tx.body.inputs))))


def test_every_coin_exists(world: World) -> None:
    tx = world.touch()
    del world.coins[tx.body.inputs[1]]
    with pytest.raises(CoinMissing):
        world.judge(tx)


def test_one_operation(world: World) -> None:
    tx = world.touch()
    touch, operation = tx.witnesses[-1], Touch(0, 0)
    assert isinstance(touch, Approval)
    with pytest.raises(OneOperation):
        vault_effects(world, tx, 1, operation, touch, world.height, CHAIN)
    two = edited(world, tx, actions=tx.body.actions * 2)
    with pytest.raises(OneOperation):
        world.judge(two)
    beside = edited(world, tx, actions=(*tx.body.actions, Action(2, b"")))
    with pytest.raises(OneOperation):
        world.judge(beside)
