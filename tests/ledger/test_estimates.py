"""Fee estimates: what was mined decides, the past fades, too little data is no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.estimates import (
    BOUNDS,
    BUCKETS,
    MAX_TARGET,
    SPANS,
    FeeEstimates,
    FeeRecord,
    HorizonRecord,
    bucket_of,
)
from bystack.primitives.codec import decode, encode
from tests.wire import check_wire

LOW, HIGH = 2_000_000, 50_000_000


def name(number: int) -> bytes:
    return number.to_bytes(32, "big")


def traffic(fees: FeeEstimates, blocks: int, waits: dict[int, int], start: int = 0) -> list[bytes]:
    """In each block come ten of each rate, mined so many blocks later; 0 is never. Who waits on."""
    queue: dict[int, list[bytes]] = {}
    for height in range(start, start + blocks):
        for rate, wait in waits.items():
            for number in range(10):
                id = name((height * 1_000 + number) * len(BOUNDS) + bucket_of(rate))
                fees.entered(id, rate, height)
                queue.setdefault(height + wait if wait else -1, []).append(id)
        fees.mined(queue.pop(height + 1, []), height + 1)
    return [id for ids in queue.values() for id in ids]


def test_nothing_is_known_at_first() -> None:
    fees = FeeEstimates()
    assert fees.estimate(1) is None
    traffic(fees, 1, {LOW: 1})
    assert fees.estimate(1) is None


def near(rate: int | None, wanted: int) -> bool:
    return rate is not None and abs(rate - wanted) * 10 <= wanted


def test_the_lowest_rate_that_was_mined_in_time_is_the_answer() -> None:
    fees = FeeEstimates()
    traffic(fees, 40, {HIGH: 1, LOW: 6})
    for target, wanted in ((1, HIGH), (2, HIGH), (6, LOW), (12, LOW)):
        found = fees.estimate(target)
        assert found is not None
        assert near(found.rate, wanted), target
        assert found.blocks == target


def test_what_is_never_mined_is_no_answer() -> None:
    fees = FeeEstimates()
    traffic(fees, 40, {HIGH: 1, LOW: 0})
    found = fees.estimate(6)
    assert found is not None
    assert near(found.rate, HIGH)


def test_what_left_unmined_counts_against_a_rate() -> None:
    mined, evicted = FeeEstimates(), FeeEstimates()
    for fees in (mined, evicted):
        traffic(fees, 40, {HIGH: 1, LOW: 2})
    for number in range(2_000):
        id = name(2**200 + number)
        evicted.entered(id, LOW, evicted.height - 30)
        evicted.left(id)
    assert near(getattr(mined.estimate(3), "rate", None), LOW)
    assert near(getattr(evicted.estimate(3), "rate", None), HIGH)


@pytest.mark.parametrize("tip", [None, 20, 98, 100])
def test_what_is_replaced_at_once_counts_against_nothing(tip: int | None) -> None:
    fees = FeeEstimates()  # just started: no block told it a height, or one a reorganisation undid
    empty = fees.record().horizons
    fees.entered(name(1), LOW, 100)
    if tip is not None:
        fees.mined([], tip)
    fees.left(name(1))
    assert [one.failed for one in fees.record().horizons] == [one.failed for one in empty]


def test_the_past_fades() -> None:
    fees = FeeEstimates()
    waiting = traffic(fees, 30, {HIGH: 1, LOW: 9})
    assert near(getattr(fees.estimate(2), "rate", None), HIGH)
    for id in waiting:
        fees.left(id)
    traffic(fees, 200, {LOW: 1}, start=30)
    assert near(getattr(fees.estimate(2), "rate", None), LOW)


def test_while_the_chain_is_behind_nothing_is_learnt() -> None:
    fees = FeeEstimates()
    fees.live = False
    traffic(fees, 40, {HIGH: 1})
    assert fees.estimate(2) is None


def test_thousands_of_blocks_leave_the_counts_finite() -> None:
    fees = FeeEstimates()
    traffic(fees, 20, {HIGH: 1})
    fees.mined([], 21)
    for height in range(22, 5_000):
        fees.mined([], height)
    assert fees.estimate(2) is None
    traffic(fees, 40, {LOW: 1}, start=5_000)
    assert near(getattr(fees.estimate(2), "rate", None), LOW)


@given(st.integers(0, 2**70))
def test_every_rate_has_a_bucket(rate: int) -> None:
    bucket = bucket_of(rate)
    assert 0 <= bucket < BUCKETS
    assert bucket == 0 or BOUNDS[bucket - 1] <= rate
    assert bucket == BUCKETS - 1 or rate < BOUNDS[bucket]


def test_what_was_learnt_survives_a_restart() -> None:
    fees, again = FeeEstimates(), FeeEstimates()
    fees.entered(name(2**210), 2**90, 0)
    fees.mined([name(2**210)], 1)
    traffic(fees, 40, {HIGH: 1, LOW: 6})
    record = decode(FeeRecord, encode(fees.record()), 10_000_000)
    again.restore(record)
    for target in (1, 2, 6, 40, MAX_TARGET):
        before, after = fees.estimate(target), again.estimate(target)
        assert (before is None) == (after is None)
        assert before is None or (after is not None and near(after.rate, before.rate))
    fees.restore(FeeRecord(3, (SHORT,) * 3))  # of other spans: left aside
    assert near(getattr(fees.estimate(1), "rate", None), HIGH)


ROW = tuple(range(BUCKETS))
SHORT = HorizonRecord(ROW, ROW, (ROW,), (ROW,))


def test_golden_bytes() -> None:
    check_wire("ledger_fee_record", FeeRecord(840_000, (SHORT,) * 3))


def test_the_spans_reach_a_week() -> None:
    assert [span.reach for span in SPANS] == [12, 48, 1_008]
