"""A member's own bucket: as the vault's, full at first, never filled by a restart or a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bystack.federation.charter_compiling import bucket
from bystack.federation.policies.allowance import Spending, Spent, exceeded
from bystack.ledger.terms import Limit
from tests.federation.policies.asked import BTC, GOLD

LIMIT = bucket(BTC, 100, 10)
"""10 more each block."""


def remaining(limit: Limit, spent: list[Spent], height: int) -> int:
    return Spending(spent).remaining(limit, height)


def test_it_is_full_at_first_and_refills_by_blocks() -> None:
    assert remaining(LIMIT, [], 0) == remaining(LIMIT, [], 10**9) == 100
    spent = [Spent(50, BTC, 80)]
    assert [remaining(LIMIT, spent, height) for height in (50, 51, 57, 58, 60)] == [
        20, 30, 90, 100, 100,
    ]  # fmt: skip


def test_a_block_counts_once_however_often_it_is_asked() -> None:
    spent = [Spent(50, BTC, 80), Spent(51, BTC, 30), Spent(51, BTC, 0), Spent(52, BTC, 10)]
    assert remaining(LIMIT, spent, 52) == 0 and remaining(LIMIT, spent, 53) == 10


def test_heights_never_go_back() -> None:
    """A chain that is followed anew after a restart fills nothing twice."""
    spent = [Spent(50, BTC, 100)]
    assert remaining(LIMIT, spent, 0) == 0
    assert remaining(LIMIT, [*spent, Spent(0, BTC, 0)], 50) == 0


def test_other_assets_do_not_count() -> None:
    assert remaining(LIMIT, [Spent(50, GOLD, 80)], 50) == 100


def test_a_limit_that_fell_binds_at_once() -> None:
    spent = [Spent(50, BTC, 30)]
    assert remaining(bucket(BTC, 20, 10), spent, 50) == 0
    assert remaining(bucket(BTC, 0, 10), [], 50) == 0


def test_the_first_limit_that_does_not_fit_is_named() -> None:
    limits = (bucket(GOLD, 5, 10), LIMIT)
    assert exceeded(limits, Spending(), {BTC: 100, GOLD: 5}, 50) is None
    assert exceeded(limits, Spending(), {BTC: 101, GOLD: 5}, 50) == (LIMIT, 100)
    assert exceeded(limits, Spending([Spent(49, GOLD, 4)]), {GOLD: 3}, 49) == (limits[0], 1)
    assert exceeded((), Spending(), {BTC: 10**18}, 50) is None


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 100)), max_size=12))
def test_no_window_sees_more_than_twice_the_limit(asked: list[tuple[int, int]]) -> None:
    spending, spent = Spending(), list[Spent]()
    for height, amount in sorted(asked, key=lambda one: one[0]):
        if exceeded((LIMIT,), spending, {BTC: amount}, height) is None:
            spent.append(Spent(height, BTC, amount))
            spending.rows.append(spent[-1])
        assert spending.remaining(LIMIT, height) == remaining(LIMIT, spent, height)
    for start in range(41):
        within = sum(one.amount for one in spent if start <= one.height < start + 10)
        assert within <= 200
