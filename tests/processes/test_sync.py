"""A real node joins a long chain from two others: one stalls, it is killed itself, it finishes."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from bystack.client.bench.chains import FRAMES, build, connect
from bystack.client.progress import progress_line
from bystack.mainchain.params import REGTEST
from bystack.node.store.chainstore import ChainStore
from tests.processes.daemons import CONFIG, Daemon, started, until

pytestmark = pytest.mark.processes

BLOCKS, PAYMENTS = 1_500, 2


def home(folder: Path, name: str) -> Daemon:
    path = folder / name
    path.mkdir(mode=0o700)
    (path / "bystack.toml").write_text(CONFIG)
    return Daemon(path)


def chain_of(node: Daemon) -> Path:
    path = node.home / "data" / "mainchain" / "chain"
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    return path


def grow(folder: Path, one: Daemon, other: Daemon) -> int:
    """Give both nodes the same long chain; its height."""
    build(folder, BLOCKS, PAYMENTS)
    frames = msgspec.msgpack.decode((folder / FRAMES).read_bytes())
    store = ChainStore.open(chain_of(one), REGTEST)
    try:
        trio.run(connect, frames, store)
    finally:
        store.close()
    shutil.copytree(chain_of(one), chain_of(other))
    return len(frames)


def info(node: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = node.call("getblockchaininfo")
    return found


def begun(node: Daemon) -> dict[str, Any]:
    found = info(node)
    return found if found["blocks"] else {}


def test_it_finishes_though_one_peer_stalls_and_it_is_killed_on_the_way(tmp_path: Path) -> None:
    true, frozen, new = (home(tmp_path, name) for name in ("true", "frozen", "new"))
    goal = grow(tmp_path, true, frozen)
    with started([true, frozen, new]):
        for peer in (frozen, true):
            new.call("addnode", peer.peer_address, "add")
        seen = [until(lambda: begun(new), "blocks come")]
        stopped = frozen.kill("mainchain", signal.SIGSTOP)
        try:
            new.kill("mainchain")
            until(lambda: new.call("addnode", true.peer_address, "add") is None, "it is up again")
            assert info(new)["blocks"] >= seen[0]["blocks"]  # it goes on where it was
            until(lambda: seen.append(info(new)) or seen[-1]["blocks"] == goal, "it is done")
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert new.call("getbestblockhash") == true.call("getbestblockhash")
        until(lambda: not info(new)["initialblockdownload"], "it knows that it is done")
    shown = [
        0 < one["verificationprogress"] < 1 for one in seen
    ]  # or it was done between two looks
    assert any(shown) or "syncing" in (new.home / "logs" / "mainchain.log").read_text()
    for one in seen:
        assert one["blocks"] < goal or one["sync"]["transactions_left"] == 0
        assert progress_line({**one, **one["sync"]}).startswith("syncing")
    assert seen[-1]["verificationprogress"] == 1.0
    assert seen[-1]["sync"]["transactions"] == goal + 1 + BLOCKS * PAYMENTS
