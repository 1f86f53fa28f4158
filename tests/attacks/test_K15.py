"""K15: the ordinary tier spends exactly 100 BTC and 200 BTM in its window; not a unit more.

Judged by the main chain: the transaction's rule, and whole blocks. Splitting over transactions,
outputs, assets, the window's edge, change, fees or sidechains gets nothing beyond the bucket's
rule: at any height at most what was full and has refilled, in any window at most twice the limit.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation.charter_compiling import bucket
from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import levels
from bystack.ledger.terms import Terms
from bystack.ledger.transactions import DepositLock, Output
from bystack.ledger.validation import Overspent
from bystack.ledger.vault_building import OwnedCoin
from bystack.ledger.vault_errors import (
    AssetNotListed,
    BucketExceeded,
    ForeignVaultCoin,
    OneOperation,
    VaultFee,
)
from tests.ledger.vault_world import GOLD, World, edited, pay, usual_terms

BTC = b"\x0b" * 32
COIN = 10**8
LIMITS = {BTC: 100 * COIN, BTM: 200 * COIN}
WINDOW = 576


def terms() -> Terms:
    first = replace(
        usual_terms().tiers[0],
        limits=tuple(bucket(asset, LIMITS[asset], WINDOW) for asset in sorted(LIMITS)),
    )
    return replace(usual_terms(), tiers=(first, *usual_terms().tiers[1:]))


def vault() -> World:
    world = World(terms())
    world.fill_buckets()
    return world


def hoards(world: World) -> list[OwnedCoin]:
    return [world.deposit(1_000 * COIN, asset) for asset in (BTC, BTM)]


def exactly() -> list[Output]:
    return [pay(LIMITS[BTC], BTC), pay(LIMITS[BTM], BTM)]


def test_the_full_bucket_passes_and_one_unit_more_is_refused() -> None:
    world = vault()
    coins = hoards(world)
    for outputs in ([pay(LIMITS[BTC] + 1, BTC)], [*exactly(), pay(1, BTM)]):
        with pytest.raises(BucketExceeded):
            world.judge(world.order(outputs, coins))
    world.submit(world.order(exactly(), coins))
    assert world.holdings(BTC) == 900 * COIN and world.holdings(BTM) == 800 * COIN


def spend(world: World, asset: bytes, amounts: list[int]) -> int:
    """Orders of these amounts one after the other in one block; what left."""
    left = 0
    for amount in amounts:
        held = [(p, c) for p, c in world.coins.items() if _owned(world, c, asset)]
        try:
            world.submit(world.order([pay(amount, asset, to="thief")], held))
        except BucketExceeded:
            continue
        left += amount
    return left


def _owned(world: World, coin, asset: bytes) -> bool:
    return getattr(coin.lock, "vault", None) == world.vault and coin.asset == asset and coin.amount


def test_over_a_thousand_outputs_and_many_transactions() -> None:
    world = vault()
    coins = hoards(world)
    tenth = LIMITS[BTC] // 1000
    with pytest.raises(BucketExceeded):
        world.judge(world.order([pay(tenth, BTC)] * 1001, coins))
    world.submit(world.order([pay(tenth, BTC)] * 999, coins))
    assert spend(world, BTC, [tenth] * 4) == tenth


def test_one_asset_buys_no_room_for_another() -> None:
    world = vault()
    coins = [*hoards(world), world.deposit(1_000, GOLD)]
    with pytest.raises(AssetNotListed):
        world.judge(world.order([pay(10, GOLD)], coins))
    with pytest.raises(BucketExceeded):
        world.judge(world.order([pay(1, BTM), pay(LIMITS[BTC] + 1, BTC)], coins))


def test_the_windows_edge_gives_twice_the_limit_and_no_more() -> None:
    world = vault()
    hoards(world)
    start, left = world.height, 0
    for height in range(start, start + WINDOW + 1):
        world.height = height
        now = levels(world.state.buckets, world.terms, height)[0, BTC]
        if now:
            left += spend(world, BTC, [now, 1])
    assert 2 * LIMITS[BTC] - LIMITS[BTC] // 64 <= left <= 2 * LIMITS[BTC]


def test_neither_fee_nor_change_nor_the_vault_itself_is_a_way_around() -> None:
    world = vault()
    coins = hoards(world)
    # What an order pays back to its own vault as a deposit counts like any payout.
    back = Output(BTC, LIMITS[BTC], DepositLock(world.vault, bytes(64)))
    with pytest.raises(BucketExceeded):
        world.judge(world.order([back, pay(1, BTC)], coins))
    # A remainder that does not all come back would be a fee, whatever its lock.
    tx = world.order([pay(LIMITS[BTM], BTM)], coins)
    *others, rest, sponsor = tx.body.outputs
    assert rest.asset == BTM
    less = replace(rest, amount=rest.amount - 1)
    with pytest.raises(VaultFee):
        world.judge(edited(world, tx, outputs=(*others, less, sponsor)))
    gift = replace(sponsor, amount=sponsor.amount + rest.amount)
    with pytest.raises((VaultFee, Overspent)):
        world.judge(edited(world, tx, outputs=(*others, gift)))


def test_two_orders_in_one_transaction_are_no_transaction() -> None:
    world = vault()
    tx = world.order([pay(1, BTC)], hoards(world))
    with pytest.raises(OneOperation):
        world.judge(replace(tx, body=replace(tx.body, actions=tx.body.actions * 2)))


def test_another_sidechains_vault_is_another_bucket_over_its_own_coins() -> None:
    """The federation that serves A and B has a vault for each: no order reaches into the other."""
    first, second = World(replace(terms(), note=b"other" + bytes(27))), vault()
    second._minted = 1_000
    coins = hoards(first)
    second.coins |= dict(coins)
    assert first.vault != second.vault
    with pytest.raises(ForeignVaultCoin):
        second.judge(second.order([pay(1, BTC)], coins))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 130)), min_size=1, max_size=25))
def test_random_splits_never_beat_the_bucket(steps: list[tuple[int, int]]) -> None:
    """(blocks to wait, percent of the limit): what left by any height is within the rule."""
    world = vault()
    hoards(world)
    (limit,) = [one for one in world.terms.tiers[0].limits if one.asset == BTC]
    start, paid = world.height, list[tuple[int, int]]()
    for wait, percent in steps:
        world.height += wait
        left = spend(world, BTC, [LIMITS[BTC] * percent // 100])
        paid.append((world.height, left))
    for height, _ in paid:
        total = sum(amount for at, amount in paid if at <= height)
        refills = -(-(height - start) // limit.period) * limit.refill
        assert total <= limit.capacity + refills
        window = sum(amount for at, amount in paid if height - WINDOW < at <= height)
        assert window <= 2 * LIMITS[BTC]
