"""scrypt's ROMix (RFC 7914, sections 3 to 5) with r = 1: its end state, compiled if one is found.

No library offers ROMix by itself, since scrypt wraps it in PBKDF2 on both sides. pycryptodome has
it under private names that changed between versions: what is found is tried against the RFC's
vector when this file is imported, and not used if it fails. The slow way is always
right.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

STATE_SIZE: Final = 128
_MASK: Final = 0xFFFFFFFF

RoMix = Callable[[bytes, int], bytes]

# RFC 7914, section 10: N = 16.
VECTOR_INPUT: Final = bytes.fromhex(
    "f7ce0b653d2d72a4108cf5abe912ffdd777616dbbb27a70e8204f3ae2d0f6fad"
    "89f68f4811d1e87bcc3bd7400a9ffd29094f0184639574f39ae5a1315217bcd7"
    "894991447213bb226c25b54da86370fbcd984380374666bb8ffcb5bf40c254b0"
    "67d27c51ce4ad5fed829c90b505a571b7f4d1cad6a523cda770e67bceaaf7e89"
)
VECTOR_OUTPUT: Final = bytes.fromhex(
    "79ccc193629debca047f0b70604bf6b62ce3dd4a9626e355fafc6198e6ea2b46"
    "d58413673b99b029d665c357601fb426a0b2f4bba200ee9f0a43d19b571a9c71"
    "ef1142e65d5a266fddca832ce59faa7cac0b9cf1be2bffca300d01ee387619c4"
    "ae12fd4438f203a0e4e1c47ec314861f4e9087cb33396a6873e8f9d2539a4b8e"
)

# Four quarter-rounds on columns, four on rows, as indices into the sixteen words.
QUARTERS: Final = (
    *((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)),
    *((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)),
)


def slow_romix(state: bytes, steps: int) -> bytes:
    """ROMix of 128 bytes in Python; `steps` (N) is a power of two. About 0.15 s for N = 1024."""
    words = struct.unpack("<32I", state)
    table: list[tuple[int, ...]] = []
    for _ in range(steps):
        table.append(words)
        words = _mix(words)
    for _ in range(steps):
        chosen = table[words[16] & steps - 1]
        words = _mix(tuple(one ^ other for one, other in zip(words, chosen, strict=True)))
    return struct.pack("<32I", *words)


def _mix(words: tuple[int, ...]) -> tuple[int, ...]:
    """BlockMix of two blocks of sixteen words."""
    first = _salsa([one ^ two for one, two in zip(words[:16], words[16:], strict=True)])
    second = _salsa([one ^ two for one, two in zip(first, words[16:], strict=True)])
    return (*first, *second)


def _salsa(words: Sequence[int]) -> tuple[int, ...]:
    """Salsa20/8 of sixteen words."""
    x = list(words)
    for a, b, c, d in QUARTERS * 4:
        wa, wb, wc, wd = x[a], x[b], x[c], x[d]
        turn = wa + wd & _MASK
        wb ^= turn << 7 & _MASK | turn >> 25
        turn = wb + wa & _MASK
        wc ^= turn << 9 & _MASK | turn >> 23
        turn = wc + wb & _MASK
        wd ^= turn << 13 & _MASK | turn >> 19
        turn = wd + wc & _MASK
        x[a], x[b], x[c], x[d] = wa ^ (turn << 18 & _MASK | turn >> 14), wb, wc, wd
    return tuple([one + two & _MASK for one, two in zip(x, words, strict=True)])


def _present(library: Any) -> RoMix:
    """pycryptodome 4: flows of `len` bytes, of which the first one is all there is."""

    def romix(state: bytes, steps: int) -> bytes:
        out = bytearray(STATE_SIZE)
        with library.c_uint8_ptr_out(out) as place:
            given, size = library.c_uint8_ptr(state), library.c_size_t
            ends = (size(0), size(1), size(STATE_SIZE))
            library._raw_scrypt_lib.scryptROMix(given, place, size(STATE_SIZE), steps, *ends)
        return bytes(out)

    return romix


def _former(library: Any) -> RoMix:
    """pycryptodome 3: the core function is handed over."""

    def romix(state: bytes, steps: int) -> bytes:
        raw = library.create_string_buffer(STATE_SIZE)
        core, size = library._raw_salsa20_lib.Salsa20_8_core, library.c_size_t(STATE_SIZE)
        library._raw_scrypt_lib.scryptROMix(state, raw, size, steps, core)
        return bytes(library.get_raw_buffer(raw))

    return romix


# By major version, since C would not notice that the arguments behind a name have changed.
_FORMS: Final = {3: _former, 4: _present}


def found_romix(library: Any, major: int) -> RoMix | None:
    """The compiled ROMix inside pycryptodome's `Crypto.Protocol.KDF` of this major version.

    None if it does not give the vector, or its private names are others than those known here.
    """
    if major not in _FORMS:
        return None
    try:
        romix = _FORMS[major](library)
        return romix if romix(VECTOR_INPUT, 16) == VECTOR_OUTPUT else None
    except (AttributeError, TypeError, ValueError, OSError):
        return None


def _installed() -> RoMix | None:
    try:
        major = import_module("Crypto").version_info[0]
        return found_romix(import_module("Crypto.Protocol.KDF"), major)
    except (ImportError, AttributeError, OSError):  # another package called Crypto, or half of it
        return None


COMPILED: Final = _installed()
romix: Final[RoMix] = COMPILED or slow_romix
"""ROMix of a 128-byte state: compiled if there is one, else slow."""
