"""Twins in every way that two views can be arranged: agreement, progress, nobody honest blamed."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.simulation.schemes import hash_keyring
from tests.simulation.twins import (
    LEADERS,
    PARTITIONS,
    SETTINGS,
    SIZE,
    TOTAL,
    VIEWS,
    Twins,
    covering,
    play,
    scenario,
)

BATCHES = 16


@pytest.mark.parametrize("batch", range(BATCHES))
def test_covering_scenarios(batch: int) -> None:
    blamed = sum(bool(play(n).monitor.guilty) for n in islice(covering(), batch, None, BATCHES))
    assert blamed > 20, "twins that lead a divided view are found out"


def test_scenarios_are_numbered_without_gaps() -> None:
    assert TOTAL == (LEADERS * PARTITIONS) ** VIEWS == 262_144
    found = {str(scenario(n)) for n in range(SETTINGS**2)}
    assert len(found) == SETTINGS**2
    last = scenario(TOTAL - 1)
    assert last.leaders == (3, 3, 3) and last.far == (frozenset({1, 2, 3, 4}),) * 3


def test_the_covering_scenarios_cover() -> None:
    numbers = [*covering()]
    digits = [(n % SETTINGS, n // SETTINGS % SETTINGS, n // SETTINGS**2) for n in numbers]
    assert len({*numbers}) == len(numbers) == 2_048
    assert len({(a, b) for a, b, _ in digits}) == len({(a, c) for a, _, c in digits}) == 2_048
    assert len({(b, c) for _, b, c in digits}) == SETTINGS**2 // 2


def test_a_scenario_is_its_number() -> None:
    one, again, other = (Twins(hash_keyring(SIZE), scenario(n)).run() for n in (4242, 4242, 4243))
    assert one.monitor.transcript.lines() == again.monitor.transcript.lines()
    assert one.monitor.transcript.lines() != other.monitor.transcript.lines()
