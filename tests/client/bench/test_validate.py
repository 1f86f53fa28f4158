"""The validation benchmark runs small: every block connects, its numbers are numbers."""

from __future__ import annotations

import pytest

from bystack.client.bench import world
from bystack.client.bench.validate import measure
from bystack.client.bench.world import Size


def test_it_runs_small_and_every_number_is_sane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "WIDE", 40)
    said: list[str] = []
    measured = measure(said.append, size=Size(coins=100, blocks=5, payments=6), rounds=1)
    assert said
    assert set(measured.figures) == {
        "one_core_tx_per_second",
        "two_core_tx_per_second",
        "known_tx_per_second",
    }
    for number in (*measured.figures.values(), *measured.floor.values(), *measured.ratio.values()):
        assert number > 0
