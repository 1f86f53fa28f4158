"""What the kernel says a process uses: processor, memory, files, since when."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
AFTER_NAME: Final = 3
"""Place in /proc/PID/stat, counted from one, of the first field after the name in brackets."""
USER, SYSTEM, START, PAGES = (place - AFTER_NAME for place in (14, 15, 22, 24))


def _booted() -> float:
    """When this machine began, in seconds since 1970."""
    lines = Path("/proc/stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime")))


def usage(pid: int) -> dict[str, Any]:
    """The figures of the process `pid` by name; none where it is gone or the kernel will not tell.

    Source: proc(5).
    """
    try:
        # The name may hold brackets and blanks, so the fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found = {
            "process_cpu_seconds_total": (int(fields[USER]) + int(fields[SYSTEM])) / TICKS,
            "process_resident_memory_bytes": int(fields[PAGES]) * PAGE,
            "process_start_time_seconds": _booted() + int(fields[START]) / TICKS,
        }
        return found | {"process_open_files": len(os.listdir(f"/proc/{pid}/fd"))}
    except (OSError, ValueError, IndexError, StopIteration):
        return {}
