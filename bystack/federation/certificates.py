"""Why a group key counts: every member attests the same transcript, and the key has signed.

This is the agreement of a key generation – no ordered log is needed – and all a restarted member
or a third party needs to see (`federation.md` section 4, R4).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bystack.federation.identity import identity_sign, identity_verify
from bystack.federation.messages import KeyCertificate, Partial
from bystack.federation.session import Kind, Session, check_session
from bystack.federation.shares import KeyShare
from bystack.primitives import bls
from bystack.primitives.curve import evaluate_commitments, g1_add, g1_valid
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged


class InvalidKeyCertificate(Invalid):
    """The key does not exist: its certificate proves nothing."""


class PolynomialLength(InvalidKeyCertificate):
    """The public polynomial's length is not the threshold."""


class PolynomialDegenerate(InvalidKeyCertificate):
    """A coefficient is no point, or the first or last is infinity."""


class AttestationsIncomplete(InvalidKeyCertificate):
    """The attestations are not one for each member."""


class AttestationWrong(InvalidKeyCertificate):
    """A member did not attest this transcript and polynomial."""


class KeyChanged(InvalidKeyCertificate):
    """A refresh or reshare must leave the group key as it is."""


class PossessionUnproved(InvalidKeyCertificate):
    """The shares did not sign the group key's proof of possession."""


def attestation_digest(session: Session, transcript: bytes, polynomial: Sequence[bytes]) -> bytes:
    """What every member signs with its identity key in R4."""
    return tagged("dkg/certificate")(session.id, transcript, *polynomial)


def attest(
    session: Session, transcript: bytes, polynomial: Sequence[bytes], secret: bytes
) -> bytes:
    """A member's attestation, by its 32-byte Ed25519 secret."""
    return identity_sign(secret, attestation_digest(session, transcript, polynomial))


def check_attestation(
    session: Session, seat: int, transcript: bytes, polynomial: Sequence[bytes], signature: bytes
) -> None:
    """Raise `AttestationWrong` unless the member in seat `seat` signed."""
    digest = attestation_digest(session, transcript, polynomial)
    if not identity_verify(session.roster.members[seat].identity, digest, signature):
        raise AttestationWrong(seat=seat)


def sum_polynomials(polynomials: Sequence[Sequence[bytes]]) -> tuple[bytes, ...]:
    """The group's public polynomial: coefficient by coefficient; all have one length."""
    return tuple(g1_add(column) for column in zip(*polynomials, strict=True))


def check_polynomial(polynomial: Sequence[bytes], threshold: int) -> None:
    """Raise unless it is of degree exactly `threshold` - 1 with a key for a constant."""
    if len(polynomial) != threshold:
        raise PolynomialLength(given=len(polynomial), threshold=threshold)
    if not all(g1_valid(point, allow_infinity=True) for point in polynomial):
        raise PolynomialDegenerate()
    if not (g1_valid(polynomial[0]) and g1_valid(polynomial[-1])):
        raise PolynomialDegenerate()


def possession(session: Session, key: bytes) -> bytes:
    """What the shares sign, under the tag of proofs of possession: for a new key the key itself.

    A key that is continued has such a proof already; there the session shows that the new shares
    made it.
    """
    return key if session.kind == Kind.FRESH else key + session.id


def prove_share(session: Session, share: KeyShare, key: bytes) -> Partial:
    """The share's part of the group key's proof of possession."""
    message = possession(session, key)
    return Partial(share.index, bls.sign(share.secret, message, tag=bls.POP_TAG))


@lru_cache(maxsize=1024)  # judged again when the round is complete
def share_proved(session: Session, polynomial: tuple[bytes, ...], partial: Partial) -> bool:
    """Whether a share's part of the proof of possession is right."""
    key = evaluate_commitments(polynomial, partial.index)
    message = possession(session, polynomial[0])
    return bls.verify(key, message, partial.signature, tag=bls.POP_TAG)


def verify_key_certificate(certificate: KeyCertificate) -> None:
    """Raise `InvalidKeyCertificate` (or the session's error) unless the group key exists.

    Says nothing on whether the session is the one awaited: compare `certificate.session` with it.
    """
    session = certificate.session
    check_session(session)
    check_polynomial(certificate.polynomial, session.roster.threshold)
    if len(certificate.attestations) != session.size:
        raise AttestationsIncomplete(given=len(certificate.attestations), members=session.size)
    for seat, signature in enumerate(certificate.attestations):
        transcript, polynomial = certificate.transcript, certificate.polynomial
        check_attestation(session, seat, transcript, polynomial, signature)
    if session.previous and certificate.key != session.previous[0].polynomial[0]:
        raise KeyChanged(before=session.previous[0].polynomial[0], after=certificate.key)
    message = possession(session, certificate.key)
    if not bls.verify(certificate.key, message, certificate.proof, tag=bls.POP_TAG):
        raise PossessionUnproved(key=certificate.key)
