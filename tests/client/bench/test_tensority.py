"""The Tensority benchmark runs, and its numbers are numbers."""

from __future__ import annotations

from bystack.client.bench.tensority import measure


def test_it_runs_small_and_every_number_is_sane() -> None:
    measured = measure(lambda text: None, count=1, seeds=1)
    for number in (*measured.figures.values(), *measured.floor.values(), *measured.ratio.values()):
        assert number > 0
