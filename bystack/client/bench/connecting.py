"""Connects the blocks of a built world, in a process of its own that can be held to few cores.

    python -m bystack.client.bench.connecting FOLDER CORES [known]

prints one line: seconds taken, transactions connected, bare verifications per second. The way is
the node's: bytes decoded, a switch judged and verified, committed with its coins. `known` first
judges each switch without committing it, as the memory pool does for each transaction.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import msgspec
import trio
from btclib_secp256k1 import ssa

from bystack.client.bench.headers import PARAMS
from bystack.client.bench.world import FRAMES
from bystack.ledger.checks import require
from bystack.ledger.effects import SchnorrCheck
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.transition import block_needs
from bystack.node.mainchain.switching import Decision, Switcher
from bystack.node.processes.garbage import collect_seldom
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.keys import public_key, sign

TOGETHER = 3
"""Blocks of one switch."""
RAW = 10_000


class Timing(msgspec.Struct):
    """What a run took."""

    seconds: float
    transactions: int
    raw_per_second: float


class Run:
    """One store, opened with nothing cached."""

    def __init__(self, folder: Path) -> None:
        self.store = ChainStore.open(folder / "chain", PARAMS)
        tree = self.store.load().tree
        self.frames: list[bytes] = msgspec.msgpack.decode((folder / FRAMES).read_bytes())
        self.verifier = Verifier()
        self.switcher = Switcher(self.store, tree, self.verifier)

    async def connect(self, *, known: bool) -> tuple[float, int]:
        """Seconds and transactions; the clock stands while signatures are made known."""
        seconds, count = 0.0, 0
        for at in range(0, len(self.frames), TOGETHER):
            frames = self.frames[at : at + TOGETHER]
            if known:
                await self._admit(_decoded(frames))
            begun = time.perf_counter()
            blocks = _decoded(frames)
            decision = await self._judge(blocks)
            kept = dict[bytes, bytes | None]()
            for block in blocks:
                kept |= self.store.block_changes(block)
            await self.store.commit_switch({**kept, **decision.changes}, decision.delta)
            seconds += time.perf_counter() - begun
            count += sum(len(block.transactions) for block in blocks)
        return seconds, count

    async def _admit(self, blocks: Sequence[Block]) -> None:
        """Have signatures and coins known, as after every transaction came to the pool."""
        await self.store.coins.fetch(place for block in blocks for place in block_needs(block))
        await self._judge(blocks)

    def close(self) -> None:
        """End the process beside, release the store."""
        self.verifier.close()
        self.store.close()

    async def _judge(self, blocks: Sequence[Block]) -> Decision:
        fresh = {block.id: block for block in blocks}
        decision = await self.switcher.judge(Switch((), tuple(fresh)), fresh)
        assert not isinstance(decision, Refused), decision
        return decision


def _decoded(frames: Sequence[bytes]) -> list[Block]:
    return [decode_block(frame) for frame in frames]


def raw_rate(threads: int, count: int = RAW) -> float:
    """Signatures a second that the library's own `ssa.verify` does on so many threads."""
    secret = bytes(31) + b"\x05"
    key, digest = public_key(secret), bytes(32)
    signature = sign(secret, digest, bytes(32))
    require([SchnorrCheck(key, digest, signature)])

    def verify() -> None:
        for _ in range(count // threads):
            ssa.verify(digest, key, signature)

    workers = [Thread(target=verify) for _ in range(threads)]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count // threads * threads / (time.perf_counter() - begun)


def main(folder: str, cores: str, known: str = "") -> None:
    """Run, and print the timing as JSON."""
    allowed = sorted(os.sched_getaffinity(0))[: int(cores)]
    os.sched_setaffinity(0, allowed)  # before any thread or child is there to inherit it
    before = raw_rate(len(allowed))
    run = Run(Path(folder))
    collect_seldom()
    seconds, count = trio.run(lambda: run.connect(known=bool(known)))
    raw = (before + raw_rate(len(allowed))) / 2
    run.close()
    print(msgspec.json.encode(Timing(seconds, count, raw)).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
