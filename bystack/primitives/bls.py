"""BLS signatures over BLS12-381: votes of validators, group keys of federations.

The IETF proof-of-possession suite (draft-irtf-cfrg-bls-signature-06): key in G1, 48 bytes,
signature in G2, 96 bytes. Bytes in, bytes or bool out; a check of ill-formed input is False, not an
exception. Infinity is refused as key and as signature. Before a key enters `fast_aggregate_verify`
its proof of possession must have been checked, and the caller counts each signer once: free lists
of keys fall to rogue keys and repetition. Secret keys are 32 bytes, big-endian.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol, cast

from bystack.primitives import bls_arkworks
from bystack.primitives.curve import ORDER, PointMalformed, horner, lagrange_at_zero
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed, tagged

SIGN_TAG = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
POP_TAG = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

_batch = tagged("bls/batch")
_coefficient = tagged("bls/batch/coefficient")


class BlsSecretInvalid(Invalid):
    """The secret key is not 32 bytes of a number from 1 to the group's order less one."""


class SeedTooShort(Invalid):
    """A key is made from at least 32 secret bytes."""


class SignatureMalformed(Invalid):
    """The bytes are not the one encoding of a point in G2."""


class NothingToAggregate(Invalid):
    """An aggregate has at least one signature."""


class Backend(Protocol):
    """What this module asks of a library; points are the library's own."""

    name: str
    G1: Any

    def g1_load(self, data: bytes, /) -> Any: ...  # noqa: D102
    def g2_load(self, data: bytes, /) -> Any: ...  # noqa: D102
    def store(self, point: Any, /) -> bytes: ...  # noqa: D102
    def g1_infinite(self, point: Any, /) -> bool: ...  # noqa: D102
    def g2_infinite(self, point: Any, /) -> bool: ...  # noqa: D102
    def g1_sum(self, points: Sequence[Any], /) -> Any: ...  # noqa: D102
    def g2_sum(self, points: Sequence[Any], /) -> Any: ...  # noqa: D102
    def g1_scale(self, point: Any, scalar: int, /) -> Any: ...  # noqa: D102
    def g2_scale(self, point: Any, scalar: int, /) -> Any: ...  # noqa: D102
    def g1_negate(self, point: Any, /) -> Any: ...  # noqa: D102
    def hash_to_g2(self, message: bytes, tag: bytes, /) -> Any: ...  # noqa: D102
    def product_is_one(self, pairs: Sequence[tuple[Any, Any]], /) -> bool: ...  # noqa: D102


_backend = cast(Backend, bls_arkworks)


def use_backend(name: str) -> None:
    """Choose `arkworks` (from the start) or `py_ecc` for this process. Raises `Misuse`."""
    global _backend
    match name:
        case "arkworks":
            _backend = cast(Backend, bls_arkworks)
        case "py_ecc":
            from bystack.primitives import bls_pyecc  # a second of import that few processes need

            _backend = cast(Backend, bls_pyecc)
        case _:
            raise Misuse(f"no BLS backend {name}")


def _public(data: bytes) -> Any:
    """The point of a public key, or None: ill-formed, outside the subgroup, or infinity."""
    point = _backend.g1_load(data) if type(data) is bytes else None
    return None if point is None or _backend.g1_infinite(point) else point


def _signature(data: bytes) -> Any:
    """The point of a signature, or None: ill-formed, outside the subgroup, or infinity."""
    point = _backend.g2_load(data) if type(data) is bytes else None
    return None if point is None or _backend.g2_infinite(point) else point


def _secret(sk: bytes) -> int:
    scalar = int.from_bytes(sk, "big") if type(sk) is bytes and len(sk) == 32 else 0
    if not 0 < scalar < ORDER:
        raise BlsSecretInvalid()  # without the bytes: an error may be logged
    return scalar


def _hash(message: bytes, tag: bytes) -> Any:
    if type(message) is not bytes or not 0 < len(tag) < 256:
        raise Misuse("a message is bytes and a tag 1 to 255 bytes")
    return _backend.hash_to_g2(message, tag)


