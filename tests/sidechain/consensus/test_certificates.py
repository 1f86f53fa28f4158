"""Which certificates count (attack W01: a forged burn), with real BLS."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import (
    certificate_from,
    verify_certificate,
    verify_timeouts,
)
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    HighSigners,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet, bitmap_of
from bystack.sidechain.consensus.verifier import verify_final
from tests.sidechain.consensus.samples import HEADER
from tests.simulation.schemes import bls_keyring

RING = bls_keyring(4)
CHAIN = b"\x01" * 32
BLOCK = replace(HEADER, validators_hash=RING.validators.hash)
J = b"\x0d" * 32


def certify(
    signers: list[int],
    kind: int = COMMIT,
    chain: bytes = CHAIN,
    epoch: int = 0,
    view: int = 0,
    header: Header = BLOCK,
) -> Certificate:
    justify = NO_HASH if kind == COMMIT else J
    vote = Vote(kind, epoch, header.height, view, header.id, justify, 0, NO_SIGNATURE)
    parts = [RING.sign(i, vote.digest(chain)) for i in signers]
    whole = RING.scheme.aggregate(parts)
    return certificate_from(vote, sorted(set(signers)), whole, 4)


def refused(certificate: Certificate, header: Header = BLOCK) -> str:
    with pytest.raises(Invalid) as why:
        verify_final(header, certificate, RING.validators, CHAIN, RING.scheme)
    return why.value.rule


def test_a_quorum_makes_a_header_final() -> None:
    for signers in ([0, 1, 2], [1, 2, 3], [0, 1, 2, 3]):
        verify_final(BLOCK, certify(signers), RING.validators, CHAIN, RING.scheme)


GOOD = certify([0, 1, 2])


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        (lambda: certify([0, 1]), "CertificateQuorum"),  # f+1 .. 2f signatures
        (lambda: certify([0, 0, 1, 1]), "CertificateQuorum"),  # duplicate signers
        (lambda: replace(certify([0, 1]), bitmap=b"\x07"), "CertificateSignature"),
        (lambda: replace(GOOD, bitmap=b"\x0f"), "CertificateSignature"),
        (lambda: replace(GOOD, bitmap=b"\x17"), "CertificateBitmap"),
        (lambda: replace(GOOD, bitmap=b"\x07\x00"), "CertificateBitmap"),
        (lambda: replace(GOOD, justify=J), "CertificateJustify"),
        (lambda: certify([0, 1, 2], chain=b"\x02" * 32), "CertificateSignature"),
        (lambda: certify([0, 1, 2], epoch=1), "CertificateBlock"),
        (lambda: replace(GOOD, view=1), "CertificateSignature"),
        (lambda: certify([0, 1, 2], kind=PREPARE), "CertificateKind"),  # not final
        (lambda: replace(GOOD, block=b"\x0c" * 32), "CertificateBlock"),
        (lambda: replace(GOOD, height=8), "CertificateBlock"),
        (lambda: replace(GOOD, signature=b"\xc0" + bytes(95)), "CertificateSignature"),
        (lambda: replace(GOOD, signature=b"\xff" * 96), "CertificateSignature"),
    ],
)
def test_w01_forged_certificates_are_refused(forged: Callable[[], Certificate], rule: str) -> None:
    assert refused(forged()) == rule


def test_w01_another_set_or_chain_or_epoch_is_refused() -> None:
    assert refused(GOOD, replace(BLOCK, chain=b"\x09" * 32)) == "CertificateChain"
    assert refused(GOOD, replace(BLOCK, validators_hash=b"\x09" * 32)) == "CertificateSet"
    later = ValidatorSet(1, RING.validators.validators)
    with pytest.raises(Invalid, match="CertificateEpoch"):
        verify_certificate(GOOD, later, CHAIN, RING.scheme)


def close(
    highs: dict[int, int], view: int = 3, best: tuple[Certificate, ...] = ()
) -> TimeoutCertificate:
    groups, parts = [], []
    for high in sorted(set(highs.values())):
        who = [i for i in highs if highs[i] == high]
        groups.append(HighSigners(high, bitmap_of(who, 4)))
        for i in who:
            said = Timeout(0, BLOCK.height, view, high, (), i, NO_SIGNATURE)
            parts.append(RING.sign(i, said.digest(CHAIN)))
    whole = RING.scheme.aggregate(parts)
    return TimeoutCertificate(0, BLOCK.height, view, tuple(groups), whole, best)


QC1 = certify([0, 1, 2], PREPARE, view=1)
CLOSED = close({0: -1, 1: 1, 2: -1}, best=(QC1,))


def test_timeouts_of_a_quorum_close_a_view() -> None:
    verify_timeouts(CLOSED, RING.validators, CHAIN, RING.scheme)
    verify_timeouts(close({1: -1, 2: -1, 3: -1}), RING.validators, CHAIN, RING.scheme)


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        (lambda: replace(CLOSED, best=()), "TimeoutsBest"),  # hides the certificate
        (lambda: replace(CLOSED, best=(certify([0, 1, 2], PREPARE, view=0),)), "TimeoutsBest"),
        (lambda: replace(CLOSED, best=(certify([0, 1, 2], view=1),)), "TimeoutsBest"),
        (lambda: replace(CLOSED, best=(replace(QC1, block=J),)), "CertificateSignature"),
        (lambda: replace(CLOSED, view=4), "CertificateSignature"),
        (lambda: replace(CLOSED, epoch=1), "CertificateEpoch"),
        (lambda: replace(CLOSED, signers=CLOSED.signers[::-1]), "TimeoutsHighs"),
        (lambda: replace(CLOSED, signers=()), "TimeoutsHighs"),
        (lambda: close({0: -1, 1: -1}), "CertificateQuorum"),
        (
            lambda: replace(CLOSED, signers=(HighSigners(-1, b"\x05"), HighSigners(1, b"\x03"))),
            "TimeoutsOverlap",
        ),
        (
            lambda: replace(CLOSED, signers=(HighSigners(-1, b"\x0d"), HighSigners(1, b"\x02"))),
            "CertificateSignature",
        ),
    ],
)
def test_forged_timeout_certificates_are_refused(
    forged: Callable[[], TimeoutCertificate], rule: str
) -> None:
    with pytest.raises(Invalid) as why:
        verify_timeouts(forged(), RING.validators, CHAIN, RING.scheme)
    assert why.value.rule == rule
