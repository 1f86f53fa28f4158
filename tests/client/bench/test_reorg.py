"""The reorganisation benchmark runs small: every block goes off and on again."""

from __future__ import annotations

import pytest

from bystack.client.bench import world
from bystack.client.bench.reorg import measure
from bystack.client.bench.world import Size


def test_it_runs_small_and_every_number_is_sane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "WIDE", 40)
    measured = measure(lambda text: None, size=Size(coins=100, blocks=6, payments=5))
    for number in (*measured.figures.values(), *measured.floor.values(), *measured.ratio.values()):
        assert number > 0
