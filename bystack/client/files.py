"""Files that only their owner reads, as everything in a home is."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write a file of a home (0600), making its folder (0700).

    One that is there is written over, not replaced: Landlock lets a node's processes read the very
    file they began with, and no other of its name. Who reads it half written reads it again.
    """
    os.makedirs(path.parent, mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
