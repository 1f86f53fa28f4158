"""The headers benchmark runs, and its numbers are numbers."""

from __future__ import annotations

from bystack.client.bench.headers import measure


def test_it_runs_small_and_every_number_is_sane() -> None:
    said: list[str] = []
    measured = measure(said.append, count=60, message=20, rounds=1)
    assert said
    assert measured.figures["stored_headers_per_second"] > 0
    assert 0 < measured.ratio["stored_to_decoded"] < 1
