"""Files written whole or not at all: a draft beside the target, fsync, rename, fsync the folder."""

from __future__ import annotations

import os
import secrets

Path = str | os.PathLike[str]


def sync_folder(path: Path) -> None:
    """Make the names in folder `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte of `data` to an open file."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def replace(path: Path, data: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Make `path` hold exactly `data`: readers see the old or the new file, never a part.

    The file has `mode` from its first moment. Without `durable` a power cut may lose it (fit for
    what the next start writes anew).
    """
    folder, name = os.path.split(os.fspath(path))
    draft = os.path.join(folder, f".{name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        try:
            os.fchmod(handle, mode)
            write_all(handle, data)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(draft, path)
    except BaseException:
        if os.path.lexists(draft):
            os.unlink(draft)
        raise
    if durable:
        sync_folder(folder or ".")


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    if os.path.lexists(path):
        os.unlink(path)
