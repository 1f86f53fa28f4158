"""Rates: a burst, then so many a second, for each token alone; a large batch leaves a debt."""

from __future__ import annotations

import pytest

from bystack.node.web.rates import BURST_SECONDS, Rates


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    rates = Rates(lambda: 8, clock)
    assert [rates.wait("a", 1) for _ in range(8 * BURST_SECONDS)] == [0.0] * 8 * BURST_SECONDS
    assert rates.wait("a", 1) == pytest.approx(0.125)
    assert rates.wait("b", 1) == 0.0
    clock.time += 0.125
    assert rates.wait("a", 1) == 0.0
    assert rates.wait("a", 1) > 0


def test_a_batch_leaves_a_debt_that_time_pays() -> None:
    clock = Clock()
    rates = Rates(lambda: 8, clock)
    assert rates.wait("a", 1000) == 0.0
    wait = rates.wait("a", 1)
    assert wait == pytest.approx((1000 - 16 + 1) / 8)
    clock.time += wait
    assert rates.wait("a", 1) == 0.0


def test_no_limit() -> None:
    rates = Rates(lambda: 0, Clock())
    assert rates.wait("a", 10**9) == rates.wait("a", 10**9) == 0.0


def test_another_rate_from_now_on() -> None:
    clock, rate = Clock(), [1]
    rates = Rates(lambda: rate[0], clock)
    assert [rates.wait("a", 1) for _ in range(2)] == [0.0] * 2 and rates.wait("a", 1) > 0
    rate[0] = 4
    clock.time += 0.25
    assert rates.wait("a", 1) == 0.0
    assert rates.wait("a", 1) == pytest.approx(0.25)
