"""Why a node should not be asked now: what `/ready` goes by, a sentence for each reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bystack.node.announce import SIGN_SECONDS
from bystack.node.processes.child import Child

LEAST_FREE: Final = 128 * 1024**2
"""Bytes: with less, stores and journals may be without room at the next block."""
SILENT: Final = 3 * SIGN_SECONDS
"""Seconds without a sign of life after which a process is taken for one that hangs."""


def amiss(processes: Sequence[tuple[Child, bool]], free: int) -> Iterator[str]:
    """Each reason, of processes with whether we are connected to them, and of the bytes `free`."""
    for child, connected in processes:
        if text := _amiss(child, connected):
            yield f"{child.spec.label} {text}"
    if free < LEAST_FREE:
        yield f"{free // 1024**2} MiB of disk are free, {LEAST_FREE // 1024**2} are needed"


def _amiss(child: Child, connected: bool) -> str:
    if child.state != "running":
        return f"is {child.state}" if child.state != "failed" else f"was given up: {child.exit}"
    if child.silent >= SILENT:
        return f"shows no sign of life for {child.silent:.0f} s"
    # The signer answers on its keys' sockets alone, to those whom they are for.
    if not connected and child.spec.role != "signer":
        return "does not answer"
    return "is far behind its chain" if child.behind else ""
