"""Golomb-Rice coding: ascending numbers of a known spread in few bits each.

Each number is its distance from the one before: the quotient by 2**bits in ones and a zero, the
rest in `bits` bits; the last byte is filled up with zeros. For a set of hashes spread evenly this
is within a tenth of the best possible (S. Golomb, "Run-length encodings", 1966; R. Rice, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence

from bystack.primitives.errors import Invalid, Misuse


class GolombShort(Invalid):
    """The coded bytes end before the last number."""


class GolombPadding(Invalid):
    """The coded bytes go on after the last number."""


def golomb_encode(values: Sequence[int], bits: int) -> bytes:
    """The bytes of ascending numbers (equal ones allowed), none below 0."""
    parts: list[str] = []
    last = 0
    for value in values:
        if value < last:
            raise Misuse("numbers to be coded ascend")
        quotient, rest = divmod(value - last, 1 << bits)
        parts.append(f"{'1' * quotient}0{rest:0{bits}b}")
        last = value
    text = "".join(parts)
    size = (len(text) + 7) // 8
    return (int(text or "0", 2) << (size * 8 - len(text))).to_bytes(size, "big")


def golomb_decode(data: bytes, count: int, bits: int) -> list[int]:
    """The `count` numbers in `data`, no more and no less. Raises `GolombShort`, `GolombPadding`.

    Takes memory of eight times the data; a count beyond it ends where the data does.
    """
    text = bin(int.from_bytes(b"\x01" + data, "big"))[3:]
    values: list[int] = []
    at = last = 0
    for _ in range(count):
        stop = text.find("0", at)
        end = stop + 1 + bits
        if stop < 0 or end > len(text):
            raise GolombShort(count=count, found=len(values))
        last += (stop - at << bits) + int(text[stop + 1 : end], 2)
        values.append(last)
        at = end
    if len(text) - at >= 8 or "1" in text[at:]:
        raise GolombPadding(count=count, surplus=len(text) - at)
    return values
