"""The members' signatures on what they say to each other: Ed25519 (RFC 8032), bytes in and out."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def identity_public(secret: bytes) -> bytes:
    """The 32-byte identity key of a 32-byte secret."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def identity_sign(secret: bytes, digest: bytes) -> bytes:
    """The 64-byte signature of `digest`; deterministic, so a repetition gives the same bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(digest)


@lru_cache(maxsize=8192)  # each receipt is met once per round and member
def identity_verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `digest`; ill-formed input is False."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True
