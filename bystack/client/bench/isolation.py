"""What a sidechain at full load costs the main chain on the same machine.

A sidechain of one validator (engine `solo`: all the load on one node) is sent as many transfers as
go, while full main-chain blocks are validated in another process, as the main chain's own does.
`slowdown` is the part of the rate lost; `sidechain_share` the part of all cores that the node of
the sidechain used meanwhile. The first must be less than the second: processes, not locks, share.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter

import trio

from bystack.client.bench import transfers, validate
from bystack.client.bench.connecting import Timing
from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.loading import Load, Unanswered, Watch
from bystack.client.bench.transfers import Signed
from bystack.client.bench.usage import cpu_seconds, family
from bystack.client.bench.validators import Net, peg_in, running
from bystack.client.bench.world import Size, build
from bystack.node.ipc import connect

SHAPE = (1, 1, 3)
CHOICES = ("consensus=solo",)
INTERVAL = 500
COINS = 5_000
ROUNDS = 12
WARM_SECONDS = 3.0
MOST = 4_000


def measure(show: Show, *, size: Size = Size()) -> Measured:  # noqa: B008
    """Both rates, and how much of the machine the sidechain had.

    Raises `Unanswered` where the sidechain did nothing meanwhile.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "world"
        folder.mkdir()
        build(folder, size, show)
        show("main-chain blocks alone")
        alone = _rate(validate.connected(folder, 1))
        with running(show, empty_interval=INTERVAL, shape=SHAPE, choices=CHOICES) as net:
            coin = peg_in(net)
            show("signing")
            cuts, coins = transfers.cut(net.terms, coin, COINS)
            lines = transfers.rounds(net.terms, coins, ROUNDS)
            beside = trio.run(_beside, net, folder, cuts, chain.from_iterable(lines), show)
    return _measured(alone, beside)


def _rate(timing: Timing) -> float:
    return timing.transactions / timing.seconds


async def _beside(
    net: Net, folder: Path, cuts: list[Signed], lines: Iterator[Signed], show: Show
) -> Mapping[str, float]:
    async with connect(net.sockets[0]) as client, trio.open_nursery() as nursery:
        watch = Watch(1)
        nursery.start_soon(watch.follow, client)
        load = Load([client], watch)
        for one in cuts:
            await load.pace(iter([one]), 1.0, transfers.PART)
            await load.drain()
        nursery.start_soon(load.saturate, lines, 600.0, MOST)
        await trio.sleep(WARM_SECONDS)
        show("main-chain blocks beside the sidechain")
        found = await _validated(net, folder, watch)
        nursery.cancel_scope.cancel()
    return found


async def _validated(net: Net, folder: Path, watch: Watch) -> Mapping[str, float]:
    pids = family(net.supervisors)
    began, cpu, final = perf_counter(), cpu_seconds(pids), watch.final
    timing = await trio.to_thread.run_sync(partial(validate.connected, folder, 1))
    spent = perf_counter() - began
    return {
        "rate": _rate(timing),
        "cores": (cpu_seconds(pids) - cpu) / spent,
        "final": (watch.final - final) / spent,
    }


def _measured(alone: float, beside: Mapping[str, float]) -> Measured:
    if not (beside["final"] and beside["cores"]):
        raise Unanswered("the sidechain stood still while main-chain blocks were validated")
    cores = len(os.sched_getaffinity(0))
    slowdown, share = 1 - beside["rate"] / alone, beside["cores"] / cores
    figures = {
        "tx_per_second_beside": beside["rate"],
        "sidechain_tx_per_second": beside["final"],
        "sidechain_cores": beside["cores"],
        "sidechain_share": share,
        "slowdown": slowdown,
    }
    return Measured(
        figures, {"tx_per_second_alone": alone}, {"slowdown_to_share": slowdown / share}
    )
