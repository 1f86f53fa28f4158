"""Secrets at rest: one file per key, 0600, sealed under a password or, knowingly, in the clear.

Two lines: a JSON header (format, kind, how it is sealed, the parameters) and the box in hex. The
header is the associated datum, so neither kind nor parameters can be exchanged. Sealing is scrypt
(RFC 7914) and ChaCha20-Poly1305 (RFC 8439). Nothing here prints a secret.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from typing import Annotated

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from msgspec import Meta, Struct

from bystack.node import files

FORMAT = 1
STRONG = (2**16, 8, 1)
CHEAP = (2**4, 8, 1)
LEAST_COST = 2**14
MAX_FILE = 40 * 1024 * 1024  # a large federation's key generation in hex; a key is far smaller

log = structlog.get_logger("keyfiles")


class KeyFileError(Exception):
    """The key file cannot be used; the message names the path, the fault and the next step."""

    def __init__(self, path: files.Path, fault: str, step: str) -> None:
        super().__init__(f"{os.fspath(path)}: {fault}; {step}")


class KeyFileMissing(KeyFileError):
    """There is no such file."""


class KeyFileExists(KeyFileError):
    """There is a key already."""


class KeyFileLoose(KeyFileError):
    """Others on this machine may read the file."""


class KeyFileKind(KeyFileError):
    """The file holds a key for another purpose."""


class KeyFileMalformed(KeyFileError):
    """The file is not a key file, or was changed."""


class KeyFileSealed(KeyFileError):
    """The key needs a password."""


class WrongPassword(KeyFileError):
    """The password does not open the key."""


class KeyFileWeak(KeyFileError):
    """The key is sealed with parameters fit for tests only."""


class Scrypt(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kdf", tag="scrypt"):
    """How the password becomes a key; bounded, so that a hostile file costs at most 1 GiB."""

    n: Annotated[int, Meta(ge=2, le=2**20)]
    r: Annotated[int, Meta(ge=1, le=8)]
    p: Annotated[int, Meta(ge=1, le=4)]
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    nonce: Annotated[str, Meta(pattern=r"^[0-9a-f]{24}\Z")]


class Clear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kdf", tag="none"):
    """No password: the file's permissions are the only guard."""

    check: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a key file."""

    bystack_key: Annotated[int, Meta(ge=1)]
    kind: str
    seal: Scrypt | Clear


def write_key(
    path: files.Path,
    kind: str,
    secret: bytes,
    password: str | None,
    *,
    cheap: bool = False,
    replace: bool = False,
) -> None:
    """Write `secret` to `path` as a key of `kind`, sealed by `password` (None: in the clear).

    `cheap` parameters are for regtest alone. An existing file is kept unless `replace` is given
    (`KeyFileExists`): a key written over is lost.
    """
    if not replace and os.path.lexists(path):
        raise KeyFileExists(path, "there is a key already", "move it away first")
    if password is None:
        log.warning("key written without a password", path=os.fspath(path))
    os.makedirs(os.path.dirname(os.fspath(path)) or ".", mode=0o700, exist_ok=True)
    header = Header(FORMAT, kind, _seal_of(kind, secret, password, CHEAP if cheap else STRONG))
    first = msgspec.json.encode(header)
    box = (
        secret
        if password is None
        else _cipher(header.seal, password).encrypt(_nonce(header.seal), secret, first)
    )
    files.replace(path, first + b"\n" + box.hex().encode() + b"\n")


def read_key(
    path: files.Path, kind: str, password: str | None = None, *, cheap: bool = False
) -> bytes:
    """The secret in the key file at `path`, which must be of `kind`.

    Raises a `KeyFileError`: missing, loose permissions, another kind, malformed, password needed or
    wrong, or sealed with parameters that only regtest (`cheap`) accepts.
    """
    first, box = _lines(path)
    header = _header(path, first)
    if header.kind != kind:
        raise KeyFileKind(path, f"it is a {header.kind} key, not {kind}", "check bystack.toml")
    match header.seal:
        case Clear() as clear:
            return _in_clear(path, kind, box, clear)
        case Scrypt() as seal if seal.n < LEAST_COST and not cheap:
            raise KeyFileWeak(path, "sealed with test parameters", "make a new key")
        case Scrypt() if password is None:
            raise KeyFileSealed(path, "the key is sealed", "give its password file")
        case Scrypt() as seal:
            return _unsealed(path, first, box, seal, password or "")


def is_sealed(path: files.Path) -> bool:
    """The key at `path` needs a password."""
    return isinstance(_header(path, _lines(path)[0]).seal, Scrypt)


def read_private(path: files.Path) -> bytes:
    """The bytes of a file that only its owner may read; `KeyFileMissing` or `KeyFileLoose`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileMissing(path, error.strerror or "no file", "make or restore it") from None
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or stat.S_IMODE(facts.st_mode) & 0o077:
            raise KeyFileLoose(path, "others may read it", "chmod 600 it, or make a new key")
        if facts.st_uid != os.getuid():
            raise KeyFileLoose(path, "it belongs to another user", "chown it")
        return file.read(MAX_FILE)


def _lines(path: files.Path) -> tuple[bytes, bytes]:
    first, _, rest = read_private(path).partition(b"\n")
    try:
        return first, bytes.fromhex(rest.decode("ascii").strip())
    except ValueError:
        raise KeyFileMalformed(path, "not a key file", "restore it from a backup") from None


def _header(path: files.Path, first: bytes) -> Header:
    try:
        header = msgspec.json.decode(first, type=Header)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        fault = f"not a key file ({error})"
        raise KeyFileMalformed(path, fault, "restore it from a backup") from None
    if header.bystack_key != FORMAT:
        fault = f"format {header.bystack_key} is not {FORMAT}"
        raise KeyFileMalformed(path, fault, "install the newer program")
    return header


def _seal_of(
    kind: str, secret: bytes, password: str | None, cost: tuple[int, int, int]
) -> Scrypt | Clear:
    if password is None:
        return Clear(_check(kind, secret))
    return Scrypt(*cost, salt=secrets.token_hex(32), nonce=secrets.token_hex(12))


def _check(kind: str, secret: bytes) -> str:
    return hashlib.sha256(kind.encode() + b"\x00" + secret).hexdigest()[:8]


def _in_clear(path: files.Path, kind: str, box: bytes, clear: Clear) -> bytes:
    if _check(kind, box) != clear.check:
        raise KeyFileMalformed(path, "its checksum is wrong", "restore it from a backup")
    return box


def _nonce(seal: Scrypt | Clear) -> bytes:
    return bytes.fromhex(seal.nonce) if isinstance(seal, Scrypt) else b""


def _cipher(seal: Scrypt | Clear, password: str) -> ChaCha20Poly1305:
    assert isinstance(seal, Scrypt)
    key = hashlib.scrypt(
        password.encode(),
        salt=bytes.fromhex(seal.salt),
        n=seal.n,
        r=seal.r,
        p=seal.p,
        maxmem=128 * seal.n * seal.r + 64 * 1024 * 1024,
        dklen=32,
    )
    return ChaCha20Poly1305(key)


def _unsealed(path: files.Path, first: bytes, box: bytes, seal: Scrypt, password: str) -> bytes:
    if seal.n & (seal.n - 1):
        raise KeyFileMalformed(path, "scrypt's n is no power of two", "restore it from a backup")
    try:
        return _cipher(seal, password).decrypt(_nonce(seal), box, first)
    except InvalidTag:
        fault = "the password is wrong, or the file was changed"
        raise WrongPassword(path, fault, "try again, or restore it from a backup") from None
