"""Seals: certificates of one maker, for one block, in one slot."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import CertificateBitmap, CertificateSignature
from bystack.sidechain.consensus.evidence import (
    EvidenceSignature,
    EvidenceUnfounded,
    TwoSeals,
    TwoVotes,
    guilty,
    verify_evidence,
)
from bystack.sidechain.consensus.seals import (
    SealJustify,
    SealSigners,
    seal_of,
    seal_request,
    slot_twice,
    two_seals,
    verify_seal,
)
from bystack.sidechain.consensus.statements import PREPARE, Certificate
from bystack.sidechain.consensus.verifier import (
    CertificateBlock,
    CertificateChain,
    CertificateKind,
    CertificateSet,
)
from tests.sidechain.consensus.samples import HEADER
from tests.simulation.schemes import hash_keyring

KEYS = hash_keyring(4)
SET = KEYS.validators
CHAIN = HEADER.chain


def changed(header: Header, **fields: object) -> Header:
    values = {name: getattr(header, name) for name in Header.__struct_fields__}
    return Header(**{**values, **fields})


def altered(seal: Certificate, **fields: object) -> Certificate:
    values = {name: getattr(seal, name) for name in Certificate.__struct_fields__}
    return Certificate(**{**values, **fields})


BLOCK = changed(HEADER, validators_hash=SET.hash)


def seal(header: Header = BLOCK, slot: int = 7, by: int = 3) -> Certificate:
    digest = seal_request(header, slot, CHAIN, b"").digest
    return seal_of(header, slot, 4, KEYS.sign(by, digest))


def check(header: Header, given: Certificate) -> None:
    verify_seal(header, given, SET, CHAIN, KEYS.scheme)


def test_the_makers_own_seal_holds() -> None:
    check(BLOCK, seal())


@pytest.mark.parametrize(
    ("header", "given", "error"),
    [
        (changed(BLOCK, chain=b"x" * 32), seal(), CertificateChain),
        (changed(BLOCK, validators_hash=b"x" * 32), seal(), CertificateSet),
        (changed(BLOCK, time=5), seal(), CertificateBlock),
        (BLOCK, altered(seal(), height=8), CertificateBlock),
        (BLOCK, altered(seal(), epoch=1), CertificateBlock),
        (BLOCK, altered(seal(), kind=PREPARE), CertificateKind),
        (BLOCK, altered(seal(), bitmap=b"\x0c"), SealSigners),
        (BLOCK, altered(seal(), bitmap=b"\x04"), SealSigners),
        (BLOCK, altered(seal(), bitmap=b"\x00"), SealSigners),
        (BLOCK, altered(seal(), bitmap=b"\x18"), CertificateBitmap),
        (BLOCK, altered(seal(), bitmap=b"\x08\x00"), CertificateBitmap),
        (BLOCK, altered(seal(), justify=b"j" * 32), SealJustify),
        (BLOCK, altered(seal(), view=8), CertificateSignature),
        (BLOCK, seal(by=2), CertificateSignature),
    ],
)
def test_any_other_is_refused(header: Header, given: Certificate, error: type[Invalid]) -> None:
    with pytest.raises(error):
        check(header, given)


def test_two_seals_of_one_place_convict_their_maker_alone() -> None:
    other = seal(changed(BLOCK, time=5))
    found = two_seals(seal(), other, 3)
    assert found is not None and found == two_seals(other, seal(), 3)
    assert verify_evidence(found, SET, CHAIN, KEYS.scheme) == (3,)


def test_two_seals_of_one_slot_convict_where_a_slot_comes_once_and_nowhere_else() -> None:
    """Under BBFT everybody commits in view 0 of every height: that is no offence."""
    for fields in ({"height": 8}, {"height": 8, "epoch": 1}):
        other = seal(changed(BLOCK, **fields))
        found = slot_twice(seal(), other, 3)
        assert isinstance(found, TwoSeals) and found == slot_twice(other, seal(), 3)
        assert verify_evidence(found, SET, CHAIN, KEYS.scheme, slots=True) == (3,)
        with pytest.raises(EvidenceUnfounded):
            verify_evidence(found, SET, CHAIN, KEYS.scheme)
        forged = TwoSeals(found.first, replace(found.second, signature=found.first.signature))
        with pytest.raises(EvidenceSignature):
            verify_evidence(forged, SET, CHAIN, KEYS.scheme, slots=True)


def test_slots_of_others_and_one_block_twice_convict_nobody() -> None:
    assert slot_twice(seal(), seal(), 3) is None
    assert slot_twice(seal(), seal(changed(BLOCK, height=8), slot=11), 3) is None
    assert isinstance(slot_twice(seal(), seal(changed(BLOCK, time=5)), 3), TwoVotes)
    one = slot_twice(seal(), seal(changed(BLOCK, height=8)), 3)
    assert isinstance(one, TwoSeals)
    for other in (replace(one.second, index=2), replace(one.second, view=11), one.first):
        with pytest.raises(EvidenceUnfounded):
            guilty(TwoSeals(one.first, other), SET, slots=True)


def test_seals_of_other_places_or_of_one_block_convict_nobody() -> None:
    assert two_seals(seal(), seal(), 3) is None
    assert two_seals(seal(), seal(changed(BLOCK, time=5), slot=11), 3) is None
    assert two_seals(seal(), seal(changed(BLOCK, height=8)), 3) is None
