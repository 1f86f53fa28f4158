"""What processes take of the machine, as the kernel counts it (`/proc`, Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(roots: Iterable[int]) -> list[int]:
    """These processes and all that descend from them, ascending."""
    children: dict[int, list[int]] = {}
    for pid in (int(entry) for entry in os.listdir(PROC) if entry.isdigit()):
        if (fields := _stat(pid)) is not None:
            children.setdefault(int(fields[1]), []).append(pid)
    ends = list(roots)
    found = set(ends)
    while ends:
        fresh = children.get(ends.pop(), [])
        found.update(fresh)
        ends += fresh
    return sorted(found)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of live processes so far, with that of their ended children, in seconds."""
    rows = (fields for pid in pids if (fields := _stat(pid)) is not None)
    return sum(sum(map(int, fields[11:15])) for fields in rows) / TICKS


def pss_bytes(pids: Iterable[int]) -> int:
    """Memory of processes, each shared page counted once among those that share it; also what of
    it is swapped out.
    """
    return 1024 * sum(_pss(pid) for pid in pids)


def _stat(pid: int) -> list[str] | None:
    """The fields of a process after its name: state, parent and so on; None once it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def _pss(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Pss:", "SwapPss:")))
