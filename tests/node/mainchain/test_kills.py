"""Kill -9 at 200 moments of sync and reorganisation: the store opens, the check passes, on it goes.

Item 10 of part 2. The kills are made by `killed_chain`; half of them by the child itself at a
persist point, half from outside within a few milliseconds after one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node.mainchain.forest import derived

KILLS = 200
SEED = 20


@pytest.mark.slow
def test_every_killed_store_opens_checks_and_goes_on(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.node.mainchain.killed_chain"]
    argv += [str(tmp_path), str(SEED), str(KILLS)]
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=280)
    lives = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["unsound"] for one in lives if one["unsound"]] == [], ended.stderr
    assert ended.returncode == 0, ended.stderr
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
