"""MuHash: a running digest of a set that elements enter and leave in any order.

The state is the product of each element's hash modulo the prime 2**3072 - 1103717, divided by those
that left: 384 bytes, big-endian. Elements must be distinct where they stand for coins; the same one
added twice is a multiset and digests differently. The products are GMP's, three times faster than
Python's own, for this runs for each coin of each block; and as the prime lies close below a power
of two, what is beyond it is folded back by a shift and a small product instead of divided.
Source: Bellare and Micciancio, "A New Paradigm for Collision-free Hashing" (1997); prime and size
as in Bitcoin Core's MuHash3072.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gmpy2 import f_mod_2exp, invert, mpz

from bystack.primitives.errors import Misuse
from bystack.primitives.hashes import tagged

_OFFSET = 1103717
PRIME = 2**3072 - _OFFSET
SIZE = 384
EMPTY = (1).to_bytes(SIZE, "big")

_element = tagged("multiset/element")
_digest = tagged("multiset/digest")


_ONE, _MODULUS, _FOLD = mpz(1), mpz(PRIME), mpz(_OFFSET)
_BITS = 8 * SIZE
_LONG = _BITS + 512
_shake, _number = hashlib.shake_256, mpz.from_bytes


def _product(elements: Iterable[bytes]) -> mpz:
    product = _ONE
    for element in elements:
        product *= _number(_shake(_element(element)).digest(SIZE), "big")
        # hi * 2**3072 + lo is the same as hi * _OFFSET + lo, which is 21 bits longer each time
        product = f_mod_2exp(product, _BITS) + (product >> _BITS) * _FOLD
        if product.bit_length() > _LONG:
            product %= _MODULUS
    return product % _MODULUS


class Running:
    """A multiset that elements enter and leave bit by bit; `state` is that of all of them."""

    def __init__(self, state: bytes) -> None:
        """Raises `Misuse` for a state that is none."""
        self._value = mpz(int.from_bytes(state, "big"))
        if len(state) != SIZE or not 0 < self._value < PRIME:
            raise Misuse("a multiset state is 384 bytes of a number below the prime, not zero")
        self._leaving = _ONE

    def update(self, created: Iterable[bytes], spent: Iterable[bytes]) -> None:
        """Let `created` enter and `spent` leave, in whatever order the calls come."""
        self._value = self._value * _product(created) % _MODULUS
        self._leaving = self._leaving * _product(spent) % _MODULUS

    @property
    def state(self) -> bytes:
        """The 384-byte state by now; costs a modular inverse."""
        value = self._value
        if self._leaving != 1:
            value = value * invert(self._leaving, _MODULUS) % _MODULUS
        return int(value).to_bytes(SIZE, "big")


def multiset_update(state: bytes, created: Iterable[bytes], spent: Iterable[bytes]) -> bytes:
    """The 384-byte state after `created` enter and `spent` leave; one modular inverse a call.

    That what leaves had entered is the caller's knowledge. Raises `Misuse` for a state that is
    none.
    """
    running = Running(state)
    running.update(created, spent)
    return running.state


def multiset_digest(state: bytes) -> bytes:
    """The 32 bytes that commit to the multiset."""
    return _digest(state)
