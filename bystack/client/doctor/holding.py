"""Who listens at an address: the kernel's table of sockets against the handles of processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

LISTENS: Final = "0A"
PROC: Final = Path("/proc")
TABLES: Final = ("net/tcp", "net/tcp6")


def holder(address: str) -> str:
    """`pid N (name)` of who listens on the port of `address` (HOST:PORT); empty where the kernel
    does not say: other users' handles are shown to root only. Source: proc(5).
    """
    wanted = {f"socket:[{inode}]" for inode in _listening(int(address.rpartition(":")[2]))}
    for process in PROC.glob("[0-9]*") if wanted else ():
        if any(link in wanted for link in _handles(process)):
            return f"pid {process.name} ({_name(process)})"
    return ""


def _listening(port: int) -> Iterator[str]:
    """The inodes of sockets that listen on `port`."""
    for table in TABLES:
        try:
            rows = (PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in map(str.split, rows):
            if row[3] == LISTENS and int(row[1].rpartition(":")[2], 16) == port:
                yield row[9]


def _handles(process: Path) -> Iterator[str]:
    try:
        handles = tuple((process / "fd").iterdir())
    except OSError:  # it ended, or is another user's
        return
    for handle in handles:
        with suppress(OSError):  # closed meanwhile
            yield str(handle.readlink())


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended"
