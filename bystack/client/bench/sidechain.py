"""Four real validators on this machine: throughput, latency, processor time for each transfer.

All their processes run: supervisors, main chain, sidechain, federation, signer, wallet; TLS between
the nodes; transfers signed beforehand, with fees, handed in bulk to all four in turn through their
private sockets. The floor is the library's bare signature verification on all cores, divided by
four: each node verifies each signature once.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import trio

from bystack.client.bench import transfers
from bystack.client.bench.connecting import raw_rate
from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.loading import Final, Load, Unanswered, Watch, now, waits
from bystack.client.bench.stages import stages
from bystack.client.bench.transfers import Signed
from bystack.client.bench.usage import cpu_seconds, family
from bystack.client.bench.validators import VALIDATORS, Net, peg_in, running
from bystack.client.devnet import processes
from bystack.node.ipc import Client, connect

EMPTY_INTERVAL = 500
EMPTY_SECONDS = 12.0
PACED_SECONDS = 15.0
PACED_RATE = 2_000
WARM_SECONDS = 3.0
COINS = 27_000
STAGED = 2_000
MOST = 5_000
"""Transfers on their way when as many are sent as go."""
EXPECTED = 4_000
"""Transfers a second that are signed beforehand for."""


class Phase(NamedTuple):
    """What one stretch of load showed."""

    blocks: list[Final]
    waits: list[float]
    cpu: float
    refused: int
    by_clock: float
    """Transfers final on all nodes a second of the whole stretch, however its ends fell."""

    @property
    def transactions(self) -> int:
        """Transfers final in it."""
        return sum(block.transactions for block in self.blocks)

    @property
    def per_second(self) -> float:
        """Transfers final on all nodes a second, from the first block's end to the last one's."""
        span = (self.blocks[-1].final - self.blocks[0].final) / 1_000
        return (self.transactions - self.blocks[0].transactions) / span

    @property
    def interval(self) -> float:
        """Milliseconds between proposals: the median."""
        times = [block.proposed for block in self.blocks]
        return median(late - early for early, late in pairwise(times))


def measure(show: Show, *, seconds: float = 60.0) -> Measured:
    """Run it whole; `seconds` is how long as many transfers as go are sent."""
    before = raw_rate(_cores())
    with running(show, empty_interval=EMPTY_INTERVAL) as net:
        show("pegging in")
        coin = peg_in(net)
        show("signing")
        cuts, coins = transfers.cut(net.terms, coin, COINS)
        lines = transfers.rounds(net.terms, coins, _rounds(seconds))
        rest = chain.from_iterable(lines)
        figures = trio.run(_measure, net, cuts, rest, seconds, show)
        show("one node by itself, step by step")
        figures |= _stages(net, list(islice(rest, STAGED)))
    raw = (before + raw_rate(_cores())) / 2
    floor = {"raw_signatures_per_second": raw, "raw_by_four": raw / VALIDATORS}
    ratio = {"tx_per_second_to_raw_by_four": figures["tx_per_second"] * VALIDATORS / raw}
    return Measured(figures, floor, ratio)


def _stages(net: Net, transfers: Sequence[Signed]) -> Mapping[str, float]:
    """What a transfer costs one node, on the store of the first, which stops."""
    node = net.devnet.layout.nodes[0]
    processes.stop(node)
    return stages(Path(node.home), net.name, net.genesis, transfers).figures


def _rounds(seconds: float) -> int:
    """How often each coin pays, so that there are transfers enough."""
    paced = 2 * (PACED_SECONDS + WARM_SECONDS) * PACED_RATE
    return 1 + int((seconds + WARM_SECONDS) * EXPECTED + paced + STAGED) // COINS


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@asynccontextmanager
async def _clients(net: Net) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connect(path)) for path in net.sockets]


async def _measure(
    net: Net, cuts: Sequence[Signed], lines: Iterator[Signed], seconds: float, show: Show
) -> dict[str, float]:
    figures = dict[str, float]()
    async with _clients(net) as clients, trio.open_nursery() as nursery:
        watch = Watch(len(clients))
        for client in clients:
            nursery.start_soon(watch.follow, client)
        bench = Bench(net, clients, watch, show)
        await bench.cut(cuts)
        figures |= await bench.empty(EMPTY_SECONDS)
        full = await bench.saturated(lines, seconds)
        figures |= _full(full)
        figures |= _paced(await bench.paced(lines, PACED_RATE), "")
        half = await bench.paced(lines, full.per_second / 2)
        figures |= {"ms_interval_at_half_load": half.interval, **_paced(half, "_at_half_load")}
        nursery.cancel_scope.cancel()
    return figures


class Bench:
    """The stretches of one measurement, on a network that stands."""

    def __init__(self, net: Net, clients: Sequence[Client], watch: Watch, show: Show) -> None:
        self._clients, self._watch, self._show = clients, watch, show
        self._pids = family(net.supervisors)

    async def cut(self, cuts: Sequence[Signed]) -> None:
        """Make the coins, one transaction after another."""
        load = Load(self._clients, self._watch)
        for one in cuts:
            await load.pace(iter([one]), 1.0, transfers.PART)
            await load.drain()

    async def empty(self, seconds: float) -> dict[str, float]:
        """Empty blocks for a while."""
        self._show(f"empty blocks for {seconds:.0f} s")
        begun = now()
        cpu = cpu_seconds(self._pids)
        await trio.sleep(seconds)
        blocks = self._watch.blocks(begun, now())
        took = [block.took for block in blocks]
        used = cpu_seconds(self._pids) - cpu
        return {
            "ms_p50_empty": median(took),
            "ms_max_empty": max(took),
            "cpu_ms_per_empty_block": 1_000 * used / len(blocks),
        }

    async def saturated(self, lines: Iterator[Signed], seconds: float) -> Phase:
        """As many as go, after a while to warm up."""
        self._show(f"as many as go for {seconds:.0f} s")

        async def run(load: Load) -> None:
            await load.saturate(lines, seconds + WARM_SECONDS, MOST)

        return await self._phase(run, WARM_SECONDS, seconds)

    async def paced(self, lines: Iterator[Signed], rate: float) -> Phase:
        """So many a second."""
        self._show(f"{rate:.0f} a second for {PACED_SECONDS:.0f} s")

        async def run(load: Load) -> None:
            await load.pace(lines, PACED_SECONDS + WARM_SECONDS, rate)

        return await self._phase(run, WARM_SECONDS, PACED_SECONDS)

    async def _phase(
        self, run: Callable[[Load], Awaitable[None]], warm: float, seconds: float
    ) -> Phase:
        load = Load(self._clients, self._watch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, load)
            await trio.sleep(warm)
            begun, cpu, final = now(), cpu_seconds(self._pids), self._watch.final
            await trio.sleep(seconds)
            ended, used = now(), cpu_seconds(self._pids) - cpu
            final = self._watch.final - final
        await load.drain()
        blocks = [b for b in self._watch.blocks(begun, ended) if b.transactions]
        if len(blocks) < 2:
            raise Unanswered(f"{len(blocks)} blocks with transfers in {seconds:.0f} s")
        waited = await waits(self._clients[0], load, blocks)
        by_clock = 1_000 * final / (ended - begun)
        return Phase(blocks, waited, used / max(final, 1), len(load.refused), by_clock)


def _full(phase: Phase) -> dict[str, float]:
    return {
        "tx_per_second": phase.per_second,
        "tx_per_second_by_clock": phase.by_clock,
        "cpu_us_per_tx": 1e6 * phase.cpu,
        "tx_per_second_by_cpu": _cores() / phase.cpu,
        "ms_p50_full_block": median(block.took for block in phase.blocks),
        "ms_interval_full": phase.interval,
        "transactions_per_block": phase.transactions / len(phase.blocks),
        "ms_p50_full": median(phase.waits),
        "refused": phase.refused,
    }


def _paced(phase: Phase, suffix: str) -> dict[str, float]:
    return {
        f"ms_p50{suffix}": median(phase.waits),
        f"ms_p99{suffix}": quantiles(phase.waits, n=100)[98],
        f"tx_per_second_paced{suffix}": phase.per_second,
        f"refused_paced{suffix}": phase.refused,
    }
