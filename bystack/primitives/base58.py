"""Base58Check, the text form of BIP 32 keys: bytes and a 4-byte double SHA-256 checksum."""

from __future__ import annotations

from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MAX_LENGTH = 128
_DIGIT = {letter: value for value, letter in enumerate(ALPHABET)}


class Base58Malformed(Invalid):
    """The text is too long or has a letter outside the base 58 alphabet."""


class Base58Checksum(Invalid):
    """The text's checksum does not fit: it was mistyped or cut."""


def _checksum(data: bytes) -> bytes:
    return sha256(sha256(data))[:4]


def base58_encode(data: bytes) -> str:
    """The checked text of some bytes."""
    checked = data + _checksum(data)
    value, letters = int.from_bytes(checked, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        letters = ALPHABET[digit] + letters
    zeros = len(checked) - len(checked.lstrip(b"\x00"))
    return ALPHABET[0] * zeros + letters


def base58_decode(text: str) -> bytes:
    """The bytes of a checked text. Raises `Base58Malformed`, `Base58Checksum`."""
    if len(text) > MAX_LENGTH or any(letter not in _DIGIT for letter in text):
        raise Base58Malformed(length=len(text))
    value = 0
    for letter in text:
        value = value * 58 + _DIGIT[letter]
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    checked = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    data, checksum = checked[:-4], checked[-4:]
    if len(checked) < 4 or _checksum(data) != checksum:
        raise Base58Checksum()
    return data
