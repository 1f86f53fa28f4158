"""Secret nonces between the two rounds of a shared key's signature: each is used once, ever.

What is kept is the entropy a nonce is made from, under its public nonce. It is gone, and the disk
knows it, before the partial signature is made, so a kill at any moment loses a signature at most.
A copy of the wallet must not sign with a nonce that the original may have used: every nonce is
bound to one file on this disk, which a copy or a restored backup does not have.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Annotated, Final

from msgspec import Meta

from bystack.node.store import files
from bystack.node.store.storage import Store
from bystack.primitives.codec import U63, Wire, decode, encode
from bystack.primitives.errors import Invalid

NONCE: Final = b"Z"
SEAT: Final = "nonces.seat"


class NonceUsed(Invalid):
    """The nonce has signed already, and a nonce signs once: begin again with a new one."""


class NonceUnknown(Invalid):
    """The nonce is none of this wallet's: begin again with a new one."""


class NonceElsewhere(Invalid):
    """The nonce was made before this wallet was copied or restored, and the original may have used
    it: begin again with a new one.
    """


class NonceRecord(Wire):
    """Entropy of a nonce, empty once it was used, and the file it is bound to."""

    entropy: Annotated[bytes, Meta(max_length=32)]
    file: U63
    changed: U63


class Nonces:
    """The nonces of one wallet: its store, and its folder for the file they are bound to."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._path = store, os.path.join(folder, SEAT)

    def fresh(self, make: Callable[[bytes], bytes]) -> bytes:
        """A new public nonce, `make` giving it from 32 bytes of entropy; kept before it is told."""
        entropy = secrets.token_bytes(32)
        nonce = make(entropy)
        record = NonceRecord(entropy, *self._seat())
        self._store.commit_now({NONCE + nonce: encode(record)})
        return nonce

    def take(self, nonce: bytes) -> bytes:
        """The entropy of a nonce, which is used from now on.

        Raises `NonceUnknown`, `NonceUsed`, `NonceElsewhere`.
        """
        data = self._store.get(NONCE + nonce)
        if data is None:
            raise NonceUnknown(nonce=nonce)
        record = decode(NonceRecord, data, 128)
        if not record.entropy:
            raise NonceUsed(nonce=nonce)
        if (record.file, record.changed) != self._seat():
            raise NonceElsewhere(nonce=nonce)
        used = NonceRecord(b"", record.file, record.changed)
        self._store.commit_now({NONCE + nonce: encode(used)})
        return record.entropy

    def _seat(self) -> tuple[int, int]:
        """Number and last change of a file: nobody can choose either for a copy."""
        if not os.path.exists(self._path):
            files.replace(self._path, b"Nonces of this wallet are bound to this file.\n")
        status = os.stat(self._path)
        return status.st_ino, status.st_ctime_ns
