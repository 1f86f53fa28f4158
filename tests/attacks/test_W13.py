"""W13 (fedimint issue 196): a tiny peg-out whose fees exceed what it pays.

It is refused before anything is burned. Fees of a batch are charged to its requests; sponsors are
repaid of those alone: whatever the sizes, backing never pays.
"""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.sidechain.burns import BurnBelowMinimum
from tests.ledger.people import BOB
from tests.sidechain.lawful import lawful
from tests.sidechain.mainside import vault_chain
from tests.sidechain.test_batches import burn_many
from tests.sidechain.world import ASSETS, K, World, asset, funded, genesis_for


def dear() -> World:
    """A flat fee of 30, far above the least amount of 10 that may be burned."""
    main = vault_chain()
    world = World(main, genesis_for(main, assets=(asset("BTM", BTM, pegout_fee=30), ASSETS[1])))
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    world.pegged(5_000)
    return world


@pytest.mark.parametrize("amount", [10, 29, 30])
def test_what_its_fees_eat_up_is_refused_before_it_is_burned(amount: int) -> None:
    world = dear()
    before = (world.sums(), world.supply(BTM))
    with pytest.raises(BurnBelowMinimum):
        world.block(world.burn_tx(amount))
    assert (world.sums(), world.supply(BTM)) == before


def test_the_least_that_is_paid_pays_its_own_way() -> None:
    world = dear()
    id = world.burn(31)
    assert world.request(id).payout == 1 and world.request(id).flat == 30
    pool = world.sums().pool
    world.pay(0, BOB.lock.root)
    assert world.balance(BOB) == 30 and world.sums().pool == pool - 30
    lawful(world)


def test_a_batch_repays_no_more_than_its_own_requests_paid() -> None:
    """Ten tiny ones: the vault pays out what they are owed, the sponsor has their flat fees."""
    world = funded()
    for _ in range(4):
        world.burn(10)
    ids = burn_many(world, [10] * 10)
    world.pay(0)
    vault = sum(coin.amount for _, coin in world.main.vault_coins(BTM))
    record = world.record(4)
    assert record.requests == tuple(ids)
    for seq in (1, 2, 3):
        world.pay(seq)
    before, sponsor = world.sums().pool, world.balance(BOB)
    world.pay(4, BOB.lock.root)
    repaid = world.balance(BOB) - sponsor
    assert repaid == sum(world.request(id).flat for id in ids) == before - world.sums().pool
    left = sum(coin.amount for _, coin in world.main.vault_coins(BTM))
    assert vault - left == 6 * (10 + 3), "the payouts of 13 requests and not a unit more"
    lawful(world)
