"""K03 Harmony/Orbit: t keys stolen (all ordinary keys).

Loss ≤ hot bucket per window; the large path needs super keys, delay, and no veto. The vault's part:
ordinary keys alone take nothing of the federation's group (`tests/federation` shows that); a stolen
operations key, which stands for a stolen quorum, takes a bucket and its refill.
"""

import pytest

from bystack.federation.charter import parse_charter
from bystack.federation.leak_names import leak
from bystack.ledger.amounts import BTM
from bystack.ledger.satisfaction import ItemsMissing
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_errors import AssetNotListed, BucketExceeded, NotMature, VaultFrozen
from bystack.ledger.vault_operations import Announce, Freeze
from tests.federation.charters import TRADE
from tests.federation.rosters import who
from tests.ledger.vault_world import GOLD, GOLD_UNIT, LARGE, SLOW, World, new_terms, pay

from .thief import ASSETS, Theft

STOLEN = frozenset({"op"})
CHARTER = parse_charter(TRADE)


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    world.hoard = world.deposit(100_000)
    return world


def test_the_loss_is_a_bucket_and_its_refill_until_the_guard_acts(world: World) -> None:
    """BTM: capacity 100, 10 more every 5 blocks; the guard freezes after 100 blocks."""
    start, coin, taken = world.height, world.hoard, 0
    for height in range(start, start + 101):
        world.height = height
        for amount in (100, 50, 20, 10, 1):
            tx = world.order([pay(amount, to="thief")], [coin], held=STOLEN)
            try:
                outpoint = world.submit(tx)
            except BucketExceeded:
                continue
            taken += amount
            rest = Outpoint(outpoint.transaction, 2)
            coin = (rest, world.coins[rest])
    assert taken == 100 + 100 // 5 * 10
    world.submit(world.spend(Freeze(0), {"g1"}))
    with pytest.raises(VaultFrozen):
        world.judge(world.order([pay(1, to="thief")], [coin], held=STOLEN))
    assert world.holdings(BTM) == 100_000 - taken


def test_splitting_does_not_help(world: World) -> None:
    many = [pay(1, to="thief")] * 101
    with pytest.raises(BucketExceeded):
        world.judge(world.order(many, [world.hoard], held=STOLEN))


def test_no_other_path_is_open_to_them(world: World) -> None:
    for tier in (SLOW, LARGE):
        with pytest.raises(ItemsMissing):
            world.judge(world.order([pay(300)], [world.hoard], tier=tier, held=STOLEN))
    with pytest.raises(ItemsMissing):
        world.judge(world.spend(Announce(0, terms_hash(new_terms())), STOLEN))
    gold = world.deposit(10, GOLD, GOLD_UNIT)
    with pytest.raises(AssetNotListed):
        world.judge(world.order([pay(10, GOLD)], [gold], tier=SLOW))


def test_with_the_supers_there_is_still_the_delay_and_the_veto(world: World) -> None:
    held = STOLEN | {"s1", "s2"}
    theft = [pay(100_000, to="thief")]
    tx = world.order(theft, [world.hoard], tier=LARGE, held=held)
    world.submit(tx)
    pending = Outpoint(tx.id, 1)
    world.height += 143
    with pytest.raises(NotMature):
        world.judge(world.complete(pending, theft))
    world.submit(world.veto(pending, {"g1"}))
    assert world.holdings(BTM) == 100_000


def test_all_ordinary_keys_take_nothing_and_that_is_what_is_printed() -> None:
    found = leak(CHARTER, ("gamma", "delta", "epsilon"), who())
    assert found.weight == 3 and found.bound.ways == ()
    # A super's shares more, and it is the ordinary tier: its bucket and what refills.
    quorum = leak(CHARTER, ("gamma", "delta", "epsilon", "alpha"), who())
    btc = quorum.assets["BTC"].id
    assert quorum.weight == 5 and quorum.bound.loss(btc, 0) == 100 * 10**8
    assert (quorum.bound.total(btc) or 0) < 102 * 10**8


@pytest.mark.parametrize("answer", [0, 4, 5, 19])
def test_the_loss_measured_is_the_bound_that_is_printed(answer: int) -> None:
    theft = Theft(STOLEN, answer, recovery=max(19, answer))
    taken = theft.run(150)
    assert taken[BTM] == 100 + answer // 5 * 10
    assert all(taken[asset] <= (theft.bound.total(asset) or 0) for asset in ASSETS)
    assert (theft.bound.total(BTM) or 0) - taken[BTM] < 20


def test_who_replaces_the_keys_as_the_freeze_ends_is_a_block_late() -> None:
    """Frozen in block 0 for 20 blocks; in block 20 the thief is first, with a bucket refilled."""
    theft = Theft(STOLEN, answer=0, recovery=20)
    assert theft.bound.answered == 20
    assert theft.run(150)[BTM] == theft.bound.total(BTM) == 100 + 20 // 5 * 10
