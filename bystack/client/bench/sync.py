"""A node joins a long chain: two real daemons on loopback, one with the chain, one without.

The floor is the same blocks decoded, judged and committed in a process of their own, without peers,
in switches as large as a node makes them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bystack.client.bench.chains import FRAMES, Connected, build
from bystack.client.bench.frame import Measured, Show
from bystack.client.rpc import Rpc, wait_for

CONFIG = """network = "regtest"
[mainchain]
listen = "127.0.0.1:0"
peers = {peers}
[rpc]
listen = "127.0.0.1:0"
"""
LOOK = 0.25
MOST = 3_600.0


class Joined(NamedTuple):
    """Seconds from the first block to the last, and how often progress was seen on the way."""

    seconds: float
    looks: int


def measure(show: Show, *, blocks: int = 2_000, payments: int = 10) -> Measured:
    """Transactions per second joined, beside those validated without a network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show(f"making {blocks} blocks of {payments} payments")
        build(folder, blocks, payments)
        old, new = _home(folder / "old"), _home(folder / "new")
        show("validating them without a network")
        alone = _alone(folder, old / "data" / "mainchain" / "chain")
        show("a new node joins")
        with _daemon(old) as giver:
            (new / "bystack.toml").write_text(CONFIG.format(peers=f'["{_address(old)}"]'))
            with _daemon(new) as taker:
                joined = _join(taker, giver.call("getblockcount"), show)
    return _measured(alone, joined)


def _measured(alone: Connected, joined: Joined) -> Measured:
    rate, floor = alone.transactions / joined.seconds, alone.transactions / alone.seconds
    return Measured(
        {
            "joined_tx_per_second": rate,
            "joined_blocks_per_second": alone.blocks / joined.seconds,
            "seconds": joined.seconds,
            "progress_seen_count": joined.looks,
        },
        {
            "validated_tx_per_second": floor,
            "validated_blocks_per_second": alone.blocks / alone.seconds,
        },
        {"joined_to_validated": rate / floor},
    )


def _home(path: Path) -> Path:
    path.mkdir(mode=0o700)
    (path / "bystack.toml").write_text(CONFIG.format(peers="[]"))
    return path


def _alone(folder: Path, chain: Path) -> Connected:
    """Connect the blocks in a fresh process, into the store that the old node then serves."""
    chain.parent.mkdir(parents=True, mode=0o700)
    command = [
        sys.executable,
        "-m",
        "bystack.client.bench.chains",
        str(folder / FRAMES),
        str(chain),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Connected)


@contextmanager
def _daemon(home: Path) -> Iterator[Rpc]:
    """A `bystackd` on a home, its RPC once it answers."""
    command = [sys.executable, "-m", "bystack.node.main", "run", "--home", str(home)]
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        rpc = Rpc(home, patience=60)
        rpc.call("getblockcount")
        yield rpc
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(home / "run", ignore_errors=True)


def _address(home: Path) -> str:
    facts: dict[str, Any] = msgspec.json.decode((home / "run" / "mainchain.json").read_bytes())
    return str(facts["listen"])


def _join(rpc: Rpc, goal: int, show: Show) -> Joined:
    """Watch a node until it has a height."""
    wait_for("headers", lambda: rpc.call("getblockchaininfo")["headers"] > 0)
    begun, looks, last = time.monotonic(), 0, 0
    while (height := rpc.call("getblockcount")) < goal:
        if time.monotonic() > begun + MOST:
            raise TimeoutError(f"only {height} of {goal} blocks in {MOST:.0f} s")
        if height > last:
            looks, last = looks + 1, height
            show(f"{height} of {goal}")
        time.sleep(LOOK)
    return Joined(time.monotonic() - begun, looks)
