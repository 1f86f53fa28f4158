"""`bystack demo --json`: the whole peg by real processes, one object, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes.network import pids_of
from tests.processes.pages import ROOT, Part

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

PAGES = [Part(page, only="^scripts/demo$") for page in ("README.md", "docs/start-here.md")]
LAUNCH = ("keys and charters", "main chain", "issue GOLD", "memberships")
PER_SIDECHAIN = ("key generation", "vault", "genesis")
WALK = (
    "sidechains",
    "peg in to Alice",
    "Alice pays Bob and Carol",
    "Bob moves 200 GOLD to games",
    "a member stops",
    "Carol pegs out 20 BTM",
    "the member returns",
    "a thief is refused",
    "reserves",
)
NAMES = [
    *LAUNCH,
    *(f"{step} {chain}" for step in PER_SIDECHAIN for chain in ("trade", "games")),
    *WALK,
]
SIDECHAINS = {"trade", "games"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo's directory of temporary files after it ended, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "bystack.client.cli.main", "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=590,
        env={**os.environ, "TMPDIR": str(folder)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return folder, told


def test_the_script_is_that_command() -> None:
    assert [len(page.lines) for page in PAGES] == [1, 1]
    last = (ROOT / "scripts/demo").read_text().splitlines()[-1]
    assert last.endswith('/bystack demo "$@"'), last


def test_every_step_is_told_and_done(demo: tuple[Path, dict[str, Any]]) -> None:
    told = demo[1]
    assert set(told) == {"ok", "steps", "reserves"}
    assert told["ok"] is True
    assert [step["name"] for step in told["steps"]] == NAMES
    assert all(step["ok"] is True and step["seconds"] >= 0 for step in told["steps"])
    thief = next(step for step in told["steps"] if step["name"] == "a thief is refused")
    assert thief["rule"] == "BucketExceeded"
    assert thief["asked"] == 30 * 10**8 + 1


def test_reserves_are_recomputed_and_equal(demo: tuple[Path, dict[str, Any]]) -> None:
    reserves = demo[1]["reserves"]
    assert set(reserves) == SIDECHAINS
    for name, assets in reserves.items():
        assert assets.pop("height") > 0
        for asset, row in assets.items():
            owing = sum(row[term] for term in ("circulating", "pool", "owed", "unclaimed"))
            stands_for = owing + row["surplus"] - row["deficit"]
            assert row["vault"] == stands_for, (name, asset, row)
    assert reserves["trade"]["BTM"]["vault"] == (100 - 20) * 10**8 + 10**6
    assert reserves["trade"]["GOLD"]["vault"] + reserves["games"]["GOLD"]["vault"] == 1000 * 10**2


def test_nothing_is_left_behind(demo: tuple[Path, dict[str, Any]]) -> None:
    folder = demo[0]
    assert list(folder.iterdir()) == []
    assert pids_of(folder) == set()
