"""How consensus checks signatures; signing is the signer process's alone.

Machines take a `Scheme`, so that simulations can run on a hash scheme. Keys and signatures are
bytes; ill-formed ones are False, never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from bystack.primitives import bls, curve
from bystack.primitives.errors import Invalid


class Scheme(Protocol):
    """Verification and aggregation of validators' signatures; equal ones judge alike."""

    def __hash__(self) -> int: ...

    def verify(self, key: bytes, digest: bytes, signature: bytes) -> bool:
        """One signature of one key."""
        ...

    def signature_valid(self, signature: bytes) -> bool:
        """A well-formed point of the right subgroup: safe to add up."""
        ...

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """The sum of valid signatures, at least one."""
        ...

    def fast_aggregate_verify(self, keys: Sequence[bytes], digest: bytes, signature: bytes) -> bool:
        """An aggregate of `keys` over one digest; no keys is False."""
        ...

    def group_verify(
        self, groups: Sequence[tuple[Sequence[bytes], bytes]], signature: bytes
    ) -> bool:
        """One aggregate over (keys, digest) groups with distinct digests; no groups is False."""
        ...

    def prove_check(self, key: bytes, proof: bytes) -> bool:
        """The proof of possession of `key`."""
        ...


class BlsScheme:
    """BLS12-381, proof-of-possession suite: key in G1, signature in G2."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlsScheme)

    def __hash__(self) -> int:
        return hash(BlsScheme)

    def verify(self, key: bytes, digest: bytes, signature: bytes) -> bool:
        """See `Scheme`."""
        return bls.verify(key, digest, signature)

    def signature_valid(self, signature: bytes) -> bool:
        """See `Scheme`."""
        return bls.signature_validate(signature)

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """See `Scheme`."""
        return bls.aggregate(signatures)

    def fast_aggregate_verify(self, keys: Sequence[bytes], digest: bytes, signature: bytes) -> bool:
        """See `Scheme`."""
        return bls.fast_aggregate_verify(keys, digest, signature)

    def group_verify(
        self, groups: Sequence[tuple[Sequence[bytes], bytes]], signature: bytes
    ) -> bool:
        """See `Scheme`. Each group's keys are added up first: one pairing a group.

        Sound because every key has proved possession (`validators.check_set`).
        """
        try:
            keys = [curve.g1_add(keys) for keys, _ in groups]
        except Invalid:
            return False
        return bls.aggregate_verify(keys, [digest for _, digest in groups], signature)

    def prove_check(self, key: bytes, proof: bytes) -> bool:
        """See `Scheme`."""
        return _possessed(key, proof)


# Registered, elected, read from a genesis: one proof is judged many times in its life.
@lru_cache(maxsize=1_024)
def _possessed(key: bytes, proof: bytes) -> bool:
    return bls.pop_verify(key, proof)
