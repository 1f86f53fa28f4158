"""The built-in miner gives out new work with a new tip or better fees, and replaces its workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel

from bystack.ledger.transactions import PolicyLock
from bystack.mainchain.work import search
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.miner import Miner
from bystack.node.mainchain.templates import Templates
from bystack.node.mainchain.workers import Job, WorkerEnded
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import Chain
from tests.node.mainchain.network import Node, running, until

Search = Callable[[Job], Awaitable[bytes | None]]


class Fake:
    """A worker without a process."""

    pid, rate, tries = 1, 5.0, 100

    def __init__(self, search: Search) -> None:
        self.search = search


async def alice() -> PolicyLock:
    return ALICE.lock


@asynccontextmanager
async def mining(
    path: Path,
    patch: pytest.MonkeyPatch,
    fake: Search,
    reward: Callable[[], Awaitable[PolicyLock]] = alice,
) -> AsyncIterator[tuple[Node, Miner]]:
    @asynccontextmanager
    async def worker() -> AsyncIterator[Fake]:
        yield Fake(fake)

    patch.setattr("bystack.node.mainchain.miner.worker", worker)
    patch.setattr("bystack.node.mainchain.miner.FIRST_PAUSE", 0.001)
    patch.setattr("bystack.node.mainchain.miner.PACE_SECONDS", 0.001)
    async with running(path) as (node,), trio.open_nursery() as nursery:
        templates = Templates(node.driver, pause=0.005)
        miner = Miner(node.driver, templates, reward)
        nursery.start_soon(templates.follow)
        nursery.start_soon(miner.run)
        yield node, miner
        nursery.cancel_scope.cancel()


def test_work_is_renewed_with_the_tip_and_with_better_fees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = []

    async def never(job: Job) -> None:
        jobs.append(job)
        await trio.sleep(0.001)

    async def main() -> None:
        async with mining(tmp_path / "a", monkeypatch, never) as (node, miner):
            chain = Chain()
            miner.turn(2)
            await until(lambda: miner.rate == 10.0)
            for _ in range(4):
                await node.take(chain.mine())
                await until(lambda: miner.work and miner.work.parent.id == node.tip)
            paid = chain.pay(ALICE, BOB, 1_000, fee=9_000)
            await node.driver.submit(paid)
            await until(lambda: miner.work and paid in miner.work.block.transactions)
            await until(lambda: jobs[-1].header == miner.work.block.header if miner.work else 0)

    trio.run(main)
    ranges = [(job.header, job.first) for job in jobs]
    assert len(set(ranges)) == len(ranges), "no nonce is tried twice"


def test_blocks_found_are_connected_and_mining_ends_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fits(job: Job) -> bytes | None:
        await trio.sleep(0.001)
        return search(job.header, job.first, job.tries, job.seed)

    async def main() -> None:
        async with mining(tmp_path / "a", monkeypatch, fits) as (node, miner):
            miner.turn(1)
            await until(lambda: miner.found >= 3)
            miner.turn(0)
            await until(lambda: not miner.seats and miner.work is None)
            assert miner.rate == 0.0 and miner.threads == 0 and miner.trouble == ""
            assert node.driver.machine.tip.header.height >= miner.found
            miner.turn(3)
            await until(lambda: len(miner.seats) == 3)

    trio.run(main)


def test_workers_that_end_are_replaced_and_the_trouble_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(job: Job) -> None:
        await trio.lowlevel.checkpoint()
        raise WorkerEnded("out of memory")

    async def main() -> None:
        async with mining(tmp_path / "a", monkeypatch, dies) as (_, miner):
            miner.turn(2)
            await until(lambda: miner.seats and all(one.restarts > 3 for one in miner.seats))
            assert miner.trouble == "a nonce searcher ended: out of memory"

    trio.run(main)


def test_without_an_address_mining_stops_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody() -> Any:
        raise RemoteError(-5, "Invalid address: checksum")

    async def main() -> None:
        async with mining(tmp_path / "a", monkeypatch, nobody, nobody) as (_, miner):
            miner.turn(1)
            await until(lambda: miner.trouble)
            assert "Invalid address" in miner.trouble and miner.threads == 0

    trio.run(main)
