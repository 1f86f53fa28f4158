"""Records in an append-only file: length | crc32 | payload, the checksum over length and payload.

What a file's bytes hold, whether it ends in a torn record, and what is damage (bbft.md, section 8).
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

from bystack.primitives.errors import Misuse

MAX_PAYLOAD: Final = 1024 * 1024
PREFIX: Final = 8


class Scan(NamedTuple):
    """What a file's bytes hold: payload bounds, the end of the last whole record."""

    spans: list[tuple[int, int]]
    end: int


def record(payload: bytes) -> bytes:
    """A payload (1 byte to 1 MiB) as it stands in the file."""
    if not 1 <= len(payload) <= MAX_PAYLOAD:
        raise Misuse(f"a journal payload has 1 to {MAX_PAYLOAD} bytes, not {len(payload)}")
    length = len(payload).to_bytes(4, "big")
    return length + zlib.crc32(length + payload).to_bytes(4, "big") + payload


def _whole(data: bytes, at: int) -> int | None:
    """The end of the valid record at `at`, or None."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + PREFIX + length
    if not 1 <= length <= MAX_PAYLOAD or end > len(data):
        return None
    found = zlib.crc32(data[at : at + 4] + data[at + PREFIX : end])
    return end if found == int.from_bytes(data[at + 4 : at + PREFIX], "big") else None


def scan(data: bytes) -> Scan:
    """The whole records of a file's bytes, up to the first that is not."""
    spans, at = [], 0
    while (end := _whole(data, at)) is not None:
        spans.append((at + PREFIX, end))
        at = end
    return Scan(spans, at)


def torn(tail: bytes) -> bool:
    """The bytes after the last whole record are one append cut short, and nothing after it.

    Cut short is: a beginning of a record, or the room for one with some of its bytes not yet
    written (a file may grow before its bytes arrive). A whole record further on means that the
    damage lies in the middle: a flipped length must not make synced votes vanish.
    """
    if len(tail) > PREFIX + MAX_PAYLOAD:
        return False
    return not any(_whole(tail, at) for at in range(1, len(tail) - PREFIX))
