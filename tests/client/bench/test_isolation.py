"""The isolation benchmark: load is under way while blocks are validated, and the sums are right.

The network of daemons and the blocks are played: `test_validate` connects real ones.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from bystack.client.bench import isolation, transfers, validate
from bystack.client.bench.connecting import Timing
from bystack.client.bench.isolation import MOST, measure
from bystack.client.bench.loading import CHUNK, Unanswered
from bystack.client.bench.transfers import Signed
from bystack.client.bench.world import Size

TINY = Size(coins=10, blocks=1, payments=1)
CORES = len(os.sched_getaffinity(0))


class Sidechain:
    """Takes transfers, each lot a block that is final at once; where it is stuck, none is."""

    def __init__(self, stuck: bool) -> None:
        self.stuck, self.height, self.happened = stuck, 0, list[str]()
        self.tell, self.tips = trio.open_memory_channel[list[Any]](float("inf"))
        self.loaded, self.wanted = threading.Event(), 1_000_000

    async def call(self, method: str, many: Sequence[bytes]) -> list[Any]:
        await trio.lowlevel.checkpoint()
        self.height += 1
        if not self.stuck or self.height == 1:  # the coin is cut all the same
            self.tell.send_nowait([self.height, b"", 0, len(many)])
        if self.height >= self.wanted:
            self.loaded.set()
        return []

    def stream(self, method: str) -> AsyncIterator[list[Any]]:
        return self.tips

    def connected(self, folder: Path, cores: int) -> Timing:
        """A thousand transactions in a second alone, in two beside the sidechain."""
        self.happened.append("validated")
        if "network" not in self.happened:
            return Timing(1.0, 1_000, 1.0)
        # Of so many lots those on their way at a time are the lesser part: some are final by then.
        self.wanted = 5 if self.stuck else self.height + 2 * MOST // CHUNK
        assert self.height >= self.wanted or self.loaded.wait(180), "no load meanwhile"
        return Timing(2.0, 1_000, 1.0)

    @contextmanager
    def running(self, show: Any, **how: Any) -> Iterator[Any]:
        self.happened.append("network")
        assert how["choices"] == ("consensus=solo",) and how["shape"][1] == 1
        yield SimpleNamespace(sockets=["here"], supervisors=[], terms=None)
        self.happened.append("gone")

    @asynccontextmanager
    async def connect(self, path: str) -> AsyncIterator[Sidechain]:
        yield self


def played(monkeypatch: pytest.MonkeyPatch, *, stuck: bool = False, cpu: float = 5.0) -> Sidechain:
    side, spent = Sidechain(stuck), iter((1.0, 1.0 + cpu))
    endless = (Signed(number.to_bytes(32, "big"), b"") for number in count(1))
    for name, stands_in in {
        "build": lambda *_: None,
        "running": side.running,
        "peg_in": lambda net: None,
        "connect": side.connect,
        "family": lambda roots: [],
        "cpu_seconds": lambda pids: next(spent),
        "WARM_SECONDS": 0.0,
    }.items():
        monkeypatch.setattr(isolation, name, stands_in)
    monkeypatch.setattr(validate, "connected", side.connected)
    monkeypatch.setattr(transfers, "cut", lambda *_: ([Signed(bytes(32), b"")], []))
    monkeypatch.setattr(transfers, "rounds", lambda *_: [endless])
    return side


def test_blocks_are_validated_alone_and_then_under_load(monkeypatch: pytest.MonkeyPatch) -> None:
    side = played(monkeypatch)
    measured = measure(lambda _: None, size=TINY)
    assert side.happened == ["validated", "network", "validated", "gone"]
    figures = measured.figures
    assert measured.floor == {"tx_per_second_alone": 1_000}
    assert (figures["tx_per_second_beside"], figures["slowdown"]) == (500, 0.5)
    assert figures["sidechain_tx_per_second"] > 0
    assert figures["sidechain_share"] == pytest.approx(figures["sidechain_cores"] / CORES)
    assert measured.ratio["slowdown_to_share"] == pytest.approx(0.5 / figures["sidechain_share"])


@pytest.mark.parametrize("idle", [{"stuck": True}, {"cpu": 0.0}])
def test_beside_a_sidechain_that_stands_still_nothing_was_measured(
    monkeypatch: pytest.MonkeyPatch, idle: dict[str, Any]
) -> None:
    played(monkeypatch, **idle)
    with pytest.raises(Unanswered, match="stood still"):
        measure(lambda _: None, size=TINY)
