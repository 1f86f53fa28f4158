"""RIPEMD-160, which BIP 32 fingerprints need and some builds of OpenSSL 3 no longer offer.

Source: Dobbertin, Bosselaers and Preneel, "RIPEMD-160: A Strengthened Version of RIPEMD" (1996):
two lines of five rounds of sixteen steps over each 64-byte block. Used to name keys, never secrets.
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)

# Order of message words: each round permutes the one before by rho; the right line starts from pi.
_RHO = (7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8)
_PI = tuple((9 * i + 5) % 16 for i in range(16))
_LEFT_KEYS = (0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E)
_RIGHT_KEYS = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0x00000000)
# Rotation of each message word in each round.
_ROTATIONS = (
    (11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8),
    (12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7),
    (13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9),
    (14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6),
    (15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5),
)


def _mix(which: int, x: int, y: int, z: int) -> int:
    match which:
        case 0:
            return x ^ y ^ z
        case 1:
            return x & y | ~x & z
        case 2:
            return (x | ~y) ^ z
        case 3:
            return x & z | y & ~z
        case _:
            return x ^ (y | ~z)


def _rotate(value: int, by: int) -> int:
    value &= _MASK
    return (value << by | value >> (32 - by)) & _MASK


def _line(
    state: tuple[int, ...],
    words: list[int],
    order: tuple[int, ...],
    keys: tuple[int, ...],
    turn: int,
) -> tuple[int, ...]:
    a, b, c, d, e = state
    for at in range(5):
        mix = at if turn == 0 else 4 - at
        for word in order:
            total = a + _mix(mix, b, c, d) + words[word] + keys[at]
            a, b, c, d, e = (
                e,
                _rotate(total, _ROTATIONS[at][word]) + e & _MASK,
                b,
                _rotate(c, 10),
                d,
            )
        order = tuple(_RHO[word] for word in order)
    return a, b, c, d, e


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    words = [int.from_bytes(block[at : at + 4], "little") for at in range(0, 64, 4)]
    left = _line(state, words, tuple(range(16)), _LEFT_KEYS, 0)
    right = _line(state, words, _PI, _RIGHT_KEYS, 1)
    # Each word of the state gains a left and a right word, all three one place apart.
    return tuple(
        (state[(at + 1) % 5] + left[(at + 2) % 5] + right[(at + 3) % 5]) & _MASK for at in range(5)
    )


def ripemd160(data: bytes) -> bytes:
    """The 20-byte hash of some bytes."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + (8 * len(data)).to_bytes(8, "little")
    state: tuple[int, ...] = _START
    for at in range(0, len(padded), 64):
        state = _compress(state, padded[at : at + 64])
    return b"".join(word.to_bytes(4, "little") for word in state)
