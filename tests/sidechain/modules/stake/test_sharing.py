"""Shares add up, keep to the quota, and depend on order only where fractions are equal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bystack.sidechain.modules.stake.sharing import shares

AMOUNTS = st.integers(0, 2**63 - 1)


def test_the_largest_fractions_get_what_is_left() -> None:
    assert shares(10, [1, 1, 1]) == (4, 3, 3)
    assert shares(100, [53, 24, 23]) == (53, 24, 23)
    assert shares(7, [60, 25, 15]) == (4, 2, 1)
    assert shares(1, [1, 2]) == (0, 1)


def test_nobody_shares_nothing() -> None:
    assert shares(10, []) == ()
    assert shares(10, [0, 0]) == (0, 0)
    assert shares(0, [1, 2]) == (0, 0)


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=50))
def test_they_add_up_and_keep_to_the_quota(total: int, weights: list[int]) -> None:
    found, whole = shares(total, weights), sum(weights)
    assert sum(found) == (total if whole else 0)
    for share, weight in zip(found, weights, strict=True):
        if whole:
            assert total * weight // whole <= share <= -(-total * weight // whole)
