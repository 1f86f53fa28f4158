"""Secrets at rest: one file per key, 0600, sealed under a password or, knowingly, in the clear.

Two lines: a JSON header (format, kind, how it is sealed, the parameters) and the box in hex. The
header is the associated datum, so neither kind nor parameters can be exchanged. Sealing is scrypt
(RFC 7914) or, on request, Argon2id (RFC 9106), and ChaCha20-Poly1305 (RFC 8439). Nothing here
prints a secret.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from typing import Annotated, Literal, assert_never

import msgspec
import structlog
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as Derivation
from msgspec import Meta, Struct

from bystack.node.store import files
from bystack.primitives.errors import Misuse

FORMAT = 1
STRONG = (2**16, 8, 1)
CHEAP = (2**4, 8, 1)
LEAST_COST = 2**14
STRONG_ARGON = (2**16, 3, 4)  # the second choice of RFC 9106, section 4: 64 MiB
CHEAP_ARGON = (64, 1, 1)
LEAST_MEMORY = 19 * 2**10
PASSWORD_FILE = "keys/password"
NO_PASSWORD = "a node reads its password from keys/password (0600), a command from --password-file"
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


class Argon2id(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kdf", tag="argon2id"):
    """The same by Argon2id: memory in KiB, passes over it, lanes; bounded in the same way."""

    memory: Annotated[int, Meta(ge=8, le=2**20)]
    passes: Annotated[int, Meta(ge=1, le=16)]
    lanes: Annotated[int, Meta(ge=1, le=8)]
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    nonce: Annotated[str, Meta(pattern=r"^[0-9a-f]{24}\Z")]


class Clear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kdf", tag="none"):
    """No password: the file's permissions are the only guard."""

    check: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a key file."""

    bystack_key: Annotated[int, Meta(ge=1)]
    kind: str
    seal: Scrypt | Argon2id | Clear


Kdf = Literal["scrypt", "argon2id"]


def write_key(
    path: files.Path,
    kind: str,
    secret: bytes,
    password: str | None,
    *,
    cheap: bool = False,
    replace: bool = False,
    kdf: Kdf = "scrypt",
) -> None:
    """Write `secret` to `path` as a key of `kind`, sealed by `password` (None: in the clear).

    `cheap` parameters are for regtest alone. An existing file is kept unless `replace` is given
    (`KeyFileExists`): a key written over is lost. Raises `KeyFileWeak` where this machine's
    libraries lack `kdf`.
    """
    if not replace and os.path.lexists(path):
        raise KeyFileExists(path, "there is a key already", "move it away first")
    if password is None:
        log.warning("key written without a password", path=os.fspath(path))
    os.makedirs(os.path.dirname(os.fspath(path)) or ".", mode=0o700, exist_ok=True)
    files.replace(path, sealed(kind, secret, password, cheap=cheap, kdf=kdf, name=path))


def sealed(
    kind: str,
    secret: bytes,
    password: str | None,
    *,
    cheap: bool = False,
    kdf: Kdf = "scrypt",
    name: files.Path = "key",
) -> bytes:
    """What a key file holds; raises as `write_key`. `name` stands in errors."""
    header = Header(FORMAT, kind, _seal_of(kind, secret, password, cheap, kdf))
    first, box = msgspec.json.encode(header), secret
    if password is not None:
        box = _cipher(name, header.seal, password).encrypt(_nonce(header.seal), secret, first)
    return first + b"\n" + box.hex().encode() + b"\n"


def read_key(
    path: files.Path, kind: str, password: str | None = None, *, cheap: bool = False
) -> bytes:
    """The secret in the key file at `path`, which must be of `kind`.

    Raises a `KeyFileError`: missing, loose permissions, another kind, malformed, password needed or
    wrong, or sealed with parameters that only regtest (`cheap`) accepts.
    """
    return unsealed(path, read_private(path), kind, password, cheap=cheap)


def unsealed(
    name: files.Path, data: bytes, kind: str, password: str | None = None, *, cheap: bool = False
) -> bytes:
    """The secret in what `sealed` gave; raises as `read_key`, with `name` in the message."""
    first, box = _lines(name, data)
    header = _header(name, first)
    if header.kind != kind:
        raise KeyFileKind(name, f"it is a {header.kind} key, not {kind}", "check bystack.toml")
    match header.seal:
        case Clear() as clear:
            return _in_clear(name, kind, box, clear)
        case seal if _weak(seal) and not cheap:
            raise KeyFileWeak(name, "sealed with test parameters", "make a new key")
        case _ if password is None:
            raise KeyFileSealed(name, "the key is sealed", NO_PASSWORD)
        case seal:
            return _unsealed(name, first, box, seal, password)


def _weak(seal: Scrypt | Argon2id) -> bool:
    return seal.n < LEAST_COST if isinstance(seal, Scrypt) else seal.memory < LEAST_MEMORY


def is_sealed(path: files.Path) -> bool:
    """The key at `path` needs a password."""
    return is_sealed_text(path, read_private(path))


def is_sealed_text(name: files.Path, data: bytes) -> bool:
    """What `sealed` gave needs a password."""
    return not isinstance(_header(name, _lines(name, data)[0]).seal, Clear)


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


def _lines(path: files.Path, data: bytes) -> tuple[bytes, bytes]:
    first, _, rest = data.partition(b"\n")
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
    kind: str, secret: bytes, password: str | None, cheap: bool, kdf: Kdf
) -> Scrypt | Argon2id | Clear:
    salt, nonce = secrets.token_hex(32), secrets.token_hex(12)
    match kdf:
        case _ if password is None:
            return Clear(_check(kind, secret))
        case "scrypt":
            return Scrypt(*(CHEAP if cheap else STRONG), salt=salt, nonce=nonce)
        case "argon2id":
            return Argon2id(*(CHEAP_ARGON if cheap else STRONG_ARGON), salt=salt, nonce=nonce)


def _check(kind: str, secret: bytes) -> str:
    return hashlib.sha256(kind.encode() + b"\x00" + secret).hexdigest()[:8]


def _in_clear(path: files.Path, kind: str, box: bytes, clear: Clear) -> bytes:
    if _check(kind, box) != clear.check:
        raise KeyFileMalformed(path, "its checksum is wrong", "restore it from a backup")
    return box


def _nonce(seal: Scrypt | Argon2id | Clear) -> bytes:
    return b"" if isinstance(seal, Clear) else bytes.fromhex(seal.nonce)


def _cipher(name: files.Path, seal: Scrypt | Argon2id | Clear, password: str) -> ChaCha20Poly1305:
    match seal:
        case Scrypt():
            return ChaCha20Poly1305(_by_scrypt(seal, password.encode()))
        case Argon2id():
            return ChaCha20Poly1305(_by_argon(name, seal, password.encode()))
        case Clear():
            raise Misuse("a key in the clear has no cipher")
        case _:
            assert_never(seal)


def _by_scrypt(seal: Scrypt, password: bytes) -> bytes:
    return hashlib.scrypt(
        password,
        salt=bytes.fromhex(seal.salt),
        n=seal.n,
        r=seal.r,
        p=seal.p,
        maxmem=128 * seal.n * seal.r + 64 * 1024 * 1024,
        dklen=32,
    )


def _by_argon(name: files.Path, seal: Argon2id, password: bytes) -> bytes:
    salt = bytes.fromhex(seal.salt)
    try:
        derivation = Derivation(
            salt=salt,
            length=32,
            iterations=seal.passes,
            lanes=seal.lanes,
            memory_cost=seal.memory,
        )
    except (UnsupportedAlgorithm, ValueError) as error:
        fault = f"Argon2id is not to be had with these parameters ({error})"
        raise KeyFileWeak(name, fault, "use scrypt, or a newer OpenSSL") from None
    return derivation.derive(password)


def _unsealed(
    path: files.Path, first: bytes, box: bytes, seal: Scrypt | Argon2id, password: str
) -> bytes:
    if isinstance(seal, Scrypt) and seal.n & (seal.n - 1):
        raise KeyFileMalformed(path, "scrypt's n is no power of two", "restore it from a backup")
    try:
        return _cipher(path, seal, password).decrypt(_nonce(seal), box, first)
    except InvalidTag:
        fault = "the password is wrong, or the file was changed"
        raise WrongPassword(path, fault, "try again, or restore it from a backup") from None
