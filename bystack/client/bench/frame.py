"""What a benchmark is: a module of this folder with `measure(show)`; the one form of its answer.

`bystack bench NAME --json` prints `{"bench", "figures", "floor", "ratio", "machine"}`. Names carry
their unit (`tx_per_second`, `ms_p50`). A floor is something simpler measured in the same run, so
that a figure means something on a machine that is slow or busy: look at the ratio first. A floor
may itself be none: then ratio and floor are empty.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple, Protocol

Show = Callable[[str], None]
"""Tells whoever waits what is being done."""

BENCHES: Mapping[str, str] = {
    "processes": "thirty processes of a network: until all answer, memory, idle load",
    "sidechain": "four validators on this machine: transfers a second, latency, processor time",
    "isolation": "main-chain validation alone, and beside a sidechain of this machine at full load",
    "consensus": "BBFT among 4, 10, 31, 100 validators: messages, time to final, processor time",
    "keygen": "key ceremonies of 5, 15, 30 members: a member's processor time and bytes",
    "rpc": "calls a second through the forwarding daemon: alone on 16 connections, and in batches",
    "headers": "main-chain headers decoded, judged, put in the tree and stored",
    "pool": "transactions admitted with their signatures: alone, in chains, into a full pool",
    "sync": "a node joining a long chain of small blocks from another, beside validation alone",
    "memory": "anonymous memory of a million cached coins, and of a bounded cache",
    "reorg": "a hundred full blocks disconnected in one move, and connected again",
    "tensority": "the work function on one core: digests, and setting a seed up",
    "validate": "full main-chain blocks connected: on one core, on two, signatures known",
}
"""Every benchmark by name, with what it measures; the module of that name does it."""


class Measured(NamedTuple):
    """Figures, what they are compared with, and the quotients, each by a name with its unit."""

    figures: Mapping[str, float]
    floor: Mapping[str, float]
    ratio: Mapping[str, float]


class Bench(Protocol):
    """A module that measures; more parameters, all with defaults, make it smaller for tests."""

    def measure(self, show: Show) -> Measured:
        """Run it in full size; takes at most a minute or two."""


TIMED = frozenset({"rpc", "sidechain"})
"""Those that can be told how many seconds their main part takes, or each of its parts."""


def run(name: str, show: Show, seconds: float | None = None) -> dict[str, Any]:
    """Run a benchmark that `BENCHES` lists; the one object that `--json` prints.

    `seconds` only for one that is `TIMED`.
    """
    module: Any = import_module(f"{__package__}.{name}")
    given = {} if seconds is None else {"seconds": seconds}
    measured: Measured = module.measure(show, **given)
    return report(name, measured)


def report(name: str, measured: Measured) -> dict[str, Any]:
    """The object of one result, figures rounded to four digits and more."""
    parts = {part: _rounded(values) for part, values in measured._asdict().items()}
    return {"bench": name, **parts, "machine": machine()}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    digits = {
        name: f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        for name, value in values.items()
    }
    return {name: float(text) for name, text in digits.items()}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model n"))
            return next(named, platform.machine())
    except OSError:
        return platform.machine()


def say(text: str) -> None:
    """Progress, where a result on standard output is not disturbed."""
    print(text, file=sys.stderr, flush=True)
