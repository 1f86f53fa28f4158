"""BLS12-381 points by py_ecc (pure Python): the reference, a hundred times slower than arkworks.

Same functions, same bytes, same refusals as `bls_arkworks`. py_ecc's loaders do not check the
subgroup, so this module does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache, reduce
from hashlib import sha256
from typing import Any

from bystack.primitives.errors import Misuse

# Importing py_ecc lifts the interpreter's recursion limit to 100,000. That limit is what stops the
# decoder on deeply nested hostile bytes: without it they crash the process. So it is put back.
_limit = sys.getrecursionlimit()
from py_ecc import optimized_bls12_381  # noqa: E402
from py_ecc.bls import g2_primitives, hash_to_curve  # noqa: E402
from py_ecc.fields import optimized_bls12_381_FQ12  # noqa: E402

sys.setrecursionlimit(_limit)

# The library is typed for other purposes (its own names for bytes); here it is untyped.
curve: Any = optimized_bls12_381
encoding: Any = g2_primitives
hashing: Any = hash_to_curve
FQ12: Any = optimized_bls12_381_FQ12

name = "py_ecc"
G1 = curve.G1


@lru_cache(maxsize=8192)
def g1_load(data: bytes) -> Any:
    """The point in G1, or None."""
    if len(data) != 48:
        return None
    try:
        point = encoding.pubkey_to_G1(data)
    except ValueError:
        return None
    return point if encoding.subgroup_check(point) and store(point) == data else None


def g2_load(data: bytes) -> Any:
    """The point in G2, or None."""
    if len(data) != 96:
        return None
    try:
        point = encoding.signature_to_G2(data)
    except ValueError:
        return None
    return point if encoding.subgroup_check(point) and store(point) == data else None


def store(point: Any) -> bytes:
    """The point's 48 or 96 bytes."""
    in_g1 = type(point[0]) is type(G1[0])
    return bytes(encoding.G1_to_pubkey(point) if in_g1 else encoding.G2_to_signature(point))


def g1_infinite(point: Any) -> bool:
    """Whether the point is the neutral element of G1."""
    return bool(curve.is_inf(point))


g2_infinite = g1_infinite


def g1_sum(points: Sequence[Any]) -> Any:
    """The sum of points in G1; infinity for none."""
    return reduce(curve.add, points, curve.Z1)


def g2_sum(points: Sequence[Any]) -> Any:
    """The sum of points in G2; infinity for none."""
    return reduce(curve.add, points, curve.Z2)


def g1_scale(point: Any, scalar: int) -> Any:
    """`scalar` (0 to the order less one) times a point of either group."""
    return curve.multiply(point, scalar)


g2_scale = g1_scale


def hash_to_g2(message: bytes, tag: bytes) -> Any:
    """RFC 9380, BLS12381G2_XMD:SHA-256_SSWU_RO_."""
    return hashing.hash_to_G2(message, tag, sha256)


def product_is_one(pairs: Sequence[tuple[Any, Any]]) -> bool:
    """Whether the product of the pairings e(P, Q) is one; `Misuse` for none."""
    if not pairs:
        raise Misuse("a product of no pairings is one and proves nothing")
    product = FQ12.one()
    for p, q in pairs:
        product *= curve.pairing(q, p, final_exponentiate=False)
    return bool(curve.final_exponentiate(product) == FQ12.one())


def g1_negate(point: Any) -> Any:
    """The opposite of a point in G1."""
    return curve.neg(point)
