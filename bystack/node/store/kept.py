"""A file of what a process would otherwise work out again: written whole, read if it is sound.

It is no authority. Damaged, too large or of another kind it is passed over, and whoever keeps it
does the work once more.
"""

from __future__ import annotations

import os
from typing import Final, Generic, TypeVar

import trio

from bystack.node.store.files import replace
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256

T = TypeVar("T")

SUM: Final = 32


class KeptDamaged(Invalid):
    """The file does not hold what was written."""


class KeptTooLarge(Invalid):
    """The file, or what should be written, is larger than it may be."""


class KeptFile(Generic[T]):
    """One value of a wire type in a file of at most `limit` bytes beside its checksum."""

    def __init__(self, path: str, kind: type[T], limit: int) -> None:
        self._path, self._kind, self._limit = path, kind, limit

    def read(self) -> T:
        """What was written last; raises `FileNotFoundError`, `OSError`, this file's errors and the
        codec's."""
        size, most = os.path.getsize(self._path), SUM + self._limit
        if size > most:
            raise KeptTooLarge(bytes=size, most=most)
        with open(self._path, "rb") as file:
            data = file.read(most)
        if sha256(data[SUM:]) != data[:SUM]:
            raise KeptDamaged(bytes=len(data))
        return decode(self._kind, data[SUM:], self._limit)

    async def write(self, value: T) -> None:
        """Write it, in a thread; raises `KeptTooLarge`, `OSError`."""
        data = encode(value)
        if len(data) > self._limit:
            raise KeptTooLarge(bytes=len(data), most=self._limit)
        await trio.to_thread.run_sync(self._replace, sha256(data) + data)

    def _replace(self, data: bytes) -> None:
        replace(self._path, data, durable=False)
