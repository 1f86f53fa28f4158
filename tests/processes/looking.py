"""What the kernel tells about a process: sockets it listens on, memory, arguments, environment."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LISTENING = "0A"


def inodes_of(pid: int) -> set[str]:
    """The sockets a process holds."""
    found = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(handle)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses and ports that a process listens on, as the kernel's tables have them."""
    inodes, found = inodes_of(pid), []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[9] in inodes and cells[3] == LISTENING:
                host, port = cells[1].split(":")
                found.append((address(host), int(port, 16)))
    return sorted(found)


def datagrams(pid: int) -> set[str]:
    """The UDP sockets of a process."""
    held = inodes_of(pid)
    lines = [
        line.split()[9]
        for table in ("udp", "udp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return held & set(lines)


def address(host: str) -> str:
    """A kernel table's address in dots; those of version 6 stay as they are."""
    if len(host) != 8:
        return host
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))


def memory_kb(pid: int) -> int:
    """What a process holds in memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no memory")


def shown(pid: int) -> bytes:
    """All that others on the machine could be shown of a process: arguments and environment."""
    process = Path(f"/proc/{pid}")
    return (process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes()


def mode(path: Path) -> int:
    """The permission bits of a file, socket or folder."""
    return stat.S_IMODE(path.lstat().st_mode)
