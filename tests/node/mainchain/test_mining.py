"""The nonce searcher's process speaks in lines, and its answers are proofs of work."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.mainchain.assembly import build_block, with_nonce
from bystack.mainchain.chain import check_header, genesis_entry
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import NO_SEED, bits_of
from bystack.node.mainchain.mining import mined
from bystack.node.mainchain.searcher import answer
from bystack.node.mainchain.workers import Job, Worker, WorkerEnded, worker
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY
from tests.node.offered_engine import install

PARENT = genesis_entry(EASY)
MADE = build_block(PARENT, (), ALICE.lock, 0, EASY)
HARD = msgspec.structs.replace(MADE.header, target=bits_of(1))


def test_a_worker_answers_job_after_job() -> None:
    async def main() -> None:
        with trio.fail_after(180):
            async with worker() as one:
                for first in (0, 1_000):
                    nonce = await one.search(Job(MADE.header, first, 1_000, PARENT.seed, "sha256d"))
                    assert nonce is not None
                    assert int.from_bytes(nonce, "big") >= first
                    tree = HeaderTree([PARENT], EASY)
                    check_header(tree, with_nonce(MADE, nonce).header, EASY, None)

    trio.run(main)


def test_jobs_grow_with_the_speed_that_is_measured() -> None:
    async def main() -> None:
        with trio.fail_after(180):
            async with worker() as one:
                tried = []
                while one.tries < 1_000:
                    tried.append(one.tries)
                    assert await one.search(Job(HARD, 0, one.tries, NO_SEED, "sha256d")) is None
                assert tried[0] == 1 and one.rate > 0

    trio.run(main)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_is_noticed(number: signal.Signals) -> None:
    async def main() -> None:
        with trio.fail_after(180):
            async with worker() as one:
                os.kill(one.pid, number)
                with pytest.raises(WorkerEnded):
                    await one.search(Job(HARD, 0, 10**9, NO_SEED, "sha256d"))

    trio.run(main)


def test_a_worker_that_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bystack.node.mainchain.workers.ANSWER_SECONDS", 0.05)

    async def main() -> None:
        with trio.fail_after(180):
            async with worker() as one:
                with pytest.raises(WorkerEnded):
                    await one.search(Job(HARD, 0, 10**9, NO_SEED, "sha256d"))

    trio.run(main)


@pytest.mark.parametrize(
    "said",
    ["warming up", "00", "", "00" * 7 + "09", "00" * 7 + "14", "00" * 8 + "0a", "\N{SNOWMAN}"],
)
def test_an_answer_that_is_no_nonce_of_the_job_ends_the_worker(said: str) -> None:
    """An engine of somebody's package runs in there; whatever it does, the node stands."""

    class Says(Worker):
        async def _ask(self, line: bytes) -> bytes:
            await trio.lowlevel.checkpoint()
            return said.encode()

    async def main() -> None:
        process = await trio.lowlevel.open_process([sys.executable, "-c", ""])
        with pytest.raises(WorkerEnded, match="answer"):
            await Says(process).search(Job(HARD, 10, 10, NO_SEED, "sha256d"))
        await process.wait()

    trio.run(main)


def test_what_an_engine_prints_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "site")))

    async def main() -> None:
        with trio.fail_after(180):
            async with worker() as one:
                assert await one.search(Job(MADE.header, 0, 1_000, NO_SEED, "chatty")) is not None
                assert await one.search(Job(HARD, 0, 50, NO_SEED, "chatty")) is None

    trio.run(main)


def test_making_blocks_to_order_can_be_given_up() -> None:
    """Where the target never moves it may still be one that nobody meets."""
    tried = trio.Event()

    async def main() -> None:
        token = trio.lowlevel.current_trio_token()

        class Never:
            number = 0

            def digest(self, id: bytes, seed: bytes, /) -> bytes:
                self.number += 1
                if self.number == 1_000:
                    token.run_sync_soon(tried.set)
                return b"\xff" * 32

        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(mined, MADE, PARENT, Never())
                await tried.wait()
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_none_found_is_said() -> None:
    line = f"{encode(HARD).hex()} 0 50 {NO_SEED.hex()} sha256d"
    assert answer(line) == "-"
