"""Peg-in: each refusal with its reason, the limit, and what a deep reorganisation does (P16)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint
from bystack.sidechain.burns import AmountNotWhole, AssetUnmapped, fee_share
from bystack.sidechain.claims import (
    ClaimLimit,
    DepositBelowMinimum,
    NotOrphaned,
    claimed_at,
)
from bystack.sidechain.stops import PegsPaused, Stop
from tests.sidechain.mainside import GOLD, vault_chain
from tests.sidechain.world import ASSETS, K, World, asset, funded, genesis_for, ready


def with_assets(*assets: object) -> World:
    main = vault_chain()
    world = World(main, genesis_for(main, assets=assets))
    world.relay(K)
    return world


def test_an_asset_the_sidechain_does_not_take() -> None:
    world = with_assets(ASSETS[0])
    paid = world.deposit(1_000, GOLD)
    world.relay(K)
    with pytest.raises(AssetUnmapped):
        world.block(world.claim_tx(paid))


@pytest.mark.parametrize(("amount", "fine"), [(9, False), (10, True)])
def test_the_minimum_is_exact(amount: int, fine: bool) -> None:
    world = ready()
    paid = world.deposit(amount)
    world.relay(K)
    if not fine:
        with pytest.raises(DepositBelowMinimum):
            world.block(world.claim_tx(paid))
        return
    world.block(world.claim_tx(paid))
    assert world.supply(BTM) == amount


def test_amounts_are_in_whole_units() -> None:
    world = with_assets(asset("BTM", BTM, unit=10, pegout_fee=0, fee=0), ASSETS[1])
    good, bad = world.deposit(1_050), world.deposit(1_055)
    world.relay(K)
    with pytest.raises(AmountNotWhole):
        world.block(world.claim_tx(bad))
    # A fee of one per cent, 10.5, is rounded down to the unit.
    world.block(world.claim_tx(good))
    assert world.supply(BTM) == 1_040 and world.sums().pool == 10


def test_a_deeper_asset_needs_its_own_depth() -> None:
    world = with_assets(ASSETS[0], asset("GOLD", GOLD, confirmations=10))
    paid, gold = world.deposit(1_000), world.deposit(1_000, GOLD)
    world.relay(K)
    world.block(world.claim_tx(paid))
    for _ in range(4):
        with pytest.raises(Exception, match="NotDeepEnough"):
            world.block(world.claim_tx(gold))
        world.relay(1)
    world.block(world.claim_tx(gold))


def test_an_old_deposit_of_a_deeper_asset_is_claimed_under_its_own_depth() -> None:
    world = with_assets(ASSETS[0], asset("GOLD", GOLD, confirmations=10))
    gold = world.deposit(1_000, GOLD)
    for _ in range(2):
        world.relay(600)
    with pytest.raises(Exception, match="HistoryCount"):
        world.block(world.claim_tx(gold, under=world.relayed - K))
    world.block(world.claim_tx(gold, under=world.relayed - 10))
    assert world.sums(GOLD).circulating + world.sums(GOLD).pool == 1_000


def test_the_limit_slides_over_k_relayed_headers() -> None:
    world = with_assets(asset("BTM", BTM, pegin_limit=1_500), ASSETS[1])
    paid = [world.deposit(amount) for amount in (1_000, 500, 1, 1_500)]
    paid[2] = world.deposit(10)
    world.relay(K)
    world.block(world.claim_tx(paid[0]))
    world.relay(2)
    world.block(world.claim_tx(paid[1]))
    for left in range(K - 2, 0, -1):
        with pytest.raises(ClaimLimit):
            world.block(world.claim_tx(paid[2]))
        assert left
        world.relay(1)
    # The thousand has left the window; the five hundred has not.
    world.block(world.claim_tx(paid[2]))
    with pytest.raises(ClaimLimit):
        world.block(world.claim_tx(paid[3]))
    world.relay(K)
    world.block(world.claim_tx(paid[3]))
    assert world.sums().circulating + world.sums().pool == 3_010


@settings(max_examples=200)
@given(st.integers(0, 2**63 - 1), st.integers(0, 9_999), st.integers(1, 10**6), st.integers(0, 1))
def test_fees_are_whole_units_below_their_share(
    amount: int, points: int, unit: int, fungible: int
) -> None:
    fee = fee_share(asset("X", BTM, unit=unit, fungible=fungible), amount, points)
    exact = amount * points // 10_000
    assert fee % unit == 0 and 0 <= exact - fee < unit if fungible else fee == 0


def test_a_deep_reorganisation_publishes_a_deficit_and_reproving_clears_it() -> None:
    """P16: minted <= locked + declared deficit, always reported; no second mint."""
    world = funded()
    paid = world.deposit(1_000)
    world.relay(K)
    world.block(world.claim_tx(paid))
    circulating = world.sums().circulating
    with pytest.raises(NotOrphaned):
        world.block(world.reprove_tx(paid))
    assert paid in world.main.reorganise(K + 3)
    world.relay()
    assert world.sums().deficit == 1_000 and world.sums().circulating == circulating
    assert world.stops == Stop.ORPHANED | Stop.DEEP_REORG
    world.main.mine(paid)
    world.relay(K - 1)
    with pytest.raises(Exception, match="NotDeepEnough"):
        world.block(world.reprove_tx(paid))
    world.relay(1)
    with pytest.raises(PegsPaused):
        world.block(world.claim_tx(paid))
    world.block(world.reprove_tx(paid))
    assert world.sums().deficit == 0 and world.sums().circulating == circulating
    record = claimed_at(world.view, Outpoint(paid.id, 0))
    assert record is not None and not record.orphaned
    assert record.header == world.main.entries[world.main.where[paid.id][0]].id
    with pytest.raises(NotOrphaned):
        world.block(world.reprove_tx(paid))
    # Away a second time: the index follows the deposit to its new block.
    world.main.reorganise(K + 1)
    world.relay()
    assert world.sums().deficit == 1_000


def test_a_donation_is_taken_back_with_its_block_and_proved_again() -> None:
    """In any order: claim away, donated, claim back, donation away, donation back."""
    world = funded()
    lost = world.deposit(1_000)
    world.relay(K)
    world.block(world.claim_tx(lost))
    world.main.reorganise(K + 1)
    gift = world.deposit(1_000, to=None)
    world.relay(K)
    world.block(world.donate_tx(gift))
    assert world.sums().deficit == 0
    gone = world.main.reorganise(K + 1)
    world.relay()
    assert gift in gone and world.sums().deficit == 1_000
    world.main.mine(lost)
    world.relay(K)
    world.block(world.reprove_tx(lost))
    sums = world.sums()
    assert (sums.deficit, sums.lost, sums.donated) == (0, 0, 0)
