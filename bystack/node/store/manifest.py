"""Whether a LevelDB directory is whole, as far as LevelDB itself does not look.

Its MANIFEST names the write-ahead log from which the newest keys are read back. LevelDB takes an
absent log for an empty one and a shortened MANIFEST for an older one, deletes tables that it does
not name, and goes on without what was in them. But a log is deleted only after the MANIFEST names
a later one, so in a whole directory the log that is named last is there.
Source: LevelDB's doc/log_format.md and db/version_edit.cc.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

BLOCK: Final = 32_768
HEADER: Final = 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
COMPARATOR, LOG, NEXT_FILE, SEQUENCE, POINTER, DELETED, ADDED, PREVIOUS_LOG = 1, 2, 3, 4, 5, 6, 7, 9
NUMBERS: Final = {
    LOG: 1,
    NEXT_FILE: 1,
    SEQUENCE: 1,
    POINTER: 1,
    DELETED: 2,
    ADDED: 3,
    PREVIOUS_LOG: 1,
}
TEXTS: Final = {COMPARATOR: 1, POINTER: 1, ADDED: 2}
MAX_MANIFEST: Final = 64 * 1024 * 1024


def fault_of(folder: str) -> str:
    """What is wrong with a directory that LevelDB would open all the same; empty if nothing."""
    names = set(os.listdir(folder))
    if "CURRENT" not in names:
        lost = any(name.endswith((".ldb", ".sst", ".log")) for name in names)
        return "the file CURRENT is missing" if lost else ""
    try:
        number = _log_number(folder)
    except (OSError, ValueError):
        return ""  # LevelDB says itself what it cannot read
    log = f"{number:06d}.log"
    return f"the log {log} is missing" if number and log not in names else ""


def _log_number(folder: str) -> int:
    """The number of the log that the MANIFEST names last; 0 before there is one."""
    with open(os.path.join(folder, "CURRENT"), "rb") as file:
        name = os.path.basename(file.read(256).strip().decode())
    with open(os.path.join(folder, name), "rb") as file:
        data = file.read(MAX_MANIFEST)
    number = 0
    for record in _records(data):
        number = dict(_fields(record)).get(LOG, number)
    return number


def _records(data: bytes) -> Iterator[bytes]:
    """The whole records of a log-format file, up to where it breaks off."""
    at, parts = 0, b""
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        piece = data[at + HEADER : at + HEADER + length]
        if not FULL <= kind <= LAST or len(piece) < length:
            return
        parts = piece if kind in (FULL, FIRST) else parts + piece
        if kind in (FULL, LAST):
            yield parts
        at += HEADER + length


def _fields(record: bytes) -> Iterator[tuple[int, int]]:
    """Tags of a version edit and the first number of each; raises `ValueError`."""
    at = 0
    while at < len(record):
        tag, at = _varint(record, at)
        if tag not in NUMBERS and tag not in TEXTS:
            raise ValueError(f"unknown tag {tag}")
        numbers = []
        for _ in range(NUMBERS.get(tag, 0)):
            number, at = _varint(record, at)
            numbers.append(number)
        for _ in range(TEXTS.get(tag, 0)):
            length, at = _varint(record, at)
            at += length
        yield tag, numbers[0] if numbers else 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A little-endian base-128 number and where the next one begins; raises `ValueError`."""
    value = 0
    for place in range(10):
        if at + place >= len(data):
            raise ValueError("it breaks off")
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number is too long")
