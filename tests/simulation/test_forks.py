"""A fork needs a third of the weight, and convicts that third: every placement, weights unequal."""

from __future__ import annotations

import pytest

from tests.simulation.forks import fork, placements, reunite
from tests.simulation.monitor import ForkMonitor
from tests.simulation.schemes import Keyring, hash_keyring

CASES: list[tuple[int, ...]] = [
    (1,) * 4,
    (1,) * 5,
    (1,) * 7,
    (3, 1, 2, 2),
    (5, 3, 1, 1, 1, 2),
    (4, 4, 1, 1, 1, 1, 1),
]


def keyring(weights: tuple[int, ...]) -> Keyring:
    return hash_keyring(len(weights), weights)


def check(weights: tuple[int, ...], step: int = 1) -> int:
    ring, count = keyring(weights), 0
    group = ring.validators
    for traitors in [*placements(group)][::step]:
        world = fork(ring, traitors)
        assert isinstance(world.monitor, ForkMonitor) and world.monitor.forked
        guilty = reunite(world)
        assert guilty <= {*traitors}, (weights, traitors)
        assert 3 * group.weight_of(guilty) > group.total, (weights, traitors, guilty)
        count += 1
    return count


@pytest.mark.parametrize("weights", CASES, ids=str)
def test_every_forced_fork_convicts_more_than_a_third(weights: tuple[int, ...]) -> None:
    assert check(weights)


@pytest.mark.parametrize("batch", range(3))
def test_forks_of_ten(batch: int) -> None:
    ring = keyring((1,) * 10)
    chosen = [*placements(ring.validators)][batch::3]
    assert len(chosen) == 70
    for traitors in chosen:
        guilty = reunite(fork(ring, traitors))
        assert guilty == {*traitors}, traitors


def test_who_holds_a_third_or_less_cannot_fork() -> None:
    for weights in CASES:
        group = keyring(weights).validators
        assert all(3 * group.weight_of(t) > group.total for t in placements(group))
