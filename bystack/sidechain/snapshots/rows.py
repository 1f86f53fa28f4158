"""The rows of a snapshot and the stream they make: state entries, coins, outbox leaves, in order.

A row is its section (1 byte), the lengths of key and value (2 and 4 bytes, big endian), key, value.
The stream is cut into chunks wherever a chunk is full, so a chunk may end inside a row. Lengths are
checked before the rest of a row is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.proofs import MAX_KEY
from bystack.sidechain.snapshots.manifests import CHUNK
from bystack.sidechain.state import MAX_VALUE

_head = Struct(">BHI")
MAX_ROW: Final = _head.size + MAX_KEY + MAX_VALUE
COIN_KEY: Final = 36
LEAF_KEY: Final = 8
HASH: Final = 32
MAX_COIN: Final = 64_000


class Section(IntEnum):
    """What a row is: an entry of the system state, a coin, the hash over an outbox leaf."""

    ENTRY = 0
    COIN = 1
    LEAF = 2


class RowSection(Invalid):
    """A row of a snapshot is of no section."""


class RowLength(Invalid):
    """A key or a value of a snapshot is longer or shorter than its section allows."""


class Row(NamedTuple):
    """One entry, coin or leaf. Keys: the entry's; transaction id and index (4); index (8)."""

    section: int
    key: bytes
    value: bytes


def write_row(row: Row) -> bytes:
    """The bytes of a row; raises `Misuse` for one that no reader would take."""
    try:
        _check(row.section, len(row.key), len(row.value))
    except Invalid as error:
        raise Misuse(f"a row that fits no snapshot: {error}") from None
    return _head.pack(row.section, len(row.key), len(row.value)) + row.key + row.value


def cut(rows: Iterable[Row]) -> Iterator[bytes]:
    """The chunks of a stream of rows."""
    parts: list[bytes] = []
    size = 0
    for row in rows:
        parts.append(write_row(row))
        size += len(parts[-1])
        while size >= CHUNK:
            whole = b"".join(parts)
            yield whole[:CHUNK]
            parts, size = [whole[CHUNK:]], size - CHUNK
    if size:
        yield b"".join(parts)


def read_rows(data: bytes) -> tuple[list[Row], bytes]:
    """The whole rows in `data`, and what is left of it. Raises `RowSection`, `RowLength`."""
    rows: list[Row] = []
    at = 0
    while at + _head.size <= len(data):
        section, key, value = _head.unpack_from(data, at)
        _check(section, key, value)
        begin = at + _head.size
        end = begin + key + value
        if end > len(data):
            break
        rows.append(Row(section, data[begin : begin + key], data[begin + key : end]))
        at = end
    return rows, data[at:]


def _check(section: int, key: int, value: int) -> None:
    match section:
        case Section.ENTRY:
            fits = 0 < key <= MAX_KEY and value <= MAX_VALUE
        case Section.COIN:
            fits = key == COIN_KEY and value <= MAX_COIN
        case Section.LEAF:
            fits = (key, value) == (LEAF_KEY, HASH)
        case _:
            raise RowSection(section=section)
    if not fits:
        raise RowLength(section=Section(section).name, key=key, value=value)
