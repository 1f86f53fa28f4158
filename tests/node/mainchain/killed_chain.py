"""A process that kills its children at random moments while they sync and reorganise a chain.

Everything is imported and every block made before the first fork, so a child costs little. Each one
checks the store that the killed one before it left, opens it, goes on, and is killed in its turn:
either by itself at the nth passage of a persist point, or from outside a moment after it. The
forking process itself never opens a store and never runs trio.

    python -m tests.node.mainchain.killed_chain FOLDER SEED KILLS PRUNE  → one JSON object a child
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import structlog
import trio

from bystack.mainchain import switching
from bystack.mainchain.blocks import Block
from bystack.mainchain.work import ENGINES
from bystack.node.offline.checking import Options, check_chain
from bystack.node.store import chainstore, storage
from tests.ledger.people import BOB
from tests.mainchain.builders import EASY
from tests.mainchain.builders import Chain as Model
from tests.node.mainchain.forest import pay
from tests.node.mainchain.network import running, until
from tests.node.wallet.people import ME

ROUNDS = 14
MOST_MARKS = {True: 14, False: 70}
"""While syncing, and while blocks come one by one."""
BATCH = 4
LATEST = 0.003
"""Seconds after a mark within which a kill from outside comes."""
SOUND, UNSOUND, DONE = b"s", b"u", b"d"


class How(NamedTuple):
    """What a child does: fetch from a peer, or take blocks one by one; how many it keeps."""

    syncing: bool
    prune: int


def story(rng: random.Random) -> list[Block]:
    """Blocks in the order of their coming: again and again a heavier branch from further back."""
    model, blocks = Model(EASY), list[Block]()
    for _ in range(6):
        blocks.append(model.mine(miner=ME))
    for number in range(ROUNDS):
        depth = rng.randint(0, 4)
        for _ in range(depth):
            model.disconnect()
        name = b"round %d" % number
        for at in range(depth + 1 + rng.randint(0, 1)):
            txs = (pay(model, at % 2, 1_000 + number),) if at < 2 else ()
            blocks.append(model.mine(*txs, miner=(ME, BOB)[at % 2], extra=name))
    return blocks


class Marks:
    """Tells the parent of each persist point passed, and dies at one of them if told to."""

    def __init__(self, pipe: int, fatal: int) -> None:
        self._pipe, self._fatal, self._count = pipe, fatal, 0

    def __call__(self, name: str) -> None:
        self._count += 1
        os.write(self._pipe, b"(" if name.endswith("before_commit") else b")")
        if self._count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


async def live(folder: Path, blocks: list[Block], how: How, pipe: int, fatal: int) -> None:
    """Check what the last one left, then go on from there."""
    if (folder / "chain").exists():
        report = await check_chain(str(folder / "chain"), EASY, ENGINES, Options())
        os.write(pipe, SOUND if report.sound else UNSOUND + json.dumps(report.as_json()).encode())
    marks: Any = Marks(pipe, fatal)
    switching.BATCH = BATCH  # type: ignore[misc]  # small switches: more steps to be killed in
    storage.failpoint = chainstore.failpoint = marks  # type: ignore[attr-defined]
    places = (folder / "chain", folder / "peer") if how.syncing else (folder / "chain",)
    async with running(*places, prune=how.prune) as (node, *peers):
        for peer in peers:
            node.host.join(peer.host)
        if not peers:
            await node.take(*blocks)
        await until(lambda: node.tip == blocks[-1].id)
    os.write(pipe, DONE)


def child(folder: Path, blocks: list[Block], how: How, pipe: int, fatal: int) -> None:
    """Never returns."""
    try:
        trio.run(live, folder, blocks, how, pipe, fatal)
    except BaseException as error:  # the child's boundary: the parent hears of it
        os.write(pipe, UNSOUND + repr(error).encode())
    os._exit(0)


def one(folder: Path, blocks: list[Block], rng: random.Random, how: How) -> dict[str, Any]:
    """Fork a child, kill it, and tell how far it was."""
    ours, theirs = os.pipe()
    nth, inside = rng.randint(1, MOST_MARKS[how.syncing]), rng.random() < 0.5
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        child(folder, blocks, how, theirs, nth if inside else 0)
    os.close(theirs)
    heard = b""
    while data := os.read(ours, 65536):
        heard += data
        if not inside and heard.count(b"(") + heard.count(b")") >= nth:
            time.sleep(rng.uniform(0, LATEST))
            os.kill(pid, signal.SIGKILL)
            inside = True  # once is enough; the rest of what it said is read
    os.close(ours)
    _, status = os.waitpid(pid, 0)
    return told(heard, os.WIFSIGNALED(status), how.syncing)


def told(heard: bytes, killed: bool, syncing: bool) -> dict[str, Any]:
    """What a child's bytes say: its verdict on the store, whether the kill hit inside a step."""
    unsound = heard.partition(UNSOUND)[2].decode() if UNSOUND in heard else ""
    done = DONE in heard
    opened = heard.replace(SOUND, b"").replace(DONE, b"")
    return {
        "killed": killed,
        "syncing": syncing,
        "checked": heard[:1] == SOUND,
        "unsound": unsound,
        "inside": killed and opened.count(b"(") > opened.count(b")"),
        "done": done,
    }


def prepare(folder: Path, blocks: list[Block]) -> None:
    """The peer's store, made in a child: this process stays free of threads."""

    async def main() -> None:
        async with running(folder / "peer") as (node,):
            await node.take(*blocks)

    pid = os.fork()
    if pid == 0:
        try:
            trio.run(main)
        except BaseException:  # this child's boundary: the parent sees its code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        sys.exit("the peer's store was not made")


def main(folder: Path, seed: int, kills: int, prune: int) -> None:
    """Kill so many children; a finished chain is put aside and begun anew."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rng = random.Random(seed)
    blocks = story(rng)
    prepare(folder, blocks)
    killed, rounds = 0, 0
    while killed < kills:
        facts = one(folder, blocks, rng, How(rng.random() < 0.6, prune))
        killed += facts["killed"]
        print(json.dumps(facts), flush=True)
        if facts["unsound"]:
            return
        if facts["done"]:
            (folder / "chain").rename(folder / f"done{rounds}")
            rounds += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
