"""The target follows a hash rate that jumps, climbs or is switched on and off, and never swings.

Blocks are found by chance here, so what is asserted is the mean over `SEEDS` runs: an hour of all
of them holds 768 blocks, whose mean has a standard deviation of 4 % (Poisson's 3.6 %, and the
target's own 8.5 % over as many runs).
"""

from __future__ import annotations

import pytest

from bystack.mainchain.work import target_of
from tests.simulation.hashing import DAY, HOUR, NETWORK, Rate, Simulation, by_time, spacing

SEEDS = 32
WITHIN = 0.15


def runs(rate: Rate, until: float) -> list[Simulation]:
    return [Simulation(rate, seed).run(until) for seed in range(SEEDS)]


def hourly(found: list[Simulation], begin: float, end: float) -> list[float]:
    """Mean seconds per block in each hour."""
    hours = range(round(begin / HOUR), round(end / HOUR))
    return [spacing(found, hour * HOUR, (hour + 1) * HOUR) for hour in hours]


def settled(spacings: list[float]) -> bool:
    return all(abs(one / NETWORK.spacing - 1) < WITHIN for one in spacings)


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_a_hundredfold_jump_and_back_settles_within_a_day_and_never_swings(factor: float) -> None:
    jump, back, end = DAY, 3 * DAY, 5 * DAY
    found = runs(by_time((0, 1), (jump, factor), (back, 1)), end)
    assert settled(hourly(found, 0, jump))
    for begin, up in ((jump, factor > 1), (back, factor < 1)):
        first, after = (
            hourly(found, begin, begin + DAY),
            hourly(found, begin + DAY, begin + 2 * DAY),
        )
        assert not settled(first[:1]), "the jump is felt"
        assert settled(after), "a day later the spacing is back, and stays"
        # From one side only: with more hash rate never slower than wanted, with less never faster.
        wrong = [one / NETWORK.spacing - 1 for one in first]
        assert all((off if up else -off) < WITHIN for off in wrong)


@pytest.mark.parametrize(("daily", "wanted"), [(2.0, 1 / 12), (0.5, -1 / 12)])
def test_behind_a_ramp_the_spacing_lags_by_a_constant(daily: float, wanted: float) -> None:
    """A rate that doubles daily finds blocks half-life / day faster than wanted, no more."""
    found = runs(lambda sim: daily ** (sim.now / DAY), 5 * DAY)
    assert wanted == (1 if daily > 1 else -1) * NETWORK.half_life / DAY
    for day in range(1, 5):
        mean = spacing(found, day * DAY, (day + 1) * DAY)
        assert abs(NETWORK.spacing / mean - 1 - wanted) < 0.03


@pytest.mark.parametrize(
    ("power", "threshold"), [(1, 0.7), (1, 1.0), (9, 0.7), (9, 1.0), (49, 0.7)]
)
def test_who_mines_only_when_it_is_easy_gains_little_and_moves_nothing(
    power: int, threshold: float
) -> None:
    """Blocks per hash above those of a miner who stays: 10 % at most; the schedule is kept."""
    usual, easy, all_ = target_of(NETWORK.genesis_target), list[float](), list[float]()

    def rate(sim: Simulation) -> float:
        ease = sim.target / usual
        all_.append(ease)
        if ease <= threshold:
            return 1
        easy.append(ease)
        return 1 + power

    found = [Simulation(rate, seed, step=15.0).run(3 * DAY) for seed in range(4)]
    gain = (sum(easy) / len(easy)) / (sum(all_) / len(all_)) - 1
    assert 0 < gain < 0.10
    assert abs(spacing(found, DAY, 3 * DAY) / NETWORK.spacing - 1) < 0.02


def test_a_rate_switched_on_and_off_by_the_hour_keeps_the_schedule() -> None:
    def rate(sim: Simulation) -> float:
        return 20 if sim.now // (3 * HOUR) % 2 else 1

    found = runs(rate, 4 * DAY)
    assert abs(spacing(found, DAY, 4 * DAY) / NETWORK.spacing - 1) < 0.05


def test_the_same_seed_finds_the_same_blocks() -> None:
    one, two, other = (Simulation(by_time((0, 1)), seed).run(DAY) for seed in (5, 5, 6))
    assert one.times == two.times != other.times
    assert one.tip == two.tip
