"""Proof of work: the engines that digest a header's id, targets, and how the target moves.

A digest, read as a big-endian number, must not exceed the target. The target is a function of the
genesis, the parent's height and the parent's time alone, so every path to a header gives the same
one, no oscillation can build up, and a light client needs no earlier headers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from bystack.mainchain.blocks import HEADER_TAG, NONCE_SIZE, Header
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import sha256

# Every block at a multiple of this height names, by its id, the seed of the blocks after it.
SEED_PERIOD = 256
NO_SEED = b"\0" * 32
DIGEST_SIZE = 32
_MAX_COMPACT_MANTISSA = 0x7FFFFF
_MAX_TARGET = 2**256 - 1


class TargetInvalid(Invalid):
    """The compact target is zero, negative, above 2**256 - 1 or not in its one form."""


class Engine(Protocol):
    """A proof-of-work function; a network names it in its parameters."""

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        """32 bytes from a header's id and the seed of its height (32 bytes each)."""


class Sha256d:
    """Double SHA-256 of the id; the seed plays no part."""

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        """SHA-256 of SHA-256 of the id."""
        return sha256(sha256(id))


SHA256D = Sha256d()
ENGINES: Mapping[str, Engine] = MappingProxyType({"sha256d": SHA256D})


def engine_named(name: str, engines: Mapping[str, Engine] = ENGINES) -> Engine:
    """The engine a network names; one that is not installed is our own mistake."""
    if name not in engines:
        raise Misuse(f"proof-of-work engine {name} is not installed")
    return engines[name]


@lru_cache(maxsize=1024)
def target_of(bits: int) -> int:
    """The target a compact number stands for: 23 bits of mantissa, 8 of length in bytes.

    The form of Bitcoin's nBits, only the shortest is accepted. Raises `TargetInvalid`.
    """
    size, mantissa = bits >> 24, bits & _MAX_COMPACT_MANTISSA
    target = mantissa << 8 * (size - 3) if size >= 3 else mantissa >> 8 * (3 - size)
    if not 0 < target <= _MAX_TARGET or bits_of(target) != bits:
        raise TargetInvalid(bits=bits)
    return target


def bits_of(target: int) -> int:
    """The compact form of a target, rounded down to 23 bits or so."""
    size = (target.bit_length() + 7) // 8
    mantissa = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if mantissa > _MAX_COMPACT_MANTISSA:  # the top bit is a sign in Bitcoin's form
        size, mantissa = size + 1, mantissa >> 8
    return size << 24 | mantissa


@lru_cache(maxsize=1024)
def work_of(target: int) -> int:
    """The expected number of digests that meeting the target takes."""
    return 2**256 // (target + 1)


def meets(digest: bytes, target: int) -> bool:
    """Whether a digest is proof of work for the target."""
    return int.from_bytes(digest, "big") <= target


def asert(anchor: int, late: int, half_life: int, limit: int) -> int:
    """The target when the chain is `late` seconds behind its schedule (negative: ahead of it).

    `anchor` × 2^(late / half_life), at least 1 and at most `limit`, in integers: the cubic
    approximation of 2^x with 16 fractional bits of Bitcoin Cash's aserti3-2d (2020, M. Lundeberg).
    """
    scaled = abs(late) * 65536 // half_life  # rounded towards zero, as the source does
    exponent = scaled if late >= 0 else -scaled
    if exponent >> 16 > 256:
        return limit
    whole, part = exponent >> 16, exponent & 0xFFFF
    curve = 195_766_423_245_049 * part + 971_821_376 * part**2 + 5_127 * part**3 + 2**47
    product = anchor * (65536 + (curve >> 48))
    shift = whole - 16
    target = product << shift if shift >= 0 else product >> -shift
    return min(max(target, 1), limit)


def search(
    header: Header, start: int, count: int, seed: bytes = NO_SEED, engine: Engine = SHA256D
) -> bytes | None:
    """The first of `count` nonces from `start` that meets the header's target, or None.

    Hashes all but the nonce once (the nonce is the encoding's last 8 bytes).
    """
    target, digest = target_of(header.target), engine.digest
    tag = sha256(b"bystack/" + HEADER_TAG.encode())
    midstate = hashlib.sha256(tag + tag + encode(header)[:-NONCE_SIZE])
    for number in range(start, start + count):
        nonce = number.to_bytes(NONCE_SIZE, "big")
        state = midstate.copy()
        state.update(nonce)
        if int.from_bytes(digest(state.digest(), seed), "big") <= target:
            return nonce
    return None
