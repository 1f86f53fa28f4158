"""Spending keys: BIP 340 Schnorr signatures over secp256k1, by libsecp256k1.

Randomness is an argument. `verify` is the node's hottest call, so it goes to the library's
functions directly: about 2 % faster than the wrapper on one thread and, since less runs under the
interpreter lock, a fifth faster on two. The point of a key is a square root, an eighth of the whole
time: those of the last keys are kept, for whoever pays often pays from few. They are only read, by
whichever thread.
"""

from __future__ import annotations

from functools import lru_cache

from btclib_secp256k1 import ffi, lib, ssa, xonly
from btclib_secp256k1.context import ctx

from bystack.primitives.errors import Invalid, Misuse

# The order of the group (SEC 2, section 2.4.1).
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141

RECORD = 128
"""Bytes of a packed signature: key, digest, signature."""

KEPT_KEYS = 32_768
"""Eleven megabytes of them at most."""

_new = ffi.new
_KEY = ffi.typeof("secp256k1_xonly_pubkey *")
_parse = lib.secp256k1_xonly_pubkey_parse
_verify = lib.secp256k1_schnorrsig_verify


class SecretKeyInvalid(Invalid):
    """The secret key is not 32 bytes of a number from 1 to the group's order less one."""


def check_secret(secret: bytes) -> None:
    """Raise `SecretKeyInvalid` for bytes that are no secret key."""
    # The bytes stay out of the error: it may be shown or logged.
    if type(secret) is not bytes or len(secret) != 32:
        raise SecretKeyInvalid()
    if not 0 < int.from_bytes(secret, "big") < ORDER:
        raise SecretKeyInvalid()


def public_key(secret: bytes) -> bytes:
    """The 32-byte x-only public key of a 32-byte secret. Raises `SecretKeyInvalid`."""
    check_secret(secret)
    return bytes(xonly.from_prvkey(secret)[0])


def sign(secret: bytes, digest: bytes, aux: bytes) -> bytes:
    """The 64-byte signature of `digest` (Bystack signs 32-byte tagged hashes only).

    `aux` is 32 fresh random bytes, or zeros for a deterministic signature. The signature is
    verified before it is returned, as BIP 340 advises against faults.
    Raises `SecretKeyInvalid`, `Misuse`.
    """
    check_secret(secret)
    if len(aux) != 32:
        raise Misuse("auxiliary randomness is 32 bytes")
    return bytes(ssa.sign_custom(digest, secret, aux))


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s of `digest`; False for bytes that are no key or signature.

    BIP 340, "Verification".
    """
    # The library reads 32 and 64 bytes whatever the length, and takes only real bytes.
    if not type(public) is type(digest) is type(signature) is bytes:
        return False
    if len(public) != 32 or len(signature) != 64:
        return False
    key = _point(public)
    return key is not None and _verify(ctx, signature, digest, len(digest), key) == 1


@lru_cache(KEPT_KEYS)
def _point(public: bytes) -> object | None:
    """The library's form of a 32-byte key; None if there is no such point."""
    key = _new(_KEY)
    return key if _parse(ctx, key, public) == 1 else None


def first_wrong(records: bytes) -> int | None:
    """The place of the first wrong one of packed signatures, or None.

    A record is 32 bytes of key, 32 of digest, 64 of signature; there is one structure for all keys.
    """
    key = _new(_KEY)
    for place, at in enumerate(range(0, len(records), RECORD)):
        digest, signature = records[at + 32 : at + 64], records[at + 64 : at + RECORD]
        if not _parse(ctx, key, records[at : at + 32]) or len(signature) != 64:
            return place
        if not _verify(ctx, signature, digest, 32, key):
            return place
    return None


def valid_public_key(public: bytes) -> bool:
    """Whether the bytes are the x coordinate of a point (BIP 340, `lift_x`)."""
    return type(public) is bytes and len(public) == 32 and _parse(ctx, _new(_KEY), public) == 1
