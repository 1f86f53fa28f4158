"""Seals: certificates of one, by which an authority answers for a block it made.

A seal is a COMMIT certificate whose bitmap names the maker alone; `view` is the slot in which the
block was made. So blocks, stores and peers need no second kind of certificate, and two seals of
one place are ordinary evidence (bbft.md, sections 7 and 11).
"""

from __future__ import annotations

from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import CertificateSignature, signers
from bystack.sidechain.consensus.events import Sign
from bystack.sidechain.consensus.evidence import TwoSeals, TwoVotes
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    Certificate,
    Step,
    Vote,
    signing_digest,
)
from bystack.sidechain.consensus.validators import ValidatorSet, bitmap_of
from bystack.sidechain.consensus.verifier import CertificateChain, CertificateSet, check_names


class SealSigners(Invalid):
    """A seal is one validator's, and it is the proposer the header names."""


class SealJustify(Invalid):
    """A seal justifies nothing: its justify hash is zero."""


def seal_request(header: Header, slot: int, chain_id: bytes, memory: bytes) -> Sign:
    """What the maker of a block asks its signer for; `memory` is kept beside the signature."""
    position = Position(header.height, slot, int(Step.COMMIT))
    digest = signing_digest(Step.COMMIT, chain_id, header.epoch, header.height, slot, header.id)
    return Sign(position, digest, header.epoch, header.id, memory)


def seal_of(header: Header, slot: int, size: int, signature: bytes) -> Certificate:
    """The seal of a block by its proposer, of `size` validators."""
    place = (COMMIT, header.epoch, header.height, slot)
    return Certificate(*place, header.id, NO_HASH, bitmap_of([header.proposer], size), signature)


def verify_seal(
    header: Header,
    seal: Certificate,
    validators: ValidatorSet,
    chain_id: bytes,
    scheme: Scheme,
) -> None:
    """Refuse a seal that is not the header's, or not signed by the proposer.

    Raises `CertificateChain`, `CertificateSet`, `CertificateKind`, `CertificateBlock`,
    `CertificateBitmap`, `SealSigners`, `SealJustify`, `CertificateSignature`.
    """
    if header.chain != chain_id:
        raise CertificateChain(chain=header.chain, expected=chain_id)
    if header.validators_hash != validators.hash:
        raise CertificateSet(named=header.validators_hash, expected=validators.hash)
    check_names(header, seal)
    check_sealed(seal, header.proposer, validators, chain_id, scheme)


def check_sealed(
    seal: Certificate, index: int, validators: ValidatorSet, chain_id: bytes, scheme: Scheme
) -> None:
    """Refuse a seal that validator `index` alone did not sign.

    Raises `CertificateBitmap`, `SealSigners`, `SealJustify`, `CertificateSignature`.
    """
    named = signers(seal, validators)
    if named != (index,):
        raise SealSigners(signers=str(named), maker=index)
    if seal.justify != NO_HASH:
        raise SealJustify(justify=seal.justify)
    key = validators.validators[index].key
    if not scheme.verify(key, seal.digest(chain_id), seal.signature):
        raise CertificateSignature(height=seal.height, view=seal.view)


def two_seals(one: Certificate, other: Certificate, index: int) -> TwoVotes | None:
    """Evidence that `index` sealed two blocks at one height and slot; None if it did not."""
    place = (one.epoch, one.height, one.view)
    if place != (other.epoch, other.height, other.view) or one.block == other.block:
        return None
    first, second = sorted((_vote(one, index), _vote(other, index)), key=encode)
    return TwoVotes(first, second)


def slot_twice(one: Certificate, other: Certificate, index: int) -> TwoVotes | TwoSeals | None:
    """Evidence that `index` sealed two blocks in one slot, of one height or not; None if not.

    For engines whose slots come once, whatever the height.
    """
    if one.view != other.view or one.height == other.height:
        return two_seals(one, other, index)
    first, second = sorted((_vote(one, index), _vote(other, index)), key=encode)
    return TwoSeals(first, second)


def _vote(seal: Certificate, index: int) -> Vote:
    place = (seal.kind, seal.epoch, seal.height, seal.view)
    return Vote(*place, seal.block, seal.justify, index, seal.signature)
