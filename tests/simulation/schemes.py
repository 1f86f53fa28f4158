"""Signers for simulations: a fast hash scheme with the shape of BLS, and BLS itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bystack.primitives import bls
from bystack.sidechain.consensus.scheme import BlsScheme, Scheme
from bystack.sidechain.consensus.validators import Validator, ValidatorSet

MODULUS = 1 << 768


@lru_cache(maxsize=200_000)
def _share(key: bytes, digest: bytes) -> int:
    return int.from_bytes(hashlib.shake_128(key + digest).digest(96), "big")


class HashScheme:
    """A signature is a hash of key and digest, an aggregate their sum. Anyone could forge;
    simulated adversaries sign with their own keys only."""

    def verify(self, key: bytes, digest: bytes, signature: bytes) -> bool:
        return _share(key, digest) == int.from_bytes(signature, "big")

    def signature_valid(self, signature: bytes) -> bool:
        return len(signature) == 96 and any(signature)

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        total = sum(int.from_bytes(s, "big") for s in signatures) % MODULUS
        return total.to_bytes(96, "big")

    def fast_aggregate_verify(self, keys: Sequence[bytes], digest: bytes, signature: bytes) -> bool:
        return self.group_verify([(keys, digest)], signature)

    def group_verify(
        self, groups: Sequence[tuple[Sequence[bytes], bytes]], signature: bytes
    ) -> bool:
        total = sum(_share(key, digest) for keys, digest in groups for key in keys) % MODULUS
        return any(keys for keys, _ in groups) and total == int.from_bytes(signature, "big")

    def prove_check(self, key: bytes, proof: bytes) -> bool:
        return proof == hash_sign(key, b"possession")


def hash_sign(key: bytes, digest: bytes) -> bytes:
    return _share(key, digest).to_bytes(96, "big")


@dataclass(frozen=True)
class Keyring:
    """A validator set whose every key can sign."""

    validators: ValidatorSet
    scheme: Scheme
    sign: Callable[[int, bytes], bytes]


def node_id(index: int) -> bytes:
    return hashlib.sha256(b"node %d" % index).digest()


@lru_cache
def hash_keyring(size: int, weights: tuple[int, ...] = ()) -> Keyring:
    keys = [hashlib.shake_128(b"key %d" % i).digest(48) for i in range(size)]
    members = tuple(
        Validator(key, hash_sign(key, b"possession"), weights[i] if weights else 1, node_id(i))
        for i, key in enumerate(keys)
    )
    return Keyring(ValidatorSet(0, members), HashScheme(), lambda i, d: hash_sign(keys[i], d))


@lru_cache
def bls_keyring(size: int) -> Keyring:
    secrets = [bls.key_gen(b"simulated validator %d" % i + bytes(32)) for i in range(size)]
    members = tuple(
        Validator(bls.sk_to_pk(s), bls.pop_prove(s), 1, node_id(i)) for i, s in enumerate(secrets)
    )
    return Keyring(ValidatorSet(0, members), BlsScheme(), lambda i, d: bls.sign(secrets[i], d))