def hash_to_g2(message: bytes, tag: bytes = SIGN_TAG) -> bytes:
    """The 96-byte point a message is signed at (RFC 9380, BLS12381G2_XMD:SHA-256_SSWU_RO_)."""
    return _backend.store(_hash(message, tag))


def key_gen(ikm: bytes, key_info: bytes = b"") -> bytes:
    """A 32-byte secret key from at least 32 secret random bytes (KeyGen, salt hashed first).

    Raises `SeedTooShort`.
    """
    if len(ikm) < 32:
        raise SeedTooShort(length=len(ikm))
    salt, scalar = b"BLS-SIG-KEYGEN-SALT-", 0
    while scalar == 0:
        salt = sha256(salt).digest()
        extracted = hmac.digest(salt, ikm + b"\x00", "sha256")
        scalar = int.from_bytes(_expand(extracted, key_info + b"\x00\x30", 48), "big") % ORDER
    return fixed(scalar, 32)


def _expand(key: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869)."""
    block = output = b""
    while len(output) < size:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), "sha256")
        output += block
    return output[:size]


def sk_to_pk(sk: bytes) -> bytes:
    """The 48-byte public key of a secret key. Raises `BlsSecretInvalid`."""
    return _backend.store(_backend.g1_scale(_backend.G1, _secret(sk)))


def key_validate(pk: bytes) -> bool:
    """Whether the bytes are the one encoding of a point in G1 other than infinity."""
    return _public(pk) is not None


def signature_validate(sig: bytes) -> bool:
    """Whether the bytes are the one encoding of a point in G2 other than infinity."""
    return _signature(sig) is not None


def sign(sk: bytes, message: bytes, tag: bytes = SIGN_TAG) -> bytes:
    """The 96-byte signature of a message; with a key's share, its partial signature.

    Raises `BlsSecretInvalid`.
    """
    return _backend.store(_backend.g2_scale(_hash(message, tag), _secret(sk)))


def verify(pk: bytes, message: bytes, sig: bytes, tag: bytes = SIGN_TAG) -> bool:
    """Whether `sig` is `pk`'s signature of `message`."""
    return aggregate_verify([pk], [message], sig, tag)


def aggregate(sigs: Sequence[bytes]) -> bytes:
    """The sum of at least one signature. Raises `NothingToAggregate`, `SignatureMalformed`.

    As in the draft infinity is summed like any point; no check accepts it as a result.
    """
    if not sigs:
        raise NothingToAggregate()
    return _backend.store(_backend.g2_sum([_summand(at, sig) for at, sig in enumerate(sigs)]))


def _summand(at: int, sig: bytes) -> Any:
    point = _backend.g2_load(sig) if type(sig) is bytes else None
    if point is None:
        raise SignatureMalformed(index=at)
    return point


def _holds(signature: Any, pairs: Sequence[tuple[Any, bytes]], tag: bytes) -> bool:
    """Whether e(G1, signature) is the product of e(key, hash of message)."""
    hashed = [(key, _hash(message, tag)) for key, message in pairs]
    return _backend.product_is_one([(_backend.g1_negate(_backend.G1), signature), *hashed])


def _all_bytes(messages: Sequence[bytes]) -> bool:
    return all(type(message) is bytes for message in messages)


def aggregate_verify(
    pks: Sequence[bytes], messages: Sequence[bytes], sig: bytes, tag: bytes = SIGN_TAG
) -> bool:
    """Whether `sig` sums a signature by each key of the message beside it; False for no keys."""
    keys, signature = [_public(pk) for pk in pks], _signature(sig)
    if not keys or len(keys) != len(messages) or not _all_bytes(messages):
        return False
    if signature is None or any(key is None for key in keys):
        return False
    return _holds(signature, list(zip(keys, messages, strict=True)), tag)


