"""The pool benchmark runs small: everything offered is judged, its numbers are numbers."""

from __future__ import annotations

import pytest

from bystack.client.bench import world
from bystack.client.bench.pool import measure
from bystack.client.bench.world import Size


def test_it_runs_small_and_every_number_is_sane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "WIDE", 100)
    said: list[str] = []
    measured = measure(said.append, size=Size(coins=100, blocks=5, payments=20), rounds=1)
    assert said
    assert set(measured.figures) == {
        "tx_per_second",
        "template_ms",
        "one_by_one_tx_per_second",
        "chain_of_25_tx_per_second",
        "full_pool_tx_per_second",
    }
    for number in (*measured.figures.values(), *measured.floor.values(), *measured.ratio.values()):
        assert number > 0
