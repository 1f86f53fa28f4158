"""V11: adopt terms with tiers swapped. Buckets keep the lower level; new ones start empty."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import levels
from bystack.ledger.terms import Limit, Terms, Tier, terms_hash
from bystack.ledger.vault_errors import BucketExceeded
from bystack.ledger.vault_operations import Adopt, Announce
from tests.ledger.vault_world import GOLD, World, key, pay, usual_terms

SMALL = Tier(key("op"), (Limit(BTM, 10, 1, 1000),), 0)
BIG = Tier(key("s1"), (Limit(BTM, 500, 1, 1000), Limit(GOLD, 7, 1, 1000)), 0)


def terms(*tiers: Tier) -> Terms:
    return replace(usual_terms(), tiers=tiers)


def adopt(world: World, new: Terms) -> None:
    world.submit(world.spend(Announce(world.state.seq, terms_hash(new))))
    world.height += 50
    world.submit(world.spend(Adopt(new)))
    world.terms = new


def level(world: World) -> dict[tuple[int, bytes], int]:
    return levels(world.state.buckets, world.terms, world.height)


@pytest.fixture
def world() -> World:
    world = World(terms(SMALL, BIG))
    world.height += 10**6
    return world


def test_swapped_tiers(world: World) -> None:
    assert level(world) == {(0, BTM): 10, (1, BTM): 500, (1, GOLD): 7}
    adopt(world, terms(BIG, SMALL))
    # The big tier now has number 0, whose bucket held 10; its GOLD is a new bucket.
    assert level(world) == {(0, BTM): 10, (0, GOLD): 0, (1, BTM): 10}
    with pytest.raises(BucketExceeded):
        world.judge(world.order([pay(11)], [world.deposit(11)], tier=0))


def test_swapping_back_fills_nothing(world: World) -> None:
    adopt(world, terms(BIG, SMALL))
    adopt(world, terms(SMALL, BIG))
    assert level(world) == {(0, BTM): 10, (1, BTM): 10, (1, GOLD): 0}


def test_a_spent_bucket_stays_spent(world: World) -> None:
    world.submit(world.order([pay(10)], [world.deposit(10)]))
    adopt(world, terms(replace(SMALL, limits=(Limit(BTM, 10**6, 1, 1000),)), BIG))
    assert level(world)[0, BTM] == 0


def test_dropped_and_named_again_starts_empty(world: World) -> None:
    adopt(world, terms(SMALL))
    adopt(world, terms(SMALL, BIG))
    assert level(world) == {(0, BTM): 10, (1, BTM): 0, (1, GOLD): 0}
