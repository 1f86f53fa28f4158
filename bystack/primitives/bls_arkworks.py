"""BLS12-381 points by arkworks (Rust): the backend by default, for every consensus path.

Points go in and out as 48 (G1) and 96 (G2) compressed bytes; a load returns None for anything but
the one encoding of a point in the right subgroup. Whether infinity will do is the caller's
question.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from bystack.primitives.errors import Misuse

name = "arkworks"
G1 = G1Point()


@lru_cache(maxsize=8192)
def g1_load(data: bytes) -> G1Point | None:
    """The point in G1, or None. Cached: a validator's key is decompressed once, not per vote."""
    try:
        point = G1Point.from_compressed_bytes(data)
    except ValueError:
        return None
    # arkworks takes many encodings of infinity; two encodings would be two ids of one object.
    return point if point.to_compressed_bytes() == data else None


def g2_load(data: bytes) -> G2Point | None:
    """The point in G2, or None."""
    try:
        point = G2Point.from_compressed_bytes(data)
    except ValueError:
        return None
    return point if point.to_compressed_bytes() == data else None


def store(point: G1Point | G2Point) -> bytes:
    """The point's 48 or 96 bytes."""
    return bytes(point.to_compressed_bytes())


def g1_infinite(point: G1Point) -> bool:
    """Whether the point is the neutral element of G1."""
    return point == G1Point.identity()


def g2_infinite(point: G2Point) -> bool:
    """Whether the point is the neutral element of G2."""
    return point == G2Point.identity()


def g1_sum(points: Sequence[G1Point]) -> G1Point:
    """The sum of points in G1; infinity for none."""
    return sum(points, G1Point.identity())


def g2_sum(points: Sequence[G2Point]) -> G2Point:
    """The sum of points in G2; infinity for none."""
    return sum(points, G2Point.identity())


def g1_scale(point: G1Point, scalar: int) -> G1Point:
    """`scalar` (0 to the order less one) times a point in G1."""
    return point * Scalar.from_be_bytes(scalar.to_bytes(32, "big"))


def g2_scale(point: G2Point, scalar: int) -> G2Point:
    """`scalar` (0 to the order less one) times a point in G2."""
    return point * Scalar.from_be_bytes(scalar.to_bytes(32, "big"))


@lru_cache(maxsize=64)
def hash_to_g2(message: bytes, tag: bytes) -> G2Point:
    """RFC 9380, BLS12381G2_XMD:SHA-256_SSWU_RO_. Cached: votes and their certificate say one."""
    return G2Point.hash_to_curve(message, tag)


def product_is_one(pairs: Sequence[tuple[G1Point, G2Point]]) -> bool:
    """Whether the product of the pairings e(P, Q) is one; `Misuse` for none."""
    if not pairs:
        raise Misuse("a product of no pairings is one and proves nothing")
    return GT.pairing_check([p for p, _ in pairs], [q for _, q in pairs])


def g1_negate(point: G1Point) -> G1Point:
    """The opposite of a point in G1."""
    return -point
