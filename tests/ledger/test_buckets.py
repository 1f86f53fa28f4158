"""Token buckets: exact refill, the bound at every height and in every window."""

from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import Bucket, drawn, empty, inherited, levels, refilled
from bystack.ledger.terms import Limit, Terms, Tier
from bystack.ledger.vault_errors import AssetNotListed, BucketExceeded
from tests.ledger.vault_world import GOLD, key, usual_terms
from tests.wire import check_wire

small = st.integers(1, 50)
limits = st.builds(Limit, st.just(BTM), small, small, small)
buckets = st.builds(Bucket, st.just(0), st.just(BTM), st.integers(0, 50), st.integers(0, 100))


def one_tier(limit: Limit) -> Terms:
    return replace(usual_terms(), tiers=(Tier(key("op"), (limit,), 0),))


def take(terms: Terms, state: tuple[Bucket, ...], amount: int, height: int) -> tuple[Bucket, ...]:
    return drawn(state, terms, 0, {BTM: amount}, height)


@given(buckets, limits, st.lists(st.integers(0, 90), max_size=20))
def test_refilling_often_equals_refilling_once(
    bucket: Bucket, limit: Limit, pauses: list[int]
) -> None:
    bucket = replace(bucket, level=min(bucket.level, limit.capacity))
    heights = [bucket.counted + sum(pauses[: i + 1]) for i in range(len(pauses))] or [
        bucket.counted
    ]
    often = bucket
    for height in heights:
        often = refilled(often, limit, height)
    assert often == refilled(bucket, limit, heights[-1])


def test_nothing_between_the_steps() -> None:
    limit = Limit(BTM, 100, 10, 5)
    at = [refilled(Bucket(0, BTM, 0, 1000), limit, 1000 + n).level for n in range(12)]
    assert at == [0] * 5 + [10] * 5 + [20] * 2
    assert refilled(Bucket(0, BTM, 0, 1000), limit, 1013) == Bucket(0, BTM, 20, 1010)


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 70)), max_size=60),
)
def test_bound(limit: int, window: int, wishes: list[tuple[int, int]]) -> None:
    """ "L over w": ≤ L at once, ≤ 2L in any window, ≤ refills at any height from the start on."""
    step = gcd(limit, window)
    rule = Limit(BTM, limit, limit // step, window // step)
    terms, height = one_tier(rule), 100
    state = empty(terms, height)
    taken: list[tuple[int, int]] = []
    for pause, wish in wishes:
        height += pause
        level = levels(state, terms, height)[0, BTM]
        if wish > level:
            with pytest.raises(BucketExceeded):
                take(terms, state, wish, height)
            wish = level
        if wish:
            state = take(terms, state, wish, height)
            taken.append((height, wish))
        refills = (height - 100) // rule.period * rule.refill
        assert sum(amount for _, amount in taken) <= min(refills, refills + rule.capacity)
        assert sum(amount for at, amount in taken if at > height - window) <= 2 * limit
        assert all(0 <= b.level <= limit and b.counted <= height for b in state)


def test_only_the_moving_tier_and_assets_change() -> None:
    terms = usual_terms()
    state = empty(terms, 0)
    after = drawn(state, terms, 0, {GOLD: 50}, 4000)
    assert [b.level for b in after] == [0, 0, 0]
    assert after[0] == Bucket(0, GOLD, 0, 4000)
    assert after[1:] == state[1:]


def test_order_of_buckets() -> None:
    assert [(b.tier, b.asset) for b in empty(usual_terms(), 0)] == [(0, GOLD), (0, BTM), (1, BTM)]


def test_unlisted_and_exceeded() -> None:
    terms = usual_terms()
    with pytest.raises(AssetNotListed):
        drawn(empty(terms, 0), terms, 1, {GOLD: 1}, 4000)
    with pytest.raises(BucketExceeded):
        drawn(empty(terms, 0), terms, 0, {BTM: 1}, 4)
    assert drawn(empty(terms, 0), terms, 2, {GOLD: 10**12}, 0) == empty(terms, 0)


class TestInherited:
    def test_keeps_the_lower(self) -> None:
        old = one_tier(Limit(BTM, 100, 10, 5))
        for capacity, level in ((40, 40), (400, 70)):
            new = one_tier(Limit(BTM, capacity, 10, 5))
            (after,) = inherited((Bucket(0, BTM, 50, 1000),), old, new, 1014)
            assert after == Bucket(0, BTM, level, 1010)

    def test_new_ones_start_empty_and_old_ones_end(self) -> None:
        old, new = one_tier(Limit(BTM, 100, 10, 5)), one_tier(Limit(GOLD, 100, 10, 5))
        assert inherited((Bucket(0, BTM, 50, 1000),), old, new, 1014) == (Bucket(0, GOLD, 0, 1014),)

    def test_a_shorter_period_does_not_turn_waiting_into_steps(self) -> None:
        old, new = one_tier(Limit(BTM, 1000, 1, 1000)), one_tier(Limit(BTM, 1000, 1, 1))
        (after,) = inherited((Bucket(0, BTM, 0, 0),), old, new, 999)
        assert after == Bucket(0, BTM, 0, 999)

    @given(buckets, limits, limits, st.integers(0, 300))
    def test_never_more_than_before(
        self, bucket: Bucket, one: Limit, other: Limit, pause: int
    ) -> None:
        bucket = replace(bucket, level=min(bucket.level, one.capacity))
        height = bucket.counted + pause
        (after,) = inherited((bucket,), one_tier(one), one_tier(other), height)
        assert after.level == min(refilled(bucket, one, height).level, other.capacity)
        assert refilled(after, other, height).level == after.level


def test_bytes() -> None:
    check_wire("bucket", Bucket(1, BTM, 70, 1000))
