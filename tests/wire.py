"""What every wire type must stand: one golden encoding, and refusal of anything near it."""

from pathlib import Path
from typing import Any

import msgpack
import msgspec

from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

GOLDEN = Path(__file__).parent / "vectors" / "bystack"


def golden(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text())


def refused(kind: Any, data: bytes) -> bool:
    """Whether `data` raises `Invalid`; what is accepted must be the encoding of what it gave."""
    try:
        value = decode(kind, data, len(data))
    except Invalid:
        return True
    assert encode(value) == data
    return False


def check_wire(name: str, value: Any, kind: Any = None) -> None:
    """Golden bytes, and every prefix, bit flip, hostile length and surplus byte of them."""
    kind = type(value) if kind is None else kind
    data = encode(value)
    assert data == golden(name)
    assert decode(kind, data, len(data)) == value
    # Another implementation of MessagePack writes the same bytes.
    assert msgpack.packb(msgspec.to_builtins(value, builtin_types=(bytes,))) == data
    assert all(refused(kind, data[:length]) for length in range(len(data)))
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(kind, bytes(flipped))
    assert refused(kind, data + b"\x00")
    # Lengths of 4 GiB announced in a few bytes: no memory is taken on their word.
    for hostile in (b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff"):
        for at in range(min(len(data), 64)):
            # Where they take the place of a last byte string's end they are just content.
            assert refused(kind, data[:at] + hostile) or at + len(hostile) == len(data)
