from hypothesis import given
from hypothesis import strategies as st

from bystack.p2p.buckets import AddressBuckets, Rate, TokenBucket


def test_a_burst_then_the_rate() -> None:
    bucket = TokenBucket(Rate(10, 100), now=0.0)
    assert bucket.take(100, 0.0) == 0
    assert bucket.take(5, 0.0) == 0.5
    assert bucket.take(0, 0.5) == 0
    assert not bucket.try_take(1, 0.5)
    assert bucket.try_take(1, 0.75)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), max_size=40))
def test_who_waits_as_told_never_exceeds_the_rate(steps: list[tuple[float, int]]) -> None:
    bucket, now, taken = TokenBucket(Rate(10, 100), now=0.0), 0.0, 0
    for pause, tokens in steps:
        now += pause
        now += bucket.take(tokens, now)
        taken += tokens
        assert taken <= 100 + 10 * now + 1e-6


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = TokenBucket(Rate(10, 10), now=100.0)
    assert bucket.try_take(10, 100.0)
    assert not bucket.try_take(1, 50.0)


def test_addresses_have_a_bucket_each_and_few_are_remembered() -> None:
    buckets = AddressBuckets(Rate(1, 2), limit=100)
    assert [buckets.try_take("10.0.0.1", 0.0) for _ in range(3)] == [True, True, False]
    assert buckets.try_take("10.0.0.2", 0.0)
    for i in range(1000):
        buckets.try_take(f"host{i}", 0.0)
    assert len(buckets) == 100
