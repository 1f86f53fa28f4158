"""Is this header final? The keyless judge other parts ask (bbft.md, sections 9 and 11).

Full nodes, sync and the federation's signer hand in a header, its commit certificate and the
validator set; the answer is nothing, or the rule that refuses. Other engines' judges have the
same interface (`engine.Verifier`).
"""

from __future__ import annotations

from collections.abc import Sequence

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import (
    CertificateKind,
    verify_certificate,
)
from bystack.sidechain.consensus.light import Certified
from bystack.sidechain.consensus.positions import Position, by_place
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import COMMIT, Certificate
from bystack.sidechain.consensus.validators import ValidatorSet


class CertificateChain(Invalid):
    """The header belongs to another chain."""


class CertificateBlock(Invalid):
    """The certificate is for another block, height or epoch than the header's."""


class CertificateSet(Invalid):
    """The header names another validator set."""


def verify_final(
    header: Header,
    certificate: Certificate,
    validators: ValidatorSet,
    chain_id: bytes,
    scheme: Scheme,
) -> None:
    """Refuse a header that this certificate does not make final.

    Raises `CertificateChain`, `CertificateSet`, `CertificateBlock`, `CertificateKind` and what
    `verify_certificate` raises.
    """
    if header.chain != chain_id:
        raise CertificateChain(chain=header.chain, expected=chain_id)
    if header.validators_hash != validators.hash:
        raise CertificateSet(named=header.validators_hash, expected=validators.hash)
    check_names(header, certificate)
    verify_certificate(certificate, validators, chain_id, scheme)


def check_names(header: Header, certificate: Certificate) -> None:
    """The certificate speaks of this header; raises `CertificateKind`, `CertificateBlock`."""
    if certificate.kind != COMMIT:
        raise CertificateKind(kind=certificate.kind)
    named = (certificate.block, certificate.height, certificate.epoch)
    if named != (header.id, header.height, header.epoch):
        raise CertificateBlock(block=certificate.block, height=certificate.height)


class InstantFinality:
    """Judge of the engines whose certificate makes a header final by itself (`engine.Verifier`)."""

    depth = False
    runs_ahead = False

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme

    def check(
        self, header: Header, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why the certificate does not make its header final."""
        verify_final(header, certificate, validators, chain_id, self._scheme)

    def check_votes(
        self, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise as `verify_certificate`."""
        verify_certificate(certificate, validators, chain_id, self._scheme)

    def check_final(
        self, line: Sequence[Certified], validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why the first header of `line` is not final; what stands on it adds nothing."""
        self.check(line[0].header, line[0].certificate, validators, chain_id)

    def order(self, position: Position) -> tuple[int, ...]:
        """Height, view, step."""
        return by_place(position)

    def voted(self, certificate: Certificate) -> Position:
        """The position of the votes that a certificate sums up."""
        return Position(certificate.height, certificate.view, certificate.kind)
