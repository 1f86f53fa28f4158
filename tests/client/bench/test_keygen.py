"""The benchmark of key ceremonies runs, and its numbers are numbers."""

from __future__ import annotations

from bystack.client.bench.keygen import measure


def test_it_runs_small_and_every_number_is_sane() -> None:
    measured = measure(lambda text: None, sizes=(4,))
    kinds = {name.partition("_")[0] for name in measured.figures}
    assert kinds == {"fresh", "refresh", "reshare"}
    for number in (*measured.figures.values(), *measured.floor.values(), *measured.ratio.values()):
        assert number > 0
