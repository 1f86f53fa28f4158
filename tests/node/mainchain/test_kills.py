"""Kill -9 at 200 moments of sync and reorganisation: the store opens, the check passes, on it goes.

Item 10 of part 2. The kills are made by `killed_chain`; half of them by the child itself at a
persist point, half from outside within a few milliseconds after one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.node.mainchain.forest import derived

KILLS = 200
SEED = 20
PRUNED_KILLS = 30
KEEP = 6


def kill(folder: Path, kills: int, prune: int) -> list[dict[str, Any]]:
    """The lives of the children; none may have left or found a store that is not sound."""
    argv = [sys.executable, "-m", "tests.node.mainchain.killed_chain"]
    argv += [str(folder), str(SEED), str(kills), str(prune)]
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=280)
    lives = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["unsound"] for one in lives if one["unsound"]] == [], ended.stderr
    assert ended.returncode == 0, ended.stderr
    return lives


@pytest.mark.slow
def test_every_killed_store_opens_checks_and_goes_on(tmp_path: Path) -> None:
    lives = kill(tmp_path, KILLS, 0)
    killed = [one for one in lives if one["killed"]]
    assert len(killed) == KILLS
    assert sum(one["inside"] for one in killed) >= KILLS // 4, "too few kills hit inside a step"
    assert sum(one["syncing"] for one in killed) >= KILLS // 5
    assert sum(not one["syncing"] for one in killed) >= KILLS // 5
    assert sum(one["checked"] for one in lives) >= KILLS // 2
    finished = sorted(tmp_path.glob("done*"))
    assert len(finished) >= 5, "no chain was ever finished: nothing went on"
    expected = derived(tmp_path / "peer")
    for folder in finished:
        assert derived(folder) == expected


def test_a_killed_pruning_node_opens_checks_and_goes_on(tmp_path: Path) -> None:
    lives = kill(tmp_path, PRUNED_KILLS, KEEP)
    assert sum(one["inside"] for one in lives) >= PRUNED_KILLS // 5
    finished = sorted(tmp_path.glob("done*"))
    assert finished
    expected = derived(tmp_path / "peer")
    for folder in finished:
        held = derived(folder)
        height = sum(key[:1] == b"h" for key in held) - 1
        first = int.from_bytes(held.pop(b"P"), "big")
        assert 1 < first <= height - KEEP + 1  # the last step may not have come yet
        assert held.items() <= expected.items()
        assert {key for key in expected.keys() - held.keys() if key[:1] not in b"ut"} == set()
