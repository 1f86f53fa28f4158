"""An append-only log that remembers what was signed: on disk before the signature leaves.

Each record is length | crc32 | payload, the checksum over length and payload. A torn last record is
dropped and reported (its signature never left); damage before the end is named and refused. The
first record says what the journal is. A full disk refuses an append and harms nothing: when there
is room again, the next one cuts off what the refused one left. Source: `bbft.md` section 8.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from bystack.node.store import files
from bystack.node.store.failpoints import failpoint
from bystack.primitives.framing import PREFIX, record, scan, torn

FORMAT = 1
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class JournalError(Exception):
    """The journal cannot be used; the message names the path, the fault and the next step."""

    def __init__(self, path: str, fault: str, step: str) -> None:
        super().__init__(f"{path}: {fault}; {step}")
        self.path, self.fault, self.step = path, fault, step


class JournalMissing(JournalError):
    """There should be a journal and there is none: what was signed is not known."""


class JournalCorrupt(JournalError):
    """Damage before the last record: what was signed is not known."""


class JournalLocked(JournalError):
    """Another process holds the journal."""


class JournalKind(JournalError):
    """The file is a journal of something else, or of another network or format."""


class JournalBroken(JournalError):
    """An append failed half-way; the journal must be opened again before the next."""


class JournalFull(JournalError):
    """There is no room for a record; nothing was kept of it, and the next may be tried."""


class Title(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The first record: format version, network magic, kind."""

    format: int
    magic: bytes
    kind: str


class Journal:
    """An open, locked journal. Made by `Journal.open`."""

    def __init__(self, path: str, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._spans: list[tuple[int, int]] = []
        self._end = 0
        self._usable = True
        self._littered = False
        self.torn = 0
        """Bytes of a torn last record that opening dropped."""

    @classmethod
    def open(
        cls, path: files.Path, *, kind: str, magic: bytes, must_exist: bool = False
    ) -> Journal:
        """Open the journal at `path`; make it if there is none, unless it `must_exist`.

        Raises `JournalMissing`, `JournalLocked`, `JournalKind` or `JournalCorrupt`.
        """
        path = os.fspath(path)
        title = Title(FORMAT, magic, kind)
        if not os.path.exists(path):
            if must_exist:
                fault = "the journal is missing and what this key signed is not known"
                raise JournalMissing(path, fault, "restore it, or abstain to the next epoch")
            _create(path, title)
        journal = cls(path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC))
        try:
            journal._lock()
            journal._load(title)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def write(cls, path: files.Path, *, kind: str, magic: bytes, payload: bytes) -> None:
        """Put a journal of one record at `path`, whole or not at all, in place of what is there."""
        _create(os.fspath(path), Title(FORMAT, magic, kind), record(payload))

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step = "stop the other signer; two with one key would equivocate"
            raise JournalLocked(self._path, "another process holds it", step) from None
        # Whoever held it until now may have put a new file in its place: this one is no journal.
        if not os.path.samestat(os.fstat(self._handle), os.stat(self._path)):
            raise JournalLocked(self._path, "another process replaced it", "start again")

    def _load(self, title: Title) -> None:
        data = _contents(self._handle)
        found = scan(data)
        tail = data[found.end :]
        if not found.spans or not torn(tail):
            fault = f"damaged at byte {found.end} of {len(data)}"
            raise JournalCorrupt(self._path, fault, "restore it, or abstain to the next epoch")
        self._check_title(data[slice(*found.spans[0])], title)
        if tail:
            os.ftruncate(self._handle, found.end)
            os.fsync(self._handle)
        self.torn, self._end, self._spans = len(tail), found.end, found.spans[1:]

    def _check_title(self, raw: bytes, wanted: Title) -> None:
        try:
            found = msgspec.msgpack.decode(raw, type=Title)
        except msgspec.MsgspecError as error:
            raise JournalCorrupt(self._path, f"damaged title ({error})", "restore it") from None
        if found != wanted:
            fault = f"it is {found.kind!r} of network {found.magic.hex()}, format {found.format}"
            step = f"{wanted.kind!r} of {wanted.magic.hex()}, format {wanted.format} is needed"
            raise JournalKind(self._path, fault, step)

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def path(self) -> str:
        """Where it lies."""
        return self._path

    def records(self) -> Iterator[bytes]:
        """Every payload, oldest first."""
        for index in range(len(self._spans)):
            yield self._payload(index)

    @property
    def last(self) -> bytes | None:
        """The newest payload, or None."""
        return self._payload(-1) if self._spans else None

    def _payload(self, index: int) -> bytes:
        start, end = self._spans[index]
        return os.pread(self._handle, end - start, start)

    def append(self, payload: bytes) -> None:
        """Add `payload` and return once it is on the disk. Only then may its signature leave.

        Raises `JournalFull` when there is no room, and `JournalBroken` when the disk refuses
        otherwise: nothing can be appended after that.
        """
        data = record(payload)
        if not self._usable:
            raise JournalBroken(self._path, "an earlier append failed", "start the process again")
        self._usable = False
        try:
            self._write(data)
        except OSError as error:
            raise self._refused(error) from None
        self._spans.append((self._end + PREFIX, self._end + len(data)))
        self._end += len(data)
        self._usable = True

    def _write(self, data: bytes) -> None:
        if self._littered:
            os.ftruncate(self._handle, self._end)
            os.fsync(self._handle)
            self._littered = False
        failpoint("journal.before_write")
        files.write_all(self._handle, data[:PREFIX])
        failpoint("journal.inside_write")
        files.write_all(self._handle, data[PREFIX:])
        failpoint("journal.before_sync")
        os.fsync(self._handle)
        failpoint("journal.after_sync")

    def _refused(self, error: OSError) -> JournalError:
        """A full disk passes; after any other fault it is not known what the disk holds."""
        fault = f"cannot append ({error})"
        if error.errno not in NO_ROOM:
            return JournalBroken(self._path, fault, "see to the disk and start again")
        self._usable = self._littered = True
        return JournalFull(self._path, fault, "make room; until then nothing is signed")

    def shorten(self, keep: int) -> None:
        """Put a journal of the first record and the newest `keep` in this one's place, whole.

        Whoever owns it knows that what lies between is never asked for again. Raises
        `JournalLocked` when another process was quicker to open the new file, and `OSError` when it
        could not be written: then the old one stands and is still open.
        """
        if len(self._spans) <= keep + 1:
            return
        title = os.pread(self._handle, self._spans[0][0] - PREFIX, 0)
        kept = (self._payload(at) for at in (0, *range(len(self._spans) - keep, len(self._spans))))
        files.replace(self._path, title + b"".join(record(one) for one in kept))
        failpoint("journal.after_shorten")
        old, self._usable = self._handle, False
        self._handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        os.close(old)
        self._lock()
        found = scan(_contents(self._handle))
        self._spans, self._end, self._usable = found.spans[1:], found.end, True

    @property
    def size(self) -> int:
        """Bytes of whole records."""
        return self._end

    def close(self) -> None:
        """Release the lock."""
        self._usable = False
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _create(path: str, title: Title, records: bytes = b"") -> None:
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    files.replace(path, record(msgspec.msgpack.encode(title)) + records)


def _contents(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    parts, at = [], 0
    while part := os.pread(handle, size - at, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)
