"""Dealing one polynomial: Feldman commitments, proof of knowledge, shares sealed to their owners.

Sources: Pedersen 1991 (joint Feldman), Komlo–Goldberg 2020 (proof of knowledge of the constant),
RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305). Scalars are integers modulo the
order of BLS12-381's groups and travel as 32 big-endian bytes; points are 48 bytes of G1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bystack.federation.messages import Dealing, Proof, Public, SealedShare
from bystack.federation.session import Kind, Session
from bystack.primitives.codec import encode
from bystack.primitives.curve import (
    INFINITY,
    ORDER,
    evaluate_commitments,
    g1_add,
    g1_mul,
    g1_scale,
    g1_valid,
)
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

_NONCE = bytes(12)  # every pair has its own key, used once
_P25519 = 2**255 - 19


class InvalidDealing(Invalid):
    """A dealing that every member must refuse alike."""


class CommitmentsLength(InvalidDealing):
    """The number of commitments is not the threshold: another degree changes who can sign."""


class CommitmentMalformed(InvalidDealing):
    """A commitment is no canonical point of the group."""


class ConstantInfinity(InvalidDealing):
    """The constant is zero: this dealer adds nothing to the key."""


class ProofMissing(InvalidDealing):
    """A fresh dealing needs exactly one proof of knowledge of its constant."""


class ProofWrong(InvalidDealing):
    """The dealer does not know the constant it commits to (rogue key)."""


class ConstantNotZero(InvalidDealing):
    """A refresh would change the key: its constant is not zero."""


class ConstantForeign(InvalidDealing):
    """What a reshare deals is not the old share of that index: the key would change."""


class ProofUnasked(InvalidDealing):
    """Only the constant of a fresh dealing is proved: any other is known beforehand."""


class RecipientsWrong(InvalidDealing):
    """The shares are not exactly one for each share index, in order."""


class LowOrderKey(InvalidDealing):
    """An X25519 key is of low order or not canonical: anyone could open what it seals."""


class ShareUnreadable(Invalid):
    """A sealed share does not open: other key, other recipient, other session, or garbage."""


class ShareOffPolynomial(Invalid):
    """A share is not a scalar on its dealer's polynomial."""


def expand(seed: bytes, session: bytes, purpose: bytes, length: int = 32) -> bytes:
    """`length` secret bytes for one purpose (HKDF-SHA256, salted by the session)."""
    return HKDF(SHA256(), length, salt=session, info=b"bystack/dkg/" + purpose).derive(seed)


def scalar(seed: bytes, session: bytes, purpose: bytes) -> int:
    """A secret scalar, uniform to 2**-256: 64 bytes reduced."""
    return int.from_bytes(expand(seed, session, purpose, 64), "big") % ORDER


def polynomial(
    seed: bytes, session: bytes, threshold: int, source: int = 0, constant: int | None = None
) -> tuple[int, ...]:
    """`threshold` secret coefficients, the constant first; `constant` unless it is to be random.

    `source` keeps the several polynomials of one dealer apart.
    """
    name = b"coefficient" + fixed(source, 2)
    drawn = tuple(scalar(seed, session, name + fixed(k, 2)) for k in range(threshold))
    return drawn if constant is None else (constant, *drawn[1:])


def evaluate(coefficients: Sequence[int], index: int) -> int:
    """The polynomial's value at `index`, a scalar."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * index + coefficient) % ORDER
    return value


def commit(coefficients: Sequence[int]) -> tuple[bytes, ...]:
    """Feldman commitments: each coefficient times the generator."""
    return tuple(g1_mul(coefficient) for coefficient in coefficients)


def prove(session: bytes, dealer: int, constant: int, nonce: int) -> Proof:
    """Schnorr proof that the dealer in seat `dealer` knows `constant`, bound to the session."""
    point = g1_mul(nonce)
    answer = (nonce + _challenge(session, dealer, g1_mul(constant), point) * constant) % ORDER
    return Proof(point, fixed(answer, 32))


def check_proof(session: bytes, dealer: int, constant: bytes, proof: Proof) -> None:
    """Raise `ProofWrong` unless the proof is that of `constant` for this dealer and session."""
    answer = int.from_bytes(proof.response, "big")
    if answer >= ORDER or not g1_valid(proof.nonce):
        raise ProofWrong(dealer=dealer)
    challenge = _challenge(session, dealer, constant, proof.nonce)
    if g1_mul(answer) != g1_add((proof.nonce, g1_scale(constant, challenge))):
        raise ProofWrong(dealer=dealer)


def _challenge(session: bytes, dealer: int, constant: bytes, nonce: bytes) -> int:
    # Every part of the statement is hashed: a challenge that omits one can be forged for it.
    parts = (session, fixed(dealer, 2), constant, nonce)
    wide = tagged("dkg/proof/0")(*parts) + tagged("dkg/proof/1")(*parts)
    return int.from_bytes(wide, "big") % ORDER


def public_hash(session: bytes, dealer: int, public: Public) -> bytes:
    """What R0 commits to: the last to speak cannot choose its part by the others' (bias)."""
    return tagged("dkg/public")(session, fixed(dealer, 2), encode(public))


