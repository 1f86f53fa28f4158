"""V10: touch every few blocks to starve the refill; 5 units over 576 blocks. Refill exact."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import levels
from bystack.ledger.terms import Limit
from bystack.ledger.vault_errors import BucketExceeded
from tests.ledger.vault_world import World, pay, usual_terms

# 5 over 576 compiles to refill 5, period 576: gcd 1, nothing can be divided further.
FIVE = Limit(BTM, 5, 5, 576)


def vault(*limits: Limit) -> World:
    first = replace(usual_terms().tiers[0], limits=limits)
    return World(replace(usual_terms(), tiers=(first, *usual_terms().tiers[1:])))


@pytest.mark.parametrize("pause", [1, 2, 7, 145])
def test_touching_neither_starves_nor_hastens(pause: int) -> None:
    world = vault(FIVE)
    start = world.height
    while world.height + pause < start + 576:
        world.height += pause
        world.submit(world.touch())
        assert levels(world.state.buckets, world.terms, world.height)[0, BTM] == 0
    world.height = start + 575
    with pytest.raises(BucketExceeded):
        world.judge(world.order([pay(1)], [world.deposit(1)]))
    world.height = start + 576
    world.submit(world.order([pay(5)], [world.deposit(5)]))


def test_orders_of_one_unit_do_not_move_the_clock() -> None:
    """Ordering in mid-period keeps the part of the period that has passed."""
    world = vault(FIVE)
    start = world.height
    for blocks, amount in ((576, 1), (900, 1), (1151, 3), (1152, 5)):
        world.height = start + blocks
        world.submit(world.order([pay(amount)], [world.deposit(amount)]))
    with pytest.raises(BucketExceeded):
        world.judge(world.order([pay(1)], [world.deposit(1)]))


def test_over_ten_windows_exactly_ten_refills() -> None:
    world, taken = vault(FIVE), 0
    start = world.height
    while world.height < start + 5760:
        world.height += 48
        world.submit(world.touch())
        level = levels(world.state.buckets, world.terms, world.height)[0, BTM]
        if level:
            world.submit(world.order([pay(level)], [world.deposit(level)]))
            taken += level
    assert taken == 50
