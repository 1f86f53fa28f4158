"""What was saved last, noted in the home's `backups.json`; the doctor compares.

Digests only: of each key file's bytes, and of what a wallet's backup carries beside the phrase.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from bystack.client.files import write
from bystack.primitives.hashes import sha256

NOTE: Final = "backups.json"
KEYS: Final = "keys"
MAX_KEY: Final = 1_000_000
MAX_KEYS: Final = 10_000
MAX_NOTE: Final = 8_000_000
PRIVATE: Final = 0o600
MARK: Final = ".votes"
MARKED: Final = "mark"
PASSWORD: Final = "password"
"""The file that opens sealed keys is left out: beside them it would unseal the archive."""


class BackupRefused(Exception):
    """The archive cannot be written or taken; the message says why, and nothing was changed."""


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One backup: when (Unix seconds), and the digest of each thing in it."""

    when: int = 0
    digests: dict[str, str] = {}


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last backup of keys/, and of each wallet (one digest, under its name)."""

    keys: Saved = Saved()
    wallets: dict[str, Saved] = {}


class Asked(Protocol):
    """A wallet's answers."""

    def __call__(self, method: str, *params: Any) -> Any:
        """The result of a method on the wallet's path."""


def noted(home: Path) -> Note:
    """What the home knows of its backups; nothing for a note that cannot be read."""
    path = home / NOTE
    try:
        if path.stat().st_size > MAX_NOTE:
            return Note()
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError):
        return Note()


def key_files(home: Path) -> dict[str, Path]:
    """The files of keys/ by name, without the password."""
    folder = home / KEYS
    found = sorted(one for one in folder.glob("*") if one.is_file() and not one.is_symlink())
    return {one.name: one for one in found if one.name != PASSWORD}


def key_digests(home: Path) -> dict[str, str]:
    """The digest of each file of keys/; of one that cannot be read, its fault.

    Of a vote journal's mark, which follows the votes, only that it is there.
    """
    found = key_files(home)
    return {name: MARKED if _is_mark(name) else _digest(one) for name, one in found.items()}


def _is_mark(name: str) -> bool:
    return name.endswith(MARK)


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hex()
    except OSError as error:
        return str(error.strerror)


def wallet_digest(ask: Asked) -> str:
    """What a backup of the wallet carries beside its phrase: accounts, labels, imports, the gap."""
    info = ask("getwalletinfo")
    accounts = [[one["name"], one["number"]] for one in ask("listaccounts")]
    described = sorted([one["label"], one["desc"]] for one in ask("listdescriptors")["descriptors"])
    labels = [[one, sorted(ask("getaddressesbylabel", one))] for one in sorted(ask("listlabels"))]
    told = [info["gap"], accounts, described, labels]
    return sha256(msgspec.json.encode(told)).hex()


def note_keys(home: Path, now: int) -> int:
    """Keep in mind that every file of keys/ is saved as it is now; how many."""
    digests = key_digests(home)
    _write(home, msgspec.structs.replace(noted(home), keys=Saved(now, digests)))
    return len(digests)


def note_wallet(home: Path, name: str, digest: str, now: int) -> None:
    """Keep in mind that a wallet is saved as it is now."""
    before = noted(home)
    wallets = {**before.wallets, name: Saved(now, {name: digest})}
    _write(home, msgspec.structs.replace(before, wallets=wallets))


def _write(home: Path, note: Note) -> None:
    write(home / NOTE, msgspec.json.format(msgspec.json.encode(note)))


def save_keys(home: Path, file: Path, now: int) -> int:
    """Write every file of keys/ into the new archive `file` (tar, 0600); how many.

    Raises `BackupRefused`.
    """
    found = key_files(home)
    if not found:
        raise BackupRefused(
            f"{home / KEYS} holds no keys: nothing to save (wallets: bystack wallet backup)"
        )
    try:
        write_new(file, found, now)
    except OSError as error:
        raise BackupRefused(f"{file}: {error.strerror}") from None
    return note_keys(home, now)


def write_new(file: Path, found: Mapping[str, Path], now: int) -> None:
    """An archive where nothing was before; only its owner reads it."""
    handle = open(file, "xb", opener=_private)  # noqa: SIM115 (closed by the next line)
    with handle, tarfile.open(fileobj=handle, mode="w") as archive:
        for name, path in found.items():
            entry = tarfile.TarInfo(f"{KEYS}/{name}")
            entry.size, entry.mode, entry.mtime = path.stat().st_size, PRIVATE, now
            with path.open("rb") as source:
                archive.addfile(entry, source)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, PRIVATE)


def restore_keys(home: Path, file: Path, now: int) -> list[str]:
    """Write the archive's files into keys/; their names. One that is there and differs stops it.

    A mark that is there is newer than the archive's, and stays. Everything is read and judged
    before anything is written. What the archive holds is noted as saved. Raises `BackupRefused`.
    """
    held = _archived(file)
    for name, data in held.items():
        there = home / KEYS / name
        if there.exists() and not _is_mark(name) and there.read_bytes() != data:
            raise BackupRefused(f"{there} is there and is another; move it away to replace it")
    fresh = {name: data for name, data in held.items() if not (home / KEYS / name).exists()}
    for name, data in fresh.items():
        write(home / KEYS / name, data)
    saved = {name: MARKED if _is_mark(name) else sha256(data).hex() for name, data in held.items()}
    before = noted(home)
    digests = {**before.keys.digests, **saved}
    _write(home, msgspec.structs.replace(before, keys=Saved(now, digests)))
    return sorted(fresh)


def _archived(file: Path) -> dict[str, bytes]:
    held: dict[str, bytes] = {}
    try:
        with tarfile.open(file, mode="r:") as archive:
            for entry in archive:
                name = entry.name.removeprefix(f"{KEYS}/")
                plain = (
                    entry.isfile() and entry.name == f"{KEYS}/{name}" and name == Path(name).name
                )
                if not plain or name in ("", ".", "..", PASSWORD) or entry.size > MAX_KEY:
                    raise BackupRefused(f"{file}: {entry.name[:100]} is no key file; nothing taken")
                if len(held) >= MAX_KEYS:
                    raise BackupRefused(f"{file}: more than {MAX_KEYS} files; nothing taken")
                source = archive.extractfile(entry)
                held[name] = source.read(MAX_KEY + 1) if source else b""
    except (OSError, tarfile.TarError) as error:
        raise BackupRefused(f"{file}: no archive of keys ({error})") from None
    return held