def x25519_public(secret: bytes) -> bytes:
    """The X25519 public key, 32 bytes."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def check_x25519(key: bytes) -> None:
    """Raise `LowOrderKey` unless `key` is canonical and gives a secret with every scalar."""
    if int.from_bytes(key, "little") >= _P25519:
        raise LowOrderKey(key=key)
    try:
        _exchange(b"\x01" * 32, key)
    except ValueError:
        raise LowOrderKey(key=key) from None


def _exchange(secret: bytes, key: bytes) -> bytes:
    private = X25519PrivateKey.from_private_bytes(secret)
    return private.exchange(X25519PublicKey.from_public_bytes(key))


class Pair:
    """The context of one sealed share: who deals which dealing to which index, in which session.

    Everything enters the key or the associated data, so that a ciphertext moved to another pair
    does not open.
    """

    def __init__(self, session: bytes, dealer: int, public: Public, index: int) -> None:
        self.session = session
        self.name = fixed(dealer, 2) + fixed(public.source, 2) + fixed(index, 2)
        self.bound = public_hash(session, dealer, public)

    def _cipher(self, secret: bytes, ephemeral: bytes, recipient: bytes) -> ChaCha20Poly1305:
        info = b"bystack/dkg/share" + self.name + ephemeral + recipient
        return ChaCha20Poly1305(HKDF(SHA256(), 32, salt=self.session, info=info).derive(secret))

    def seal(self, secret: bytes, recipient: bytes, share: int) -> tuple[bytes, bytes]:
        """The ephemeral public key and the sealed share, by the pair's ephemeral secret."""
        key = x25519_public(secret)
        cipher = self._cipher(_exchange(secret, recipient), key, recipient)
        bound = self.session + self.name + self.bound
        return key, cipher.encrypt(_NONCE, fixed(share, 32), bound)

    def unseal(self, secret: bytes, other: bytes, sealed: SealedShare, recipient: bytes) -> bytes:
        """The 32 bytes sealed; `secret` is either side's, `other` the other side's public key.

        Raises `ShareUnreadable`.
        """
        try:
            cipher = self._cipher(_exchange(secret, other), sealed.key, recipient)
            return cipher.decrypt(_NONCE, sealed.sealed, self.session + self.name + self.bound)
        except (InvalidTag, ValueError):
            raise ShareUnreadable(index=sealed.index) from None


def check_share(public: Public, index: int, share: bytes) -> int:
    """The share as a scalar; raises `ShareOffPolynomial` unless it is the one committed to."""
    value = int.from_bytes(share, "big")
    if value >= ORDER or g1_mul(value) != evaluate_commitments(public.commitments, index):
        raise ShareOffPolynomial(index=index)
    return value


def check_dealing(session: Session, dealer: int, dealing: Dealing) -> None:
    """The public checks of R1, the same verdict for everyone; raises `InvalidDealing`."""
    _check_public(session, dealer, dealing.public)
    if tuple(share.index for share in dealing.shares) != session.roster.indices:
        raise RecipientsWrong(dealer=dealer)
    for share in dealing.shares:
        check_x25519(share.key)


@lru_cache(maxsize=1024)  # judged again at the end of every round
def _check_public(session: Session, dealer: int, public: Public) -> None:
    threshold = session.threshold
    if len(public.commitments) != threshold:
        raise CommitmentsLength(dealer=dealer, given=len(public.commitments), threshold=threshold)
    for point in public.commitments:
        if not g1_valid(point, allow_infinity=True):
            raise CommitmentMalformed(dealer=dealer, point=point)
    if session.kind == Kind.FRESH:
        return _check_fresh(session, dealer, public)
    if public.proof:
        raise ProofUnasked(dealer=dealer)
    _check_continued(session, dealer, public)


def _check_fresh(session: Session, dealer: int, public: Public) -> None:
    if not g1_valid(public.commitments[0]):
        raise ConstantInfinity(dealer=dealer)
    if len(public.proof) != 1:
        raise ProofMissing(dealer=dealer, source=public.source)
    check_proof(session.id, dealer, public.commitments[0], public.proof[0])


def _check_continued(session: Session, dealer: int, public: Public) -> None:
    """The constant of a refresh is zero, that of a reshare the old share of its source."""
    if session.kind == Kind.REFRESH:
        if public.commitments[0] != INFINITY:
            raise ConstantNotZero(dealer=dealer)
        return
    expected = evaluate_commitments(session.previous[0].polynomial, public.source)
    if public.commitments[0] != expected:
        raise ConstantForeign(dealer=dealer, source=public.source)
