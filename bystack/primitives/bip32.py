"""Hierarchical keys over secp256k1: a tree of spending keys from one seed (BIP 32).

Text forms are Bitcoin's `xprv` and `xpub`; the chain is named by the derivation path, not by the
version bytes. Errors and `repr` never show a secret or a chain code.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from functools import lru_cache

from btclib_secp256k1 import keys as points

from bystack.primitives.base58 import base58_decode, base58_encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, sha256
from bystack.primitives.keys import ORDER, SecretKeyInvalid
from bystack.primitives.ripemd import ripemd160

HARDENED = 2**31
_PRIVATE = bytes.fromhex("0488ade4")
_PUBLIC = bytes.fromhex("0488b21e")
_NO_PARENT = bytes(4)


class SeedLength(Invalid):
    """A seed is 16 to 64 bytes."""


class ExtendedKeyLength(Invalid):
    """A serialised key is 78 bytes."""


class ExtendedKeyVersion(Invalid):
    """The text is of no known version (xprv or xpub), or holds the other kind of key."""


class ExtendedKeyRoot(Invalid):
    """A key at depth zero has neither parent nor index."""


class ExtendedKeyPoint(Invalid):
    """The public key is not the compressed form of a point."""


class HardenedFromPublic(Invalid):
    """A hardened child, or a secret, cannot come from a public key."""


class ChildIndex(Invalid):
    """A child's index is from 0 to 2**32 - 1, and a key has at most 255 ancestors."""


class ChildInvalid(Invalid):
    """This index has no key (once in 2**127): take the next."""


class PathMalformed(Invalid):
    """A path reads m/44'/0/… with ' or h behind hardened indices."""


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A private key (0x00 and 32 bytes) or a public one (33 bytes compressed), and its place."""

    key: bytes = field(repr=False)
    chain_code: bytes = field(repr=False)
    depth: int = 0
    parent: bytes = _NO_PARENT
    index: int = 0

    @property
    def private(self) -> bool:
        """Whether this is a private key."""
        return self.key[0] == 0

    @property
    def secret(self) -> bytes:
        """The 32-byte secret. Raises `HardenedFromPublic`."""
        if not self.private:
            raise HardenedFromPublic()
        return self.key[1:]

    @property
    def point(self) -> bytes:
        """The public key, 33 bytes compressed."""
        return bytes(points.pubkey_from_prvkey(self.key[1:])) if self.private else self.key

    @property
    def public(self) -> bytes:
        """The public key as BIP 340 writes it, 32 bytes."""
        return self.point[1:]

    @property
    def fingerprint(self) -> bytes:
        """The 4 bytes by which children name this key (RIPEMD-160 of SHA-256 of the point)."""
        return _fingerprint(self.point)

    def neuter(self) -> ExtendedKey:
        """The public key with the same children, as far as these are not hardened."""
        return ExtendedKey(self.point, self.chain_code, self.depth, self.parent, self.index)

    def child(self, index: int) -> ExtendedKey:
        """The child of that index; from `HARDENED` on it needs the private key.

        Raises `ChildIndex`, `HardenedFromPublic`, `ChildInvalid`.
        """
        if not 0 <= index < 2**32 or self.depth >= 255:
            raise ChildIndex(index=index, depth=self.depth)
        parent = b"\x00" + self.secret if index >= HARDENED else self.point
        digest = hmac.digest(self.chain_code, parent + fixed(index, 4), "sha512")
        key = self._add(digest[:32])
        return ExtendedKey(key, digest[32:], self.depth + 1, self.fingerprint, index)

    def _add(self, tweak: bytes) -> bytes:
        if int.from_bytes(tweak, "big") >= ORDER:
            raise ChildInvalid()
        try:
            if self.private:
                return b"\x00" + bytes(points.prvkey_tweak_add(self.key[1:], tweak))
            return bytes(points.pubkey_tweak_add(self.key, tweak))
        except ValueError:
            raise ChildInvalid() from None

    def path(self, path: str) -> ExtendedKey:
        """The descendant at `m/44'/0/1h…`. Raises `PathMalformed` and what `child` raises."""
        key = self
        for index in parse_path(path):
            key = key.child(index)
        return key

    def text(self) -> str:
        """The `xprv…` or `xpub…` form."""
        version = _PRIVATE if self.private else _PUBLIC
        place = bytes([self.depth]) + self.parent + fixed(self.index, 4)
        return base58_encode(version + place + self.chain_code + self.key)


@lru_cache(maxsize=64)
def _fingerprint(point: bytes) -> bytes:
    """Six times the work of the rest of a derivation, and the same for every child."""
    return ripemd160(sha256(point))[:4]


def parse_path(path: str) -> tuple[int, ...]:
    """The child indices of a path. Raises `PathMalformed`."""
    root, *steps = path.split("/")
    if root != "m":
        raise PathMalformed(path=path)
    return tuple(_parse_step(step, path) for step in steps)


def _parse_step(step: str, path: str) -> int:
    digits = step.removesuffix("'") if step.endswith("'") else step.removesuffix("h")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 10 or int(digits) >= HARDENED:
        raise PathMalformed(path=path)
    return int(digits) + (HARDENED if digits != step else 0)


def master(seed: bytes) -> ExtendedKey:
    """The root of a seed's tree. Raises `SeedLength`, `SecretKeyInvalid` (once in 2**127)."""
    if not 16 <= len(seed) <= 64:
        raise SeedLength(length=len(seed))
    digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
    return _checked(ExtendedKey(b"\x00" + digest[:32], digest[32:]))


def parse_key(text: str) -> ExtendedKey:
    """The key of an `xprv…` or `xpub…` text.

    Raises what `base58_decode` does, `ExtendedKeyLength`, `ExtendedKeyVersion`, `ExtendedKeyRoot`,
    `ExtendedKeyPoint`, `SecretKeyInvalid`.
    """
    data = base58_decode(text)
    if len(data) != 78:
        raise ExtendedKeyLength(length=len(data))
    index = int.from_bytes(data[9:13], "big")
    key = ExtendedKey(data[45:], data[13:45], data[4], data[5:9], index)
    if data[:4] != (_PRIVATE if key.private else _PUBLIC):
        raise ExtendedKeyVersion(version=data[:4])
    if key.depth == 0 and (key.parent != _NO_PARENT or key.index):
        raise ExtendedKeyRoot(parent=key.parent, index=key.index)
    return _checked(key)


def _checked(key: ExtendedKey) -> ExtendedKey:
    if key.private and not points.prvkey_verify(key.key[1:]):
        raise SecretKeyInvalid()
    if not key.private and not points.pubkey_verify(key.key):
        raise ExtendedKeyPoint(key=key.key)
    return key
