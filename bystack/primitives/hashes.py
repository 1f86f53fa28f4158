"""Tagged SHA-256: one domain per kind of thing (BIP 340, "Tagged Hashes").

`tagged("tx")` hashes under the tag `bystack/tx`; the two blocks of tag prefix are absorbed once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

TaggedHash = Callable[..., bytes]


@cache
def tagged(thing: str) -> TaggedHash:
    """A function from byte strings (concatenated) to 32 bytes, in the domain `bystack/<thing>`."""
    return tagged_exactly(f"bystack/{thing}")


@cache
def tagged_exactly(tag: str) -> TaggedHash:
    """As `tagged`, under a tag named in full (for tags other specifications define)."""
    begin = absorbed_exactly(tag)

    def digest(first: bytes = b"", *parts: bytes) -> bytes:
        state = begin()
        state.update(first)
        for part in parts:
            state.update(part)
        return state.digest()

    return digest


@cache
def tagged_one(thing: str) -> Callable[[bytes], bytes]:
    """As `tagged`, of one byte string: for what is hashed for every transaction."""
    begin = absorbed(thing)

    def digest(data: bytes) -> bytes:
        state = begin()
        state.update(data)
        return state.digest()

    return digest


def absorbed(thing: str) -> Callable[[], hashlib._Hash]:
    """Begins a hash in the domain of `tagged(thing)`: for loops in which a call more counts."""
    return absorbed_exactly(f"bystack/{thing}")


@cache
def absorbed_exactly(tag: str) -> Callable[[], hashlib._Hash]:
    """As `absorbed`, under a tag named in full."""
    prefix = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(prefix + prefix).copy


def sha256(data: bytes) -> bytes:
    """Plain SHA-256, for the formats of others and for proof of work."""
    return hashlib.sha256(data).digest()


def fixed(value: int, size: int = 8) -> bytes:
    """An integer as `size` big-endian bytes, for fields of a hash preimage."""
    return value.to_bytes(size, "big")
