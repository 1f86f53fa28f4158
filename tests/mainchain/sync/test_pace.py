"""Rates look back half a minute; time left follows from them."""

from __future__ import annotations

import pytest

from bystack.mainchain.sync.pace import SPAN, Pace, Progress


def test_what_was_connected_of_late_is_counted() -> None:
    pace = Pace()
    assert pace.recent(100) == (0, 0, SPAN)
    pace.count(100, 3, 30)
    pace.count(100, 1, 10)
    assert pace.recent(100) == (4, 40, 1)
    pace.count(109, 6, 60)
    assert pace.recent(109) == (10, 100, 10)
    assert pace.recent(100 + SPAN) == (6, 60, SPAN - 8)
    assert pace.recent(109 + SPAN) == (0, 0, SPAN)


@pytest.mark.parametrize(
    ("blocks", "remaining", "recent", "seconds", "left"),
    [
        (10, 0, 50, 5, 0),  # at the best header
        (4, 600, 100, 10, 60),
        (4, 601, 100, 10, 61),  # rounded up
        (4, 600, 0, 10, None),  # nothing moves
        (4, 0, 100, 10, 1),  # as many transactions as blocks at least
    ],
)
def test_time_left(
    blocks: int, remaining: int, recent: int, seconds: int, left: int | None
) -> None:
    progress = Progress(blocks, 10, 0, remaining, 1, recent, seconds, 1)
    assert progress.seconds_left == left
