"""The key files a node's signer reads, their kinds, and the password they may be sealed with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bystack.node.keyfiles import PASSWORD_FILE, read_key, read_private, write_key
from bystack.node.store import files

VALIDATOR = "validator"
MEMBER = "member"
GOVERNANCE = "governance"
NAMED = "named"
SHARE = "federation-share"
CEREMONY = "ceremony"
NODE = "node"


def password() -> str | None:
    """The password of sealed key files, from `keys/password` (0600), if the operator wrote it."""
    if not os.path.exists(PASSWORD_FILE):
        return None
    return read_private(PASSWORD_FILE).decode().strip()


def load(path: files.Path, kind: str, *, cheap: bool) -> bytes:
    """The secret of a key file; raises a `KeyFileError`."""
    return read_key(path, kind, password(), cheap=cheap)


def save(path: files.Path, kind: str, secret: bytes, *, cheap: bool) -> None:
    """Write (or replace) a key file that this process makes itself."""
    write_key(path, kind, secret, password(), cheap=cheap, replace=True)


def share_path(federation: str, epoch: int, attempt: int, index: int) -> str:
    """The key file of one share: of one attempt at one key epoch."""
    return f"keys/{federation}-epoch-{numbered(epoch, attempt)}-share-{index}.key"


def numbered(epoch: int, attempt: int) -> str:
    """An epoch in file names; later attempts at it have their number too."""
    return f"{epoch}.{attempt}" if attempt else str(epoch)


def named_keys(*, cheap: bool) -> Iterator[tuple[str, bytes]]:
    """The node's named Schnorr keys (supers'): `keys/NAME.named.key` → (NAME, secret)."""
    for path in sorted(Path("keys").glob("*.named.key")):
        yield path.name.removesuffix(".named.key"), load(path, NAMED, cheap=cheap)
