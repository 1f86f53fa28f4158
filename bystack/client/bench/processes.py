"""Thirty processes of a network: how soon all answer, what memory and how much of a core they take.

Five nodes of six processes (supervisor, main chain, wallet, signer, a sidechain, its federation)
are founded, stopped, and started again at one moment. Up means that each process of each node
answers RPC. Memory is proportional set size: a page that several share counts once among them. The
floor is as many bare interpreters that only import what every process does, started together.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial

from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.usage import cpu_seconds, family, pss_bytes
from bystack.client.bench.validators import running
from bystack.client.devnet import processes
from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import Rpc, wait_for

EMPTY_INTERVAL = 5_000
IDLE_SECONDS = 20.0
SETTLE_SECONDS = 5.0
MIB = 1 << 20
IMPORTS = "import trio, msgspec, structlog, plyvel, cryptography.x509"


def measure(show: Show, *, idle: float = IDLE_SECONDS) -> Measured:
    """Seconds until all are up, their memory, the share of a core they take at rest.

    At rest: no transactions, the sidechain making its empty blocks every five seconds.
    """
    with running(show, empty_interval=EMPTY_INTERVAL) as net:
        devnet = net.devnet
        for node in devnet.layout.nodes:
            processes.stop(node)
        show("starting all at one moment")
        seconds = _start(devnet, net.name)
        pids = family(int(processes.facts_of(node)["pid"]) for node in devnet.layout.nodes)
        time.sleep(SETTLE_SECONDS)
        show(f"at rest for {idle:.0f} s")
        before, begun = cpu_seconds(pids), time.monotonic()
        time.sleep(idle)
        busy = (cpu_seconds(pids) - before) / (time.monotonic() - begun)
        memory = pss_bytes(pids) / MIB
    bare = bare_start(len(pids))
    figures = {
        "processes": float(len(pids)),
        "seconds_until_up": seconds,
        "pss_mib": memory,
        "idle_cores": busy,
    }
    return Measured(figures, {"seconds_bare": bare}, {"up_to_bare": seconds / bare})


def _start(devnet: Devnet, name: str) -> float:
    """Start every daemon; seconds until every process of every node has answered."""
    begun = time.monotonic()
    for node in devnet.layout.nodes:
        processes.start(node)
    for node in devnet.layout.nodes:
        processes.wait_started(node)
        wait_for(f"{node.name} answers", partial(_answers, devnet.rpcs[node.name], name))
    return time.monotonic() - begun


def _answers(rpc: Rpc, name: str) -> bool:
    """Main chain, wallet, sidechain and, which needs its signer to know the key, federation."""
    rpc.getblockcount()
    rpc.listwallets()
    rpc.side(name, "getblockcount")
    rpc.federation(name, "getfederationinfo")
    return True


def bare_start(number: int, command: Sequence[str] = (sys.executable, "-c", IMPORTS)) -> float:
    """Seconds that so many interpreters take to import what each process does, and to end."""
    begun = time.monotonic()
    started = [subprocess.Popen(command) for _ in range(number)]
    for one in started:
        one.wait()
    return time.monotonic() - begun
