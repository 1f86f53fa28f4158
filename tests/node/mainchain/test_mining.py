"""The nonce searcher's process speaks in lines, and its answers are proofs of work."""

from __future__ import annotations

import os
import signal

import msgspec
import pytest
import trio

from bystack.mainchain.assembly import build_block, with_nonce
from bystack.mainchain.chain import check_header, genesis_entry
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import NO_SEED, bits_of
from bystack.node.mainchain.searcher import answer
from bystack.node.mainchain.workers import Job, WorkerEnded, worker
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY

PARENT = genesis_entry(EASY)
MADE = build_block(PARENT, (), ALICE.lock, 0, EASY)
HARD = msgspec.structs.replace(MADE.header, target=bits_of(1))


def test_a_worker_answers_job_after_job() -> None:
    async def main() -> None:
        with trio.fail_after(30):
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
        with trio.fail_after(60):
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
        with trio.fail_after(30):
            async with worker() as one:
                os.kill(one.pid, number)
                with pytest.raises(WorkerEnded):
                    await one.search(Job(HARD, 0, 10**9, NO_SEED, "sha256d"))

    trio.run(main)


def test_a_worker_that_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bystack.node.mainchain.workers.ANSWER_SECONDS", 0.05)

    async def main() -> None:
        with trio.fail_after(30):
            async with worker() as one:
                with pytest.raises(WorkerEnded):
                    await one.search(Job(HARD, 0, 10**9, NO_SEED, "sha256d"))

    trio.run(main)


def test_none_found_is_said() -> None:
    line = f"{encode(HARD).hex()} 0 50 {NO_SEED.hex()} sha256d"
    assert answer(line) == "-"
