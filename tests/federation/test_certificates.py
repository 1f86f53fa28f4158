"""A key exists only if every member attests it and its shares have signed."""

from functools import cache

import pytest
from msgspec.structs import replace

from bystack.federation.certificates import (
    AttestationsIncomplete,
    AttestationWrong,
    PolynomialDegenerate,
    PolynomialLength,
    PossessionUnproved,
    attest,
    check_polynomial,
    share_proved,
    sum_polynomials,
    verify_key_certificate,
)
from bystack.federation.members import ThresholdTooLow
from bystack.federation.session import PreviousMissing
from bystack.primitives import bls
from bystack.primitives.curve import INFINITY, g1_add, g1_mul
from bystack.primitives.hashes import fixed

from .stage import Network, dice, secret, session


@cache
def good():
    network = Network(session())
    network.run()
    return network.result(0).certificate


def attested(certificate, polynomial, members=(0, 1, 2)):
    """The certificate of another polynomial, signed by some of the members."""
    signatures = tuple(
        attest(certificate.session, certificate.transcript, polynomial, secret(n))
        if n in members
        else certificate.attestations[n]
        for n in range(3)
    )
    return replace(certificate, polynomial=polynomial, attestations=signatures)


def test_a_certificate_convinces_by_itself():
    verify_key_certificate(good())
    assert good().key == good().polynomial[0] and good().key_id == session().id


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_every_member_must_attest(missing):
    others = tuple(a for n, a in enumerate(good().attestations) if n != missing)
    with pytest.raises(AttestationsIncomplete):
        verify_key_certificate(replace(good(), attestations=others))
    twice = list(good().attestations)
    twice[missing] = twice[missing - 1]
    with pytest.raises(AttestationWrong):
        verify_key_certificate(replace(good(), attestations=tuple(twice)))


def test_nothing_in_it_can_be_exchanged():
    other = session(attempt=1)
    certificate = good()
    wrong = [
        replace(certificate, transcript=dice("other")),
        replace(certificate, session=other),
        replace(certificate, attestations=certificate.attestations[::-1]),
        attested(certificate, (g1_mul(5), certificate.polynomial[1]), members=(0, 1)),
    ]
    for each in wrong:
        with pytest.raises(AttestationWrong):
            verify_key_certificate(each)


def test_no_attestations_at_all_prove_nothing():
    with pytest.raises(AttestationsIncomplete):
        verify_key_certificate(replace(good(), attestations=()))


def test_the_shares_must_have_signed_even_if_all_attest():
    with pytest.raises(PossessionUnproved):
        verify_key_certificate(attested(good(), (g1_mul(5), good().polynomial[1])))
    other = bls.pop_prove(fixed(5, 32))
    with pytest.raises(PossessionUnproved):
        verify_key_certificate(replace(good(), proof=other))


@pytest.mark.parametrize(
    ("polynomial", "error"),
    [
        ((), PolynomialLength),
        ((g1_mul(1),), PolynomialLength),
        ((g1_mul(1), g1_mul(2), g1_mul(3)), PolynomialLength),
        ((INFINITY, g1_mul(2)), PolynomialDegenerate),
        ((g1_mul(1), INFINITY), PolynomialDegenerate),
        ((g1_mul(1), bytes(48)), PolynomialDegenerate),
    ],
)
def test_bad_polynomials(polynomial, error):
    with pytest.raises(error):
        check_polynomial(polynomial, 2)
    with pytest.raises(error):
        verify_key_certificate(attested(good(), polynomial))


def test_the_session_itself_is_judged():
    roster = replace(good().session.roster, threshold=1)
    with pytest.raises(ThresholdTooLow):
        verify_key_certificate(replace(good(), session=replace(good().session, roster=roster)))
    with pytest.raises(PreviousMissing):
        verify_key_certificate(replace(good(), session=replace(good().session, kind=1)))


def test_sums_are_by_coefficient_and_of_one_length():
    one, two = (g1_mul(1), g1_mul(2)), (g1_mul(3), g1_mul(4))
    assert sum_polynomials([one, two]) == (g1_mul(4), g1_mul(6))
    assert sum_polynomials([one]) == (g1_add([one[0]]), one[1])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        sum_polynomials([one, two[:1]])


def test_a_share_is_proved_by_its_own_signature_only():
    network = Network(session())
    network.run()
    certificate, machine = network.result(0).certificate, Network(session())
    machine.wires.clear()
    from bystack.federation.certificates import prove_share

    partial = prove_share(certificate.session, network.result(0).shares[0], certificate.key)
    assert share_proved(certificate.session, certificate.polynomial, partial)
    assert not share_proved(certificate.session, certificate.polynomial, replace(partial, index=2))
