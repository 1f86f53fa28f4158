"""The group G1 of BLS12-381 and its field of scalars, for distributed keys.

Points are 48 bytes, compressed; infinity is a value here (a refresh deals it), unlike in `bls`.
Scalars are integers modulo `ORDER`. CPython's integers are not constant time: whoever can time this
process on its own machine is outside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from py_arkworks_bls12381 import G1Point

from bystack.primitives import bls_arkworks as backend
from bystack.primitives.errors import Invalid

# The order of G1 and G2 (the IETF draft calls it r).
ORDER = 0x73EDA753_299D7D48_3339D808_09A1D805_53BDA402_FFFE5BFE_FFFFFFFF_00000001
MAX_INDEX = 2**16 - 1
INFINITY = b"\xc0" + bytes(47)

P = TypeVar("P")


class PointMalformed(Invalid):
    """The bytes are not the one encoding of a point in G1."""


class IndexInvalid(Invalid):
    """A share index is not from 1 to 65535, or stands twice."""


class NoCommitments(Invalid):
    """A polynomial has at least one commitment."""


def _load(point: bytes) -> G1Point:
    loaded = backend.g1_load(point) if type(point) is bytes else None
    if loaded is None:
        raise PointMalformed(point=point)
    return loaded


def g1_mul(scalar: int) -> bytes:
    """`scalar` (reduced modulo `ORDER`) times the generator."""
    return backend.store(backend.g1_scale(backend.G1, scalar % ORDER))


def g1_add(points: Sequence[bytes]) -> bytes:
    """The sum of points; infinity for none. Raises `PointMalformed`."""
    return backend.store(backend.g1_sum([_load(point) for point in points]))


def g1_scale(point: bytes, scalar: int) -> bytes:
    """`scalar` (reduced modulo `ORDER`) times a point. Raises `PointMalformed`."""
    return backend.store(backend.g1_scale(_load(point), scalar % ORDER))


def g1_valid(point: bytes, allow_infinity: bool = False) -> bool:
    """Whether the bytes are the one encoding of a point in G1 (not infinity unless allowed)."""
    if type(point) is not bytes or backend.g1_load(point) is None:
        return False
    return allow_infinity or point != INFINITY


def horner(
    commitments: Sequence[P],
    index: int,
    add: Callable[[Sequence[P]], P],
    scale: Callable[[P, int], P],
) -> P:
    """The committed polynomial at `index`: a small scalar each step, cheaper than a multi-sum."""
    check_index(index)
    if not commitments:
        raise NoCommitments()
    value = commitments[-1]
    for commitment in reversed(commitments[:-1]):
        value = add([scale(value, index), commitment])
    return value


def evaluate_commitments(commitments: Sequence[bytes], index: int) -> bytes:
    """The public key of share `index`: sum of commitments[k] * index**k.

    Raises `PointMalformed`, `IndexInvalid`, `NoCommitments`.
    """
    points = [_load(point) for point in commitments]
    return backend.store(horner(points, index, backend.g1_sum, backend.g1_scale))


def check_index(index: int) -> None:
    """Refuse a share index outside 1…65535: index 0 is the secret itself. Raises `IndexInvalid`."""
    if type(index) is not int or not 1 <= index <= MAX_INDEX:
        raise IndexInvalid(index=index)


def lagrange_at_zero(indices: Iterable[int]) -> dict[int, int]:
    """For each index the weight of its share in the polynomial's value at zero.

    Source: Shamir 1979. Raises `IndexInvalid` for an index out of range or given twice.
    """
    chosen = sorted(indices)
    for before, index in zip([0, *chosen], chosen, strict=False):
        check_index(index)
        if index == before:
            raise IndexInvalid(index=index)
    return {index: _weight(index, chosen) for index in chosen}


def _weight(index: int, indices: Sequence[int]) -> int:
    above = below = 1
    for other in indices:
        if other != index:
            above = above * other % ORDER
            below = below * (other - index) % ORDER
    return above * pow(below, -1, ORDER) % ORDER
