"""At rest: one LevelDB directory per process, one synced batch per commit, in one thread.

The only file that knows LevelDB. A store opens only as what its header says it is (kind, network,
format version); damage is named, never guessed over. Keys that begin with a zero byte are its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import takewhile
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
import trio

from bystack.node.store.errors import (
    REPAIR,
    RESYNC,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreKind,
    StoreLocked,
    StoreNetwork,
    StoreUnfinished,
    StoreVersion,
    corrupt,
    unwritable,
)
from bystack.node.store.failpoints import failpoint
from bystack.node.store.manifest import fault_of
from bystack.primitives.errors import Misuse

if sys.version_info >= (3, 13):
    import plyvel_next as plyvel
else:
    import plyvel

__all__ = [
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreKind",
    "StoreLocked",
    "StoreNetwork",
    "StoreUnfinished",
    "StoreVersion",
]

Changes = Mapping[bytes, bytes | None]
Migration = Callable[["View"], Changes | Iterator[Changes]]
"""What leads to the next format: one batch, or bounded ones, which a killed process makes again
from the first: each must do for a store in which the earlier ones, or it too, are made already."""

HEADER = b"\x00header"
UNFINISHED = b"\x00unfinished"
FIRST_KEY = b"\x01"
WRITE_BUFFER = 4 * 1024 * 1024
MISSES = 4
UNREADABLE = (plyvel.CorruptionError, plyvel.IOError)
"""A shortened table shows as an IOError."""


class Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a store says it is: format version, network magic, kind."""

    version: int
    magic: bytes
    kind: str


