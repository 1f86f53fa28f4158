"""Twins in thousands of ways to arrange three views: agreement, progress, nobody honest blamed."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.simulation.monitor import Violation
from tests.simulation.schemes import hash_keyring
from tests.simulation.test_mutations import ignore_timeout_certificate
from tests.simulation.twins import (
    LEADERS,
    PARTITIONS,
    SETTINGS,
    SIZE,
    THIRDS,
    TOTAL,
    VIEWS,
    Twins,
    covering,
    decisive,
    play,
    scenario,
)

BATCHES = 16


@pytest.mark.parametrize("batch", range(BATCHES))
def test_covering_scenarios(batch: int) -> None:
    blamed = sum(bool(play(n).monitor.guilty) for n in islice(covering(), batch, None, BATCHES))
    assert blamed > 20, "twins that lead a divided view are found out"


def test_they_notice_a_leader_that_ignores_the_timeout_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(91_525)
    ignore_timeout_certificate(monkeypatch)
    with pytest.raises(Violation, match="ForbiddenBlock"):
        play(91_525)


def test_scenarios_are_numbered_without_gaps() -> None:
    assert TOTAL == (LEADERS * PARTITIONS) ** VIEWS == 262_144
    found = {str(scenario(n)) for n in range(SETTINGS**2)}
    assert len(found) == SETTINGS**2
    last = scenario(TOTAL - 1)
    assert last.leaders == (3, 3, 3) and last.far == (frozenset({1, 2, 3, 4}),) * 3


def test_the_covering_scenarios_cover() -> None:
    numbers = [*covering()]
    assert len({*numbers}) == len(numbers) == 2_202
    digits = [(n % SETTINGS, n // SETTINGS % SETTINGS, n // SETTINGS**2) for n in numbers]
    assert len({a for a, _, _ in digits}) == 2 * PARTITIONS
    deep = [one for one in digits if not decisive(one[0]) and not decisive(one[1])]
    assert len(deep) == 10 * 22 * THIRDS
    assert {c for _, _, c in deep} == {*range(SETTINGS)}
    after = {second: {c for _, b, c in deep if b == second} for _, second, _ in deep}
    assert all(len(thirds) >= 3 * THIRDS for thirds in after.values())


def test_a_view_that_decides_is_one_whose_leader_has_a_quorum_on_its_side() -> None:
    """So most of what `covering` tries needs three views and more."""
    for first in (leader + LEADERS * far for far in range(PARTITIONS) for leader in (0, 1)):
        views = {one.blocks[0].certificate.view for one in play(first).honest}
        assert (views == {0}) == decisive(first), scenario(first)


def test_a_scenario_is_its_number() -> None:
    one, again, other = (Twins(hash_keyring(SIZE), scenario(n)).run() for n in (4242, 4242, 4243))
    assert one.monitor.transcript.lines() == again.monitor.transcript.lines()
    assert one.monitor.transcript.lines() != other.monitor.transcript.lines()
