"""The system state of a sidechain: everything but its coins, under sorted keys with proofs.

Rules read and write a `SystemState`, an overlay over the state of the last block; what they wrote
becomes one trie update. The state root of a block hashes the trie's root and the digest of the
coin set (bbft.md, section 1).
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from bystack.primitives.codec import decode, encode
from bystack.primitives.hashes import fixed, tagged

MAX_VALUE = 4_000_000

_state_root = tagged("sidechain/state")

T = TypeVar("T")


class StateView(Protocol):
    """A read-only map of the system state."""

    def get(self, key: bytes, /) -> bytes | None:
        """The value at `key`, or None."""
        ...


def state_key(name: str, *parts: bytes | int) -> bytes:
    """The key of an entry: its name, then fixed-width parts (integers as 8 bytes)."""
    tail = b"".join(fixed(part) if isinstance(part, int) else part for part in parts)
    return name.encode() + b"/" + tail


def state_root(system_root: bytes, coin_digest: bytes) -> bytes:
    """What a header commits to: the trie's root and the coin set's digest, 32 bytes each."""
    return _state_root(system_root, coin_digest)


class SystemState:
    """The state of the last block with this block's writes on top."""

    def __init__(self, base: StateView) -> None:
        self._base = base
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes, /) -> bytes | None:
        """The value at `key` as of all writes."""
        return self.changes[key] if key in self.changes else self._base.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write `value`, or delete when None."""
        self.changes[key] = value

    def read(self, kind: type[T], key: bytes) -> T | None:
        """The typed entry at `key`, or None."""
        data = self.get(key)
        return None if data is None else decode(kind, data, MAX_VALUE)

    def write(self, key: bytes, value: object) -> None:
        """Write a typed entry."""
        self.put(key, encode(value))

    def number(self, key: bytes) -> int:
        """The integer at `key`, 0 when there is none."""
        return self.read(int, key) or 0

    def fork(self) -> SystemState:
        """A further overlay, so that a failed transaction leaves nothing behind."""
        return SystemState(self)

    def merge(self, other: SystemState) -> None:
        """Take over the writes of a fork."""
        self.changes.update(other.changes)
