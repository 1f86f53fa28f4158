"""Kill -9 at 200 moments of sync and reorganisation: the store opens, the check passes, on it goes.

Item 10 of part 2. The kills are made by `killed_chain`; half of them by the child itself at a
persist point, half from outside within a few milliseconds after one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.node.mainchain.forest import derived

KILLS = 200
SEEDS = (20, 21)
"""One process kills half of them on the disk, the other half in memory, which is faster: what a
killed process has written is there in either. Syncing a disk takes most of the time."""
MEMORY = Path("/dev/shm")
PRUNED_KILLS = 30
KEEP = 6
PATIENCE = 580
"""Seconds; only what hangs comes to them."""


def begin(folder: Path, seed: int, kills: int, prune: int) -> subprocess.Popen[str]:
    folder.mkdir()
    argv = [sys.executable, "-m", "tests.node.mainchain.killed_chain"]
    argv += [str(folder), str(seed), str(kills), str(prune)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """The lives of the children; none may have left or found a store that is not sound."""
    with process:
        try:
            out, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    lives = [json.loads(line) for line in out.splitlines()]
    assert [one["unsound"] for one in lives if one["unsound"]] == [], errors
    assert process.returncode == 0, errors
    return lives


@pytest.mark.slow
def test_every_killed_store_opens_checks_and_goes_on(tmp_path: Path) -> None:
    fast = MEMORY if os.access(MEMORY, os.W_OK) else tmp_path
    with TemporaryDirectory(dir=fast) as memory, ExitStack() as ending:
        folders = (tmp_path / "chains", Path(memory) / "chains")
        begun = [
            begin(folder, seed, KILLS // 2, 0) for seed, folder in zip(SEEDS, folders, strict=True)
        ]
        for process in begun:
            ending.callback(process.kill)
        assert_killed([life for process in begun for life in end(process)])
        for folder in folders:
            assert_finished_right(folder)


def assert_killed(lives: list[dict[str, Any]]) -> None:
    """So many kills, and of each sort enough."""
    killed = [one for one in lives if one["killed"]]
    assert len(killed) == KILLS
    assert sum(one["inside"] for one in killed) >= KILLS // 6, "too few kills hit inside a step"
    assert sum(one["syncing"] for one in killed) >= KILLS // 5
    assert sum(not one["syncing"] for one in killed) >= KILLS // 5
    assert sum(one["checked"] for one in lives) >= KILLS // 2


def assert_finished_right(folder: Path) -> None:
    finished = sorted(folder.glob("done*"))
    assert len(finished) >= 3, "no chain was ever finished: nothing went on"
    expected = derived(folder / "peer")
    for place in finished:
        assert derived(place) == expected


def test_a_killed_pruning_node_opens_checks_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "chains"
    lives = end(begin(folder, SEEDS[0], PRUNED_KILLS, KEEP))
    assert sum(one["inside"] for one in lives) >= PRUNED_KILLS // 5
    finished = sorted(folder.glob("done*"))
    assert finished
    expected = derived(folder / "peer")
    for place in finished:
        held = derived(place)
        height = sum(key[:1] == b"h" for key in held) - 1
        first = int.from_bytes(held.pop(b"P"), "big")
        assert 1 < first <= height - KEEP + 1  # the last step may not have come yet
        assert held.items() <= expected.items()
        assert {key for key in expected.keys() - held.keys() if key[:1] not in b"ut"} == set()
