"""MuSig2: several people's keys as one, several partial signatures as one BIP 340 signature (BIP
327), by libsecp256k1.

Two rounds. First each signer gives a public nonce, then, once all nonces are known, a partial
signature. The secret nonce is never held: it follows from 32 bytes of `entropy`, the secret, the
keys and the message, and is made anew in the second round. **Entropy used for two partial
signatures gives the secret away**; whoever calls `partial_sign` has forgotten it before the
signature leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from btclib_secp256k1 import ffi, lib, musig
from btclib_secp256k1 import keys as points
from btclib_secp256k1.context import ctx

from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.keys import check_secret

KEY = 33
NONCE = 66
PARTIAL = 32
MAX_SIGNERS = 100


class SignersCount(Invalid):
    """A shared key has from 1 to 100 signers, each with one nonce and one partial signature."""


class SignerKeyInvalid(Invalid):
    """A signer's key is not the 33 bytes of a point."""


class NonceInvalid(Invalid):
    """A signer's public nonce is not the 66 bytes of two points."""


class NonceForeign(Invalid):
    """The public nonce in our place is not of this entropy, secret and message."""


class PartialInvalid(Invalid):
    """A signer's partial signature is wrong."""


def plain_key(secret: bytes) -> bytes:
    """The 33-byte compressed public key of a secret. Raises `SecretKeyInvalid`."""
    check_secret(secret)
    return bytes(points.pubkey_from_prvkey(secret))


def sort_keys(keys: Sequence[bytes]) -> tuple[bytes, ...]:
    """The order in which keys are put together when nothing else fixes one (BIP 327, KeySort)."""
    return tuple(sorted(keys))


def aggregate(keys: Sequence[bytes]) -> bytes:
    """The x-only key that stands for all of `keys` (33 bytes each), in this order (KeyAgg).

    Raises `SignersCount`, `SignerKeyInvalid` with the signer's place.
    """
    return bytes(_cache(keys).agg_pubkey)


def public_nonce(keys: Sequence[bytes], secret: bytes, message: bytes, entropy: bytes) -> bytes:
    """The first round: 66 bytes for the others. `entropy` is 32 random bytes, never used before.

    Raises `SecretKeyInvalid`, `SignersCount`, `SignerKeyInvalid`, `Misuse`.
    """
    return bytes(_nonce(_cache(keys), secret, message, entropy).pubnonce)


def partial_sign(
    keys: Sequence[bytes],
    nonces: Sequence[bytes],
    signer: int,
    secret: bytes,
    message: bytes,
    entropy: bytes,
) -> bytes:
    """The second round: the 32-byte partial signature of `keys[signer]`, checked before it returns.

    Raises `NonceForeign` unless `nonces[signer]` is what `public_nonce` gave for the same
    arguments; `SignersCount`, `NonceInvalid`, `SignerKeyInvalid`, `SecretKeyInvalid`, `Misuse`.
    """
    cache = _cache(keys)
    session = _session(cache, keys, nonces, message)
    mine = _nonce(cache, secret, message, entropy)
    if plain_key(secret) != keys[signer] or bytes(mine.pubnonce) != nonces[signer]:
        mine.wipe()
        raise NonceForeign(signer=signer)
    return bytes(mine.partial_sign(secret, cache, session))


def check_partials(
    keys: Sequence[bytes], nonces: Sequence[bytes], message: bytes, partials: Sequence[bytes]
) -> None:
    """Check the partial signatures there are, empty where one is not (PartialSigVerify).

    Raises `PartialInvalid` with the place and key of the first signer whose is wrong;
    `SignersCount`, `NonceInvalid`, `SignerKeyInvalid`.
    """
    _check_count(partials, len(keys))
    cache = _cache(keys)
    session = _session(cache, keys, nonces, message)
    for signer, partial in enumerate(partials):
        if partial and not _verify(session, cache, keys, nonces, signer, partial):
            raise PartialInvalid(signer=signer, key=keys[signer])


def combine(
    keys: Sequence[bytes], nonces: Sequence[bytes], message: bytes, partials: Sequence[bytes]
) -> bytes:
    """The 64-byte signature of `aggregate(keys)`, each partial signature checked (PartialSigAgg).

    Raises as `check_partials`.
    """
    check_partials(keys, nonces, message, partials)
    session = _session(_cache(keys), keys, nonces, message)
    try:
        return bytes(session.partial_sig_agg(list(partials)))
    except ValueError:
        missing = [signer for signer, partial in enumerate(partials) if not partial]
        raise PartialInvalid(signer=missing[0], key=keys[missing[0]]) from None


def check_nonce(nonce: bytes) -> None:
    """Refuse bytes that are no public nonce. Raises `NonceInvalid`."""
    try:
        musig.pubnonce_parse(nonce)
    except ValueError:
        raise NonceInvalid(nonce=nonce) from None


def _check_count(given: Sequence[bytes], expected: int) -> None:
    if not 1 <= len(given) == expected <= MAX_SIGNERS:
        raise SignersCount(given=len(given), expected=expected, most=MAX_SIGNERS)


def _cache(keys: Sequence[bytes]) -> musig.KeyAggCache:
    _check_count(keys, len(keys))
    for signer, key in enumerate(keys):
        if len(key) != KEY or not _is_point(key):
            raise SignerKeyInvalid(signer=signer, key=key)
    return musig.KeyAggCache(list(keys))


def _is_point(key: bytes) -> bool:
    parsed = lib.secp256k1_ec_pubkey_parse(ctx, ffi.new("secp256k1_pubkey *"), key, len(key))
    return bool(parsed)


def _session(
    cache: musig.KeyAggCache, keys: Sequence[bytes], nonces: Sequence[bytes], message: bytes
) -> musig.Session:
    _check_count(nonces, len(keys))
    _check_message(message)
    for nonce in nonces:
        check_nonce(nonce)
    return musig.Session(musig.nonce_agg(list(nonces)), message, cache)


def _verify(
    session: musig.Session,
    cache: musig.KeyAggCache,
    keys: Sequence[bytes],
    nonces: Sequence[bytes],
    signer: int,
    partial: bytes,
) -> bool:
    try:
        return bool(session.partial_sig_verify(partial, nonces[signer], keys[signer], cache))
    except ValueError:  # not 32 bytes below the group's order
        return False


def _nonce(
    cache: musig.KeyAggCache, secret: bytes, message: bytes, entropy: bytes
) -> musig.SecretNonce:
    """The secret nonce (NonceGen); the wrapper draws its own entropy, so the library is asked."""
    check_secret(secret)
    _check_message(message)
    if len(entropy) != 32 or not any(entropy):
        raise Misuse("a nonce needs 32 random bytes")
    own = points.parse(points.pubkey_from_prvkey(secret), "public key")
    made = ffi.new("secp256k1_musig_secnonce *"), ffi.new("secp256k1_musig_pubnonce *")
    drawn: Any = ffi.new("unsigned char[32]", entropy)  # the library wipes it
    shared = cache._cache_()
    done = lib.secp256k1_musig_nonce_gen(ctx, *made, drawn, secret, own, message, shared, ffi.NULL)
    if not done:
        raise Misuse("the library made no nonce")
    return musig.SecretNonce(*made, own)


def _check_message(message: bytes) -> None:
    if len(message) != 32:
        raise Misuse("the message is a 32-byte digest")
