"""A hundred full blocks disconnected in one move, and connected again in another.

Blocks and undo data are read from the store, each move is one batch, and the signatures are still
known from the first time. The floor is the same blocks decoded, ids and all.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import trio

from bystack.client.bench.connecting import Run
from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.world import Size, build
from bystack.mainchain.blocks import decode_block
from bystack.mainchain.events import Refused, Switch
from bystack.node.processes.garbage import collect_seldom

DEEP = Size(coins=200_000, blocks=100, payments=2_000)


def measure(show: Show, *, size: Size = DEEP) -> Measured:
    """Transactions undone and done again per second."""
    with tempfile.TemporaryDirectory() as name:
        build(Path(name), size, show)
        run = Run(Path(name))
        collect_seldom()
        show(f"connecting {size.blocks} blocks")
        trio.run(lambda: run.connect(known=False))
        begun = time.perf_counter()
        ids = [decode_block(data).id for data in run.frames]
        plain = time.perf_counter() - begun
        show("disconnecting them, and connecting them again")
        off = trio.run(_move, run, Switch(tuple(reversed(ids)), ()))
        on = trio.run(_move, run, Switch((), tuple(ids)))
        run.close()
    return _measured(size, off, on, plain)


async def _move(run: Run, switch: Switch) -> float:
    """Seconds to make a move whose blocks lie in the store."""
    begun = time.perf_counter()
    decision = await run.switcher.judge(switch, {})
    assert not isinstance(decision, Refused), decision
    await run.store.commit_switch(decision.changes, decision.delta)
    return time.perf_counter() - begun


def _measured(size: Size, off: float, on: float, plain: float) -> Measured:
    count = size.blocks * (size.payments + 1)
    return Measured(
        {
            "off_seconds": off,
            "on_seconds": on,
            "off_tx_per_second": count / off,
            "on_tx_per_second": count / on,
            "off_and_on_tx_per_second": count / (off + on),
        },
        {"decoded_tx_per_second": count / plain},
        {"off_and_on_to_decoded": plain / (off + on)},
    )
