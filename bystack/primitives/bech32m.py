"""Bech32m text (BIP 350): a readable prefix, 5-bit symbols, a checksum that finds typing errors.

The checksum finds any four wrong letters in 90; the code itself serves up to 1,023 letters with
less assurance, so longer texts are a choice the caller makes by `limit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import xor

from bystack.primitives.errors import Invalid

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LIMIT = 90
_SYMBOL = {letter: value for value, letter in enumerate(LETTERS)}
_CONSTANT = 0x2BC830A3
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_TERMS = [
    reduce(xor, (term for bit, term in enumerate(_GENERATOR) if top >> bit & 1), 0)
    for top in range(32)
]
"""What the five bits that leave the residue add to it."""


class AddressMalformed(Invalid):
    """The text is no bech32m address: a letter was mistyped, added or lost."""


def _residue(symbols: Iterable[int]) -> int:
    residue = 1
    for symbol in symbols:
        residue = (residue & 0x1FFFFFF) << 5 ^ symbol ^ _TERMS[residue >> 25]
    return residue


def _prefix(hrp: str) -> list[int]:
    codes = [ord(letter) for letter in hrp]
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def bech32m_encode(hrp: str, symbols: Sequence[int]) -> str:
    """The text of 5-bit symbols under a prefix (both as given; the prefix in lower case)."""
    residue = _residue([*_prefix(hrp), *symbols, 0, 0, 0, 0, 0, 0]) ^ _CONSTANT
    checksum = [residue >> 5 * (5 - at) & 31 for at in range(6)]
    return hrp + "1" + "".join(LETTERS[symbol] for symbol in (*symbols, *checksum))


def bech32m_decode(text: str, limit: int = LIMIT) -> tuple[str, list[int]]:
    """Prefix (in lower case) and 5-bit symbols. Raises `AddressMalformed(reason)`."""
    if len(text) > limit:
        raise AddressMalformed(reason="too long")
    if any(not 33 <= ord(letter) <= 126 for letter in text):
        raise AddressMalformed(reason="letter outside ASCII")
    if text.lower() != text and text.upper() != text:
        raise AddressMalformed(reason="mixed case")
    hrp, one, data = text.lower().rpartition("1")
    if not (hrp and one) or len(hrp) > 83:
        raise AddressMalformed(reason="prefix missing or too long")
    if len(data) < 6 or any(letter not in _SYMBOL for letter in data):
        raise AddressMalformed(reason="letter outside the alphabet")
    symbols = [_SYMBOL[letter] for letter in data]
    if _residue([*_prefix(hrp), *symbols]) != _CONSTANT:
        raise AddressMalformed(reason="checksum")
    return hrp, symbols[:-6]


def to_symbols(data: bytes) -> list[int]:
    """Bytes as 5-bit symbols, the last padded with zero bits."""
    padding = -len(data) * 8 % 5
    value, count = int.from_bytes(data, "big") << padding, (len(data) * 8 + padding) // 5
    return [value >> 5 * (count - 1 - at) & 31 for at in range(count)]


def from_symbols(symbols: Sequence[int]) -> bytes:
    """The bytes of 5-bit symbols. Raises `AddressMalformed` for padding not zero or long."""
    padding, value = len(symbols) * 5 % 8, 0
    for symbol in symbols:
        value = value << 5 | symbol
    if padding >= 5 or value & ((1 << padding) - 1):
        raise AddressMalformed(reason="padding")
    return (value >> padding).to_bytes(len(symbols) * 5 // 8, "big")