class View(Protocol):
    """Reading: the store itself, or a snapshot of one moment of it."""

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None."""

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those of the keys that are there, with their values."""

    def iterate(
        self, prefix: bytes = b"", *, reverse: bool = False, start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys (in full) and values under `prefix` in order, from `start` on if given."""


def after(prefix: bytes) -> bytes | None:
    """The least key above all that begin with `prefix`; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


class _Reading:
    """Reads through a LevelDB handle or snapshot."""

    def __init__(self, handle: Any, path: str) -> None:
        self._handle = handle
        self._path = path

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None; raises `StoreCorrupt`."""
        try:
            value: bytes | None = self._handle.get(key, verify_checksums=True)
        except UNREADABLE as error:
            raise corrupt(self._path, error) from None
        return value

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those of the keys that are there, with their values.

        One cursor that only moves forward: several times as fast as asking for each, if they are
        there. Where keys were deleted it walks over all that were, so after a few that are missing
        it asks for each after all. Raises `StoreCorrupt`.
        """
        found: dict[bytes, bytes] = {}
        order, missed = iter(sorted(keys)), 0
        try:
            with closing(self._handle.raw_iterator(verify_checksums=True)) as cursor:
                for key in order:
                    cursor.seek(key)
                    if cursor.valid() and cursor.key() == key:
                        found[key] = cursor.value()
                    elif (missed := missed + 1) > MISSES:
                        break
            rest = ((key, self.get(key)) for key in order)
            found.update((key, value) for key, value in rest if value is not None)
        except UNREADABLE as error:
            raise corrupt(self._path, error) from None
        return found

    def iterate(
        self, prefix: bytes = b"", *, reverse: bool = False, start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys (in full) and values that begin with `prefix`, ascending or, `reverse`, descending.

        `start` is the first key wanted (inclusive): the least one ascending, the greatest
        descending. Raises `StoreCorrupt`.
        """
        first, stop = max(prefix, FIRST_KEY), after(prefix)
        if start is not None and not reverse:
            first = max(first, start)
        if start is not None and reverse:
            beyond = start + b"\x00"
            stop = beyond if stop is None else min(stop, beyond)
        bounds = {"stop": stop} if reverse else {"start": first, "stop": stop}
        try:
            cursor = self._handle.iterator(**bounds, reverse=reverse, verify_checksums=True)
            with closing(cursor):
                # Backwards from a last key that is its `start`, plyvel gives nothing: stop here.
                yield from takewhile(lambda row: row[0] >= first, cursor) if reverse else cursor
        except UNREADABLE as error:
            raise corrupt(self._path, error) from None


class Snapshot(_Reading):
    """A store as it was at one moment; close it (or use `with`)."""

    def close(self) -> None:
        """Let go of the moment."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Store(_Reading):
    """One process's directory of keys and values. Made by `Store.open`."""

    def __init__(self, handle: Any, path: str) -> None:
        super().__init__(handle, path)
        self._one_at_a_time: trio.CapacityLimiter | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        kind: str,
        magic: bytes,
        version: int,
        migrations: Mapping[int, Migration] | None = None,
        write_buffer: int = WRITE_BUFFER,
    ) -> Store:
        """Open or make the store at `path` as `kind`, on the network `magic` (4 bytes).

        An older format version is carried forward by `migrations` (version → changes that lead to
        the next one). `write_buffer`: bytes gathered in memory, beside the log, before they are
        sorted into a file. Raises a `StoreError` that names what is wrong.
        """
        if len(magic) != 4:
            raise Misuse("a network magic has 4 bytes")
        store = cls(_open_handle(str(path), write_buffer), str(path))
        try:
            store._check_header(Header(version, magic, kind), migrations or {})
            store._check_finished()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_unfinished(
        cls,
        path: str | os.PathLike[str],
        *,
        kind: str,
        magic: bytes,
        version: int,
        migrations: Mapping[int, Migration] | None = None,
    ) -> Store:
        """As `open`, for a repair: also one that was cut short, and one that lost its header.

        What lies in it is not to be trusted.
        """
        store = cls(_open_handle(str(path)), str(path))
        try:
            if store.get(HEADER) is None:
                store._write({HEADER: msgspec.msgpack.encode(Header(version, magic, kind))})
            store._check_header(Header(version, magic, kind), migrations or {})
        except BaseException:
            store.close()
            raise
        return store

    def _check_header(self, wanted: Header, migrations: Mapping[int, Migration]) -> None:
        raw = self.get(HEADER)
        if raw is None:
            self._begin(wanted)
            return
        try:
            found = msgspec.msgpack.decode(raw, type=Header)
        except msgspec.MsgspecError as error:
            raise corrupt(self._path, error) from None
        _check_same(self._path, found, wanted)
        for step in range(found.version, wanted.version):
            if step not in migrations:
                raise StoreVersion(self._path, f"format {found.version} has no migration", RESYNC)
            try:
                self._migrate(migrations[step](self), _packed(wanted, step + 1))
            except StoreVersion as error:
                raise StoreVersion(self._path, error.fault, error.step) from None

    def _migrate(self, made: Changes | Iterator[Changes], header: bytes) -> None:
        """The format changes with the last batch, so that a process killed before begins anew."""
        last: Changes = {}
        for changes in [made] if isinstance(made, Mapping) else made:
            self._write(last)
            last = changes
        self._write({**last, HEADER: header})

    def _check_finished(self) -> None:
        if self.get(UNFINISHED) is not None:
            raise StoreUnfinished(self._path, "a repair of it was cut short", REPAIR)

    def _begin(self, wanted: Header) -> None:
        if next(self._handle.iterator(include_value=False), None) is not None:
            raise StoreCorrupt(self._path, "there is data but no header", RESYNC)
        self._write({HEADER: msgspec.msgpack.encode(wanted)})

    def snapshot(self) -> Snapshot:
        """The store at this moment, unmoved by later commits."""
        return Snapshot(self._handle.snapshot(), self._path)

    async def commit(self, changes: Changes) -> None:
        """Make all of `changes` (None deletes) durable as one batch, or none of them.

        Runs in a thread, one commit at a time, in the order of the calls; once begun it is not
        cancelled. Raises `StoreFull` or `StoreCorrupt`.
        """
        if self._one_at_a_time is None:
            self._one_at_a_time = trio.CapacityLimiter(1)
        await trio.to_thread.run_sync(self.commit_now, changes, limiter=self._one_at_a_time)

    def commit_now(self, changes: Changes) -> None:
        """As `commit`, in this thread: for start-up, before anything else runs."""
        if min(changes, default=FIRST_KEY) < FIRST_KEY:
            raise Misuse("keys that begin with a zero byte belong to the store")
        failpoint("store.before_commit")
        self._write(changes)
        failpoint("store.after_commit")

    def _write(self, changes: Changes) -> None:
        batch = self._handle.write_batch(sync=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            batch.write()
        except plyvel.CorruptionError as error:
            raise corrupt(self._path, error) from None
        except plyvel.IOError as error:
            raise unwritable(self._path, error) from None

    def change_unfinished(self, changes: Changes) -> None:
        """One step of several that only together leave a whole store: until `finish`, nobody opens
        it but `open_unfinished`."""
        self._write({**changes, UNFINISHED: b""})

    def finish(self) -> None:
        """The last step is done."""
        self._write({UNFINISHED: None})

    @property
    def size(self) -> int:
        """Bytes of disk the store takes, about."""
        return sum(entry.stat().st_size for entry in os.scandir(self._path) if entry.is_file())

    def close(self) -> None:
        """Release the directory. Nothing is lost without it."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _packed(header: Header, version: int) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(header, version=version))


def _check_same(path: str, found: Header, wanted: Header) -> None:
    if found.kind != wanted.kind:
        fault = f"it is a store of {found.kind!r}, not of {wanted.kind!r}"
        raise StoreKind(path, fault, "check the paths in bystack.toml")
    if found.magic != wanted.magic:
        fault = f"it belongs to network {found.magic.hex()}, not {wanted.magic.hex()}"
        raise StoreNetwork(path, fault, "use another home for this network")
    if found.version > wanted.version:
        fault = f"it has format {found.version}, newer than this program's {wanted.version}"
        raise StoreVersion(path, fault, "install the newer program again")


def _open_handle(path: str, write_buffer: int = WRITE_BUFFER) -> Any:
    os.makedirs(path, mode=0o700, exist_ok=True)
    if fault := fault_of(path):
        raise corrupt(path, fault)
    try:
        return plyvel.DB(
            path,
            create_if_missing=True,
            paranoid_checks=True,
            bloom_filter_bits=10,
            max_open_files=64,
            write_buffer_size=write_buffer,
            compression=None,  # a quarter less disk would cost a full node a tenth of its time
        )
    except plyvel.CorruptionError as error:
        raise corrupt(path, error) from None
    except plyvel.IOError as error:
        if "lock" in str(error).lower():
            step = "stop the other process, or use another home"
            raise StoreLocked(path, "another process holds it", step) from None
        step = "check the disk and its permissions"
        raise StoreError(path, f"cannot open ({error})", step) from None


def read_through(path: str | os.PathLike[str]) -> int:
    """Read every byte of a directory, whatever it is a store of; the number of keys.

    Raises a `StoreError`.
    """
    handle = _open_handle(str(path))
    try:
        return sum(1 for _ in handle.iterator(verify_checksums=True))
    except UNREADABLE as error:
        raise corrupt(str(path), error) from None
    finally:
        handle.close()


def salvage(path: str | os.PathLike[str]) -> None:
    """Have LevelDB make a damaged directory readable again, without what cannot be read.

    Keys may be lost and older values come back: everything in it must be judged anew.
    """
    try:
        plyvel.repair_db(str(path), paranoid_checks=True, bloom_filter_bits=10)
    except (plyvel.CorruptionError, plyvel.IOError) as error:
        raise StoreCorrupt(str(path), f"cannot be made readable ({error})", RESYNC) from None
