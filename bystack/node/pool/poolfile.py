"""The memory pool between two runs: a file of what waited, with times, and one of fee estimates.

Each file opens with its kind and the chain's id and ends with a digest of all before it; written
whole or not at all. One that is damaged, of another chain or of another version is named and set
aside, never fatal: what waited is only lost, as after a power cut. Every transaction is judged anew
when it is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from bystack.ledger.estimates import FeeRecord
from bystack.ledger.transactions import MAX_TRANSACTION, Transaction, decode_transaction
from bystack.node.store import files
from bystack.primitives.codec import U63, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed

POOL = b"bystack pool 1\n"
FEES = b"bystack fees 1\n"
MAX_POOL = 10**9
MAX_FEES = 10_000_000
DIGEST = 32
LENGTH = 4
ASIDE = ".damaged"


class PoolFileDamaged(Invalid):
    """The file is not what was written: it is cut short, changed, or of something else."""


class PoolFileLong(Invalid):
    """The file is longer than one of its kind can be."""


class Kept(Wire):
    """One that waited: since when (seconds), and its bytes."""

    since: U63
    transaction: bytes


class Waited(NamedTuple):
    """A transaction read back, and since when it waits."""

    tx: Transaction
    since: int


def write_pool(path: str, chain: bytes, waiting: Iterable[tuple[Transaction, int]]) -> int:
    """Replace the file by these, parents before children; returns how many bytes it has."""
    parts = (encode(Kept(max(0, since), encode(tx))) for tx, since in waiting)
    return _write(path, POOL + chain + b"".join(fixed(len(p), LENGTH) + p for p in parts))


def read_pool(path: str, chain: bytes) -> list[Waited]:
    """What the file holds, in order; nothing where there is none.

    Raises `PoolFileDamaged`, `PoolFileLong` or the codec's errors.
    """
    body, found, at = _read(path, POOL + chain, MAX_POOL), list[Waited](), 0
    while at < len(body):
        start = at + LENGTH
        at = start + int.from_bytes(body[at:start], "big")
        kept = decode(Kept, body[start:at], MAX_TRANSACTION + 64)
        found.append(Waited(decode_transaction(kept.transaction), kept.since))
    return found


def write_fees(path: str, chain: bytes, record: FeeRecord) -> int:
    """Replace the file by this record; returns how many bytes it has."""
    return _write(path, FEES + chain + encode(record))


def read_fees(path: str, chain: bytes) -> FeeRecord | None:
    """The record, None where there is no file; raises as `read_pool` does."""
    body = _read(path, FEES + chain, MAX_FEES)
    return decode(FeeRecord, body, MAX_FEES) if body else None


def set_aside(path: str) -> str:
    """Move a file that cannot be read out of the way; its new name."""
    os.replace(path, path + ASIDE)
    return path + ASIDE


def _write(path: str, data: bytes) -> int:
    files.replace(path, data + sha256(data).digest())
    return len(data) + DIGEST


def _read(path: str, opening: bytes, limit: int) -> bytes:
    """The file's body, checked; empty where there is no file."""
    try:
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            if length > limit:
                raise PoolFileLong(file=path, length=length, limit=limit)
            data = file.read(length)
    except FileNotFoundError:
        return b""
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if sha256(body).digest() != digest:
        raise PoolFileDamaged(file=path, reason="its digest does not fit")
    if not body.startswith(opening):
        raise PoolFileDamaged(file=path, reason="it is of another chain, kind or version")
    return body[len(opening) :]
