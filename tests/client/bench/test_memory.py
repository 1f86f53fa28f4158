"""The memory benchmark runs small; its numbers are numbers, and the bound binds."""

from __future__ import annotations

from bystack.client.bench.memory import measure


def test_it_runs_small_and_every_number_is_sane() -> None:
    said: list[str] = []
    measured = measure(said.append, count=30_000, bound=2)
    assert said
    assert 0 < measured.figures["bounded_coins"] < 30_000
    assert measured.floor["million_coins_counted_mb"] > 0
    assert measured.figures["lookups_per_second"] > 0
