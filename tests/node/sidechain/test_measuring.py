"""When a sidechain's node is far behind the others, and when the whole chain merely stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bystack.node.sidechain.measuring import LATELY, OLD, far_behind

NOW = 1_000_000


@pytest.mark.parametrize(
    ("age", "since_final", "outdated", "behind"),
    [
        (OLD, 0, False, False),
        (OLD + 1, 0, False, True),
        (OLD + 1, LATELY, False, False),  # nobody makes blocks final
        (0, 0, True, True),
    ],
)
def test_blocks_of_long_ago_that_become_final_now(
    age: int, since_final: int, outdated: bool, behind: bool
) -> None:
    driver: Any = SimpleNamespace(
        now=lambda: NOW,
        store=SimpleNamespace(header=SimpleNamespace(time=NOW - age)),
        since_final=since_final,
        upgrade=SimpleNamespace(outdated=outdated),
    )
    assert far_behind(driver) is behind
