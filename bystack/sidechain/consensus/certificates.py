"""When a certificate counts: quorum, bitmap, signature (bbft.md, sections 1, 2 and 9).

Keyless and pure: full nodes, sync and the federation's signer use these same checks. Cheap
checks come before pairings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    PREPARE,
    Aggregate,
    Certificate,
    HighSigners,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import (
    BitmapBits,
    BitmapLength,
    ValidatorSet,
    bitmap_of,
    indexes_of,
    quorum,
)


class CertificateKind(Invalid):
    """The certificate is of the other kind."""


class CertificateEpoch(Invalid):
    """The certificate is of another epoch than the validator set."""


class CertificateBitmap(Invalid):
    """The bitmap has the wrong length or names a validator outside the set."""


class CertificateQuorum(Invalid):
    """The signers' weight is no quorum."""


class CertificateJustify(Invalid):
    """A COMMIT carries a justify hash."""


class CertificateSignature(Invalid):
    """The aggregate signature is not the signers' (or is for another chain)."""


class TimeoutsHighs(Invalid):
    """The reported views are missing or not strictly ascending."""


class TimeoutsOverlap(Invalid):
    """A validator is counted twice."""


class TimeoutsBest(Invalid):
    """The best certificate is not the prepare certificate of the highest reported view."""


class Reported(Protocol):
    """TIMEOUTs of one view, added up by what they report."""

    @property
    def height(self) -> int:
        """The height given up in."""
        ...

    @property
    def view(self) -> int:
        """The view given up."""
        ...

    @property
    def signers(self) -> tuple[HighSigners, ...]:
        """Who reported what."""
        ...


def signers(certificate: Certificate | Aggregate, validators: ValidatorSet) -> tuple[int, ...]:
    """Who signed, ascending; raises `CertificateBitmap`."""
    return _indexes(certificate.bitmap, validators)


def _indexes(bitmap: bytes, validators: ValidatorSet) -> tuple[int, ...]:
    try:
        return indexes_of(bitmap, len(validators))
    except (BitmapLength, BitmapBits):
        raise CertificateBitmap(bitmap=bitmap, size=len(validators)) from None


def verify_certificate(
    certificate: Certificate, validators: ValidatorSet, chain_id: bytes, scheme: Scheme
) -> None:
    """Refuse a certificate that no quorum of `validators` signed on this chain.

    Raises `CertificateEpoch`, `CertificateJustify`, `CertificateBitmap`, `CertificateQuorum`,
    `CertificateSignature`.
    """
    if certificate.epoch != validators.epoch:
        raise CertificateEpoch(epoch=certificate.epoch, expected=validators.epoch)
    if certificate.kind == COMMIT and certificate.justify != NO_HASH:
        raise CertificateJustify(justify=certificate.justify)
    indexes = signers(certificate, validators)
    check_quorum(indexes, validators)
    digest = certificate.digest(chain_id)
    keys = validators.keys_of(indexes)
    if not scheme.fast_aggregate_verify(keys, digest, certificate.signature):
        raise CertificateSignature(height=certificate.height, view=certificate.view)


def check_quorum(indexes: Sequence[int], validators: ValidatorSet) -> None:
    """Raise `CertificateQuorum` unless the distinct `indexes` decide."""
    weight = validators.weight_of(indexes)
    if weight < quorum(validators.total):
        raise CertificateQuorum(weight=weight, needed=quorum(validators.total))


def verify_timeouts(
    timeouts: TimeoutCertificate, validators: ValidatorSet, chain_id: bytes, scheme: Scheme
) -> None:
    """Refuse a timeout certificate that no quorum signed or whose best certificate is not theirs.

    Raises `CertificateEpoch`, `TimeoutsHighs`, `TimeoutsOverlap`, `CertificateBitmap`,
    `CertificateQuorum`, `TimeoutsBest`, `CertificateSignature` and those of the best one.
    """
    if timeouts.epoch != validators.epoch:
        raise CertificateEpoch(epoch=timeouts.epoch, expected=validators.epoch)
    check_best(timeouts)
    groups = timeout_signers(timeouts, validators)
    check_quorum([i for _, indexes in groups for i in indexes], validators)
    for best in timeouts.best:
        verify_certificate(best, validators, chain_id, scheme)
    signed = [(validators.keys_of(who), timeouts.digest(chain_id, high)) for high, who in groups]
    if not scheme.group_verify(signed, timeouts.signature):
        raise CertificateSignature(height=timeouts.height, view=timeouts.view)


def check_best(timeouts: TimeoutCertificate) -> None:
    """The best certificate is a PREPARE of this height at the highest reported view.

    Raises `TimeoutsHighs`, `TimeoutsBest`. A leader that shows less than what was reported could
    choose a block freely where one may already be final.
    """
    highs = [group.high for group in timeouts.signers]
    if not highs or highs != sorted(set(highs)):
        raise TimeoutsHighs(highs=str(highs))
    found = tuple((b.kind, b.height, b.view) for b in timeouts.best)
    wanted = ((PREPARE, timeouts.height, highs[-1]),) if highs[-1] >= 0 else ()
    if found != wanted:
        raise TimeoutsBest(high=highs[-1], best=str(found))


def timeout_signers(
    timeouts: Reported, validators: ValidatorSet
) -> list[tuple[int, tuple[int, ...]]]:
    """(high, signers) for each group; raises `CertificateBitmap`, `TimeoutsOverlap`."""
    groups = [(g.high, _indexes(g.bitmap, validators)) for g in timeouts.signers]
    everyone = [i for _, indexes in groups for i in indexes]
    if len(set(everyone)) < len(everyone) or any(not indexes for _, indexes in groups):
        raise TimeoutsOverlap(height=timeouts.height, view=timeouts.view)
    return groups


def certificate_from(
    vote: Vote | Aggregate | Certificate, indexes: Sequence[int], signature: bytes, size: int
) -> Certificate:
    """The certificate of `indexes`, who all signed what `vote` says."""
    return Certificate(
        vote.kind,
        vote.epoch,
        vote.height,
        vote.view,
        vote.block,
        vote.justify,
        bitmap_of(indexes, size),
        signature,
    )
