"""V07: backdated height in valid_from to skip a delay. No effect: delays count from blocks."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.vault_errors import BucketExceeded, NotIdle, NotMature, NotRipe
from bystack.ledger.vault_operations import Adopt, Announce, Recover
from tests.ledger.vault_world import LARGE, World, edited, new_terms, pay

WINDOWS = [(1, 0), (0, 10**9), (1, 10**9), (1000, 1000), (0, 0)]


def backdated(world: World, tx: Transaction) -> list[Transaction]:
    return [edited(world, tx, valid_from=a, valid_until=b) for a, b in WINDOWS]


def test_create() -> None:
    """A vault's birth is its block's height, so its buckets are as empty as any."""
    world = World(height=1000)
    tx = edited(world, world.create(world.terms, world.sponsor()), valid_from=1)
    anchor = world.judge(tx).delta.created[Outpoint(tx.id, 0)]
    assert anchor.height == 1000
    with pytest.raises(BucketExceeded):
        world.judge(edited(world, world.order([pay(1)], [world.deposit(1)]), valid_from=1))


def test_complete() -> None:
    world = World(height=1000)
    order = world.order([pay(50)], [world.deposit(50)], tier=LARGE)
    world.submit(edited(world, order, valid_from=1, valid_until=2000))
    (pending,) = (o for o, c in world.coins.items() if c.amount == 50)
    assert world.coins[pending].height == 1000
    for tx in backdated(world, world.complete(pending, [pay(50)])):
        with pytest.raises(NotMature):
            world.judge(tx)
    assert world.holdings(BTM) == 50


def test_adopt_and_recover() -> None:
    world = World(height=1000)
    announce = world.spend(Announce(0, terms_hash(new_terms())))
    world.submit(edited(world, announce, valid_from=1))
    assert world.state.announced[0].ripe == 1050
    assert world.state.touched == 1000
    for tx in backdated(world, world.spend(Adopt(new_terms()))):
        with pytest.raises(NotRipe):
            world.judge(tx)
    for tx in backdated(world, world.spend(Recover(0, new_terms()))):
        with pytest.raises(NotIdle):
            world.judge(tx)
    assert world.state.terms == terms_hash(world.terms)
