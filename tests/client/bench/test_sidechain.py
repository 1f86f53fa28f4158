"""The stretches of the sidechain benchmark: what counts, and what a chain that stands still costs.

The node is played and the clock is a virtual one; `tests/processes` and the bench itself run real
ones.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from bystack.client.bench import loading, sidechain
from bystack.client.bench.loading import Load, Watch
from bystack.client.bench.sidechain import EXPECTED, MOST, WARM_SECONDS, Bench, Phase
from bystack.client.bench.transfers import Signed
from bystack.client.bench.validators import Net
from bystack.node.ipc import Client

SECONDS = 12.0
EVERY = 0.5


class Played:
    """A node that puts all it was sent into a block, twice a second, but for a while makes none."""

    def __init__(self, still: tuple[float, float]) -> None:
        self._still, self._waiting = still, 0

    async def call(self, method: str, many: list[bytes]) -> list[Any]:
        assert method == "submit_many"
        await trio.sleep(0.05)
        self._waiting += len(many)
        return []

    async def stream(self, name: str) -> AsyncIterator[list[Any]]:
        assert name == "tips"
        for height in count(1):
            await trio.sleep(EVERY)
            if not self._still[0] <= trio.current_time() < self._still[1]:
                taken, self._waiting = self._waiting, 0
                yield [height, b"", wall(), taken]


def wall() -> float:
    return 1_000 * trio.current_time()


def loaded(monkeypatch: pytest.MonkeyPatch, *still: float) -> Phase:
    """What a stretch of full load shows where the chain stands still from one second to another."""

    async def one(client: Client, load: Load, blocks: Any) -> list[float]:
        return [1.0]

    async def main() -> Phase:
        client = cast(Client, Played((still[0], still[1])))
        net = cast(Net, SimpleNamespace(supervisors=[os.getpid()]))
        async with trio.open_nursery() as nursery:
            watch = Watch(1)
            nursery.start_soon(watch.follow, client)
            lines = (Signed(number.to_bytes(32, "big"), b"") for number in count())
            bench = Bench(net, [client], watch, lambda text: None)
            found = await bench.saturated(lines, SECONDS)
            nursery.cancel_scope.cancel()
        return found

    for module in (sidechain, loading):
        monkeypatch.setattr(module, "now", wall)
    monkeypatch.setattr(sidechain, "waits", one)
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_steady_chain_has_one_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = loaded(monkeypatch, 0.0, 0.0)
    assert phase.per_second == pytest.approx(phase.by_clock, rel=0.05)
    assert phase.by_clock * EVERY <= MOST * 1.2 and not phase.refused
    assert phase.interval == pytest.approx(1_000 * EVERY)


def test_a_chain_that_stands_still_at_the_end_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = loaded(monkeypatch, 0.0, 0.0)
    phase = loaded(monkeypatch, WARM_SECONDS + SECONDS / 2, WARM_SECONDS + SECONDS + 5)
    assert phase.per_second == pytest.approx(steady.per_second, rel=0.05)
    assert phase.by_clock == pytest.approx(steady.by_clock / 2, rel=0.1)


def test_enough_is_signed_beforehand() -> None:
    paced = 2 * (sidechain.PACED_SECONDS + WARM_SECONDS) * sidechain.PACED_RATE
    wanted = (60 + WARM_SECONDS) * EXPECTED + paced + sidechain.STAGED
    assert sidechain._rounds(60) * sidechain.COINS >= wanted
