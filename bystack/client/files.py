"""Files that only their owner reads, as everything in a home is."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write a file of a home (0600), making its folder (0700); whole, or not at all."""
    os.makedirs(path.parent, mode=0o700, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(draft, path)
