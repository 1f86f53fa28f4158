"""Blocks of 2,000 payments connected: on one core, on two, and with the signatures known.

The coins lie on disk with nothing cached; Merkle roots, undo data, indexes and the synced batch are
included. The floor is the library's bare signature verification on as many threads, measured
before and after each run. Medians of a few rounds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from bystack.client.bench.connecting import Timing
from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.world import Size, build


def measure(show: Show, *, size: Size = Size(), rounds: int = 3) -> Measured:  # noqa: B008
    """Transactions per second of each kind of run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "world"
        folder.mkdir()
        build(folder, size, show)
        one, two, known = list[Timing](), list[Timing](), list[Timing]()
        for number in range(rounds):
            show(f"connecting {size.blocks} blocks three times, round {number + 1} of {rounds}")
            one.append(connected(folder, 1))
            two.append(connected(folder, 2))
            known.append(connected(folder, 2, "known"))
    return _measured(one, two, known)


def connected(folder: Path, cores: int, *how: str) -> Timing:
    """Connect a copy of the world in a fresh process."""
    copy = folder.parent / "copy"
    shutil.copytree(folder, copy)
    module = "bystack.client.bench.connecting"
    command = [sys.executable, "-m", module, str(copy), str(cores), *how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    shutil.rmtree(copy)
    return msgspec.json.decode(done.stdout, type=Timing)


def _rate(runs: list[Timing]) -> float:
    return median(run.transactions / run.seconds for run in runs)


def _ratio(runs: list[Timing]) -> float:
    return median(run.transactions / run.seconds / run.raw_per_second for run in runs)


def _raw(runs: list[Timing]) -> float:
    return median(run.raw_per_second for run in runs)


def _measured(one: list[Timing], two: list[Timing], known: list[Timing]) -> Measured:
    return Measured(
        {
            "one_core_tx_per_second": _rate(one),
            "two_core_tx_per_second": _rate(two),
            "known_tx_per_second": _rate(known),
        },
        {
            "raw_one_core_signatures_per_second": _raw(one),
            "raw_two_core_signatures_per_second": _raw(two),
        },
        {"one_core_to_raw": _ratio(one), "two_core_to_raw": _ratio(two)},
    )
