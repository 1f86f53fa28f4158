"""Pace: waits follow what certificates took, within their bounds."""

from __future__ import annotations

import pytest

from bystack.sidechain.consensus.events import Config
from bystack.sidechain.consensus.pace import Pace

CONFIG = Config(fallback=400)


def after(*times: int) -> Pace:
    pace = Pace()
    for one in times:
        pace.took(one)
    return pace


@pytest.mark.parametrize(
    ("times", "fallback", "gathering"),
    [
        ((), 400, 60),
        ((0,), 60, 10),
        ((20,), 60, 20),
        ((50,), 100, 50),
        ((90,), 180, 60),
        ((1_000,), 400, 60),
        ((100, 20), 180, 60),
    ],
)
def test_waits(times: tuple[int, ...], fallback: int, gathering: int) -> None:
    pace = after(*times)
    assert (pace.fallback(CONFIG), pace.gathering(CONFIG)) == (fallback, gathering)


def test_it_settles_on_what_lasts() -> None:
    assert after(1_000, *[40] * 60).smoothed in (40, 41)


def test_bounds_follow_a_quicker_configuration() -> None:
    quick = Config(fallback=30)
    assert (after(1).fallback(quick), after().gathering(quick)) == (30, 30)