def fast_aggregate_verify(
    pks: Sequence[bytes], message: bytes, sig: bytes, tag: bytes = SIGN_TAG
) -> bool:
    """Whether `sig` sums a signature by each key of one message; False for no keys.

    The sum of the keys must not be infinity: a key and its opposite would "sign" everything.
    """
    keys, signature = [_public(pk) for pk in pks], _signature(sig)
    if not keys or signature is None or type(message) is not bytes:
        return False
    if any(key is None for key in keys):
        return False
    total = _backend.g1_sum(keys)
    return not _backend.g1_infinite(total) and _holds(signature, [(total, message)], tag)


def pop_prove(sk: bytes, tag: bytes = POP_TAG) -> bytes:
    """The proof that we hold a secret key: its signature of its own public key."""
    return sign(sk, sk_to_pk(sk), tag)


def pop_verify(pk: bytes, proof: bytes, tag: bytes = POP_TAG) -> bool:
    """Whether `proof` shows that somebody holds `pk`'s secret key."""
    return verify(pk, pk, proof, tag)


def batch_verify(
    pks: Sequence[bytes], messages: Sequence[bytes], sigs: Sequence[bytes], tag: bytes = SIGN_TAG
) -> bool:
    """Whether every signature is good, in one check; False for none. Says not which one is bad.

    Sums signatures with odd 128-bit coefficients from a hash of all inputs: fixed only once every
    input is, so wrong signatures cannot be chosen to cancel. One pairing per distinct message.
    """
    if not pks or not len(pks) == len(messages) == len(sigs) or not _all_bytes(messages):
        return False
    keys, points = [_public(pk) for pk in pks], [_signature(sig) for sig in sigs]
    if any(point is None for point in (*keys, *points)):
        return False
    factors = _coefficients(pks, messages, sigs, tag)
    by_message: dict[bytes, list[Any]] = {}
    for key, message, factor in zip(keys, messages, factors, strict=True):
        by_message.setdefault(message, []).append(_backend.g1_scale(key, factor))
    scaled = [_backend.g2_scale(p, factor) for p, factor in zip(points, factors, strict=True)]
    pairs = [(_backend.g1_sum(group), message) for message, group in by_message.items()]
    return _holds(_backend.g2_sum(scaled), pairs, tag)


def _coefficients(
    pks: Sequence[bytes], messages: Sequence[bytes], sigs: Sequence[bytes], tag: bytes
) -> list[int]:
    lengths = [fixed(len(message)) for message in messages]
    seed = _batch(fixed(len(tag)), tag, fixed(len(pks)), *pks, *sigs, *lengths, *messages)
    drawn = (_coefficient(seed, fixed(at)) for at in range(len(pks)))
    return [int.from_bytes(digest[:16], "big") | 1 for digest in drawn]


def combine(partials: Mapping[int, bytes]) -> bytes:
    """The group's signature from partial signatures by share index: the same for every quorum.

    The caller gives exactly the threshold's number and has checked each, or checks the result.
    Raises `NothingToAggregate`, `IndexInvalid`, `SignatureMalformed`.
    """
    if not partials:
        raise NothingToAggregate()
    weights = lagrange_at_zero(partials)
    points = [_backend.g2_scale(_partial(at, partials[at]), w) for at, w in weights.items()]
    return _backend.store(_backend.g2_sum(points))


def _partial(index: int, sig: bytes) -> Any:
    point = _signature(sig)
    if point is None:
        raise SignatureMalformed(index=index)
    return point


def share_public_key(commitments: Sequence[bytes], index: int) -> bytes:
    """The public key of share `index` of the polynomial with these commitments.

    Raises `PointMalformed`, `IndexInvalid`, `NoCommitments`.
    """
    points = [_commitment(data) for data in commitments]
    return _backend.store(horner(points, index, _backend.g1_sum, _backend.g1_scale))


def _commitment(data: bytes) -> Any:
    point = _backend.g1_load(data) if type(data) is bytes else None
    if point is None:
        raise PointMalformed(point=data)
    return point
