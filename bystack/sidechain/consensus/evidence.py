"""Proof that validators broke the rules, checked by anyone (bbft.md, section 7).

E1 two proposals, E2 two PREPAREs, E3 two COMMITs, E4 two TIMEOUTs of one (height, view); E5 a
COMMIT at v and a TIMEOUT of a view >= v that reports less than v; E6 two certificates of one kind
and view; E7 a prepare certificate whose justify forbids its block.

Across views the intersection of two COMMIT certificates proves nothing: an honest validator may
commit in v and, after a timeout certificate that lawfully says nobody prepared, commit another
block later (both can only become certificates if others lied). Those who lied are in the COMMIT
certificate and in the timeout certificate that forgot it: `ForgottenCommit`, E5 in aggregate.
"""

from __future__ import annotations

from typing import TypeVar

from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import signers as certificate_signers
from bystack.sidechain.consensus.certificates import (
    timeout_signers,
    verify_certificate,
    verify_timeouts,
)
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    COMMIT,
    PREPARE,
    Certificate,
    SignedProposal,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet

T = TypeVar("T", bound=Wire)


class EvidenceUnfounded(Invalid):
    """The statements are lawful together."""


class EvidenceEpoch(Invalid):
    """The evidence is of another epoch than the validator set."""


class EvidenceIndex(Invalid):
    """The statements name a validator outside the set, or two different ones."""


class EvidenceSignature(Invalid):
    """A statement in the evidence is not signed by the one it names."""


class TwoProposals(Wire, tag=1):
    """E1: one leader, one (height, view), two different proposals."""

    first: SignedProposal
    second: SignedProposal


class TwoVotes(Wire, tag=2):
    """E2, E3: one voter, one kind, one (height, view), two different votes."""

    first: Vote
    second: Vote


class TwoTimeouts(Wire, tag=4):
    """E4: one voter, one (height, view), two different reports."""

    first: Timeout
    second: Timeout


class ForgottenVote(Wire, tag=5):
    """E5: committed at v, then gave up a view >= v reporting less than v."""

    commit: Vote
    timeout: Timeout


class TwoCertificates(Wire, tag=6):
    """E6: two certificates of one kind and view for different things."""

    first: Certificate
    second: Certificate


class ForbiddenBlock(Wire, tag=7):
    """E7: a quorum prepared a block although its justify demanded another."""

    certificate: Certificate
    justify: TimeoutCertificate


class ForgottenCommit(Wire, tag=8):
    """E5 in aggregate: a commit certificate, and a timeout certificate that forgot it."""

    commit: Certificate
    timeouts: TimeoutCertificate


AnyEvidence = (
    TwoProposals
    | TwoVotes
    | TwoTimeouts
    | ForgottenVote
    | TwoCertificates
    | ForbiddenBlock
    | ForgottenCommit
)


Statement = SignedProposal | Vote | Timeout | Certificate | TimeoutCertificate


def detect(a: Statement, b: Statement) -> AnyEvidence | None:
    """Evidence in two statements, whose signatures the caller has checked; None if lawful."""
    return _detect(a, b) or _detect(b, a)


def _detect(a: Statement, b: Statement) -> AnyEvidence | None:
    match a, b:
        case SignedProposal(), SignedProposal():
            found: AnyEvidence = TwoProposals(*_ordered(a, b))
        case Vote(), Vote():
            found = TwoVotes(*_ordered(a, b))
        case Timeout(), Timeout():
            found = TwoTimeouts(*_ordered(a.bare(), b.bare()))
        case Vote(), Timeout():
            found = ForgottenVote(a, b.bare())
        case Certificate(), Certificate():
            found = TwoCertificates(*_ordered(a, b))
        case Certificate(kind=kind), TimeoutCertificate() if kind == PREPARE:
            found = ForbiddenBlock(a, b)
        case Certificate(), TimeoutCertificate():
            found = ForgottenCommit(a, b)
        case _:
            return None
    return found if _unlawful(found) else None


def _ordered(a: T, b: T) -> tuple[T, T]:
    """The same pair whichever was seen first: one offence, one evidence."""
    return (a, b) if encode(a) <= encode(b) else (b, a)


def _unlawful(evidence: AnyEvidence) -> bool:
    """Whether the statements, if signed, break a rule."""
    match evidence:
        case TwoProposals(first=a, second=b):
            return _place(a) == _place(b) and (a.block, a.justify) != (b.block, b.justify)
        case TwoVotes(first=a, second=b):
            same = a.kind == b.kind and a.index == b.index and _place(a) == _place(b)
            return same and (a.block, a.justify) != (b.block, b.justify)
        case TwoTimeouts(first=a, second=b):
            return a.index == b.index and _place(a) == _place(b) and a.high != b.high
        case ForgottenVote(commit=c, timeout=t):
            mine = c.kind == COMMIT and c.index == t.index
            return mine and _era(c) == _era(t) and t.view >= c.view > t.high
        case TwoCertificates(first=a, second=b):
            same = a.kind == b.kind and _place(a) == _place(b)
            shared = _bits(a.bitmap) & _bits(b.bitmap)
            return same and shared != 0 and (a.block, a.justify) != (b.block, b.justify)
        case ForbiddenBlock(certificate=c, justify=t):
            named = c.kind == PREPARE and c.justify == t.hash
            return named and not justifies(t, c.height, c.view, c.block)
        case ForgottenCommit(commit=c, timeouts=t):
            forgot = any(_bits(g.bitmap) & _bits(c.bitmap) for g in t.signers if g.high < c.view)
            return c.kind == COMMIT and _era(c) == _era(t) and t.view >= c.view and forgot


def _bits(bitmap: bytes) -> int:
    return int.from_bytes(bitmap, "little")


def justifies(timeouts: TimeoutCertificate, height: int, view: int, block: bytes) -> bool:
    """Whether a timeout certificate allows proposing `block` at (height, view).

    It must close the view before, and its best certificate's block must be proposed again: that
    block may already be final somewhere (bbft.md, section 4).
    """
    closes = timeouts.height == height and timeouts.view + 1 == view
    return closes and all(best.block == block for best in timeouts.best)


def _era(statement: Statement) -> tuple[int, int]:
    return statement.epoch, statement.height


def _place(statement: Statement) -> tuple[int, int, int]:
    return statement.epoch, statement.height, statement.view


def guilty(evidence: AnyEvidence, validators: ValidatorSet) -> tuple[int, ...]:
    """The indexes it accuses, ascending; raises `EvidenceUnfounded` when it accuses nobody."""
    if not _unlawful(evidence):
        raise EvidenceUnfounded(kind=type(evidence).__name__)
    match evidence:
        case TwoProposals() | TwoVotes() | TwoTimeouts():
            accused = {evidence.first.index} & {evidence.second.index}
        case ForgottenVote(commit=commit):
            accused = {commit.index}
        case TwoCertificates(first=a, second=b):
            accused = {*certificate_signers(a, validators)} & {*certificate_signers(b, validators)}
        case ForbiddenBlock(certificate=certificate):
            accused = {*certificate_signers(certificate, validators)}
        case ForgottenCommit(commit=commit, timeouts=timeouts):
            accused = {*certificate_signers(commit, validators)} & _forgetful(
                timeouts, commit.view, validators
            )
    if not accused:
        raise EvidenceUnfounded(kind=type(evidence).__name__)
    return tuple(sorted(accused))


def _forgetful(timeouts: TimeoutCertificate, view: int, validators: ValidatorSet) -> set[int]:
    groups = timeout_signers(timeouts, validators)
    return {i for high, indexes in groups if high < view for i in indexes}


def verify_evidence(
    evidence: AnyEvidence, validators: ValidatorSet, chain_id: bytes, scheme: Scheme
) -> tuple[int, ...]:
    """The guilty, after checking every signature in the evidence.

    Raises `EvidenceEpoch`, `EvidenceIndex`, `EvidenceUnfounded`, `EvidenceSignature` and what
    the verification of certificates raises.
    """
    for part in parts(evidence):
        if part.epoch != validators.epoch:
            raise EvidenceEpoch(epoch=part.epoch, expected=validators.epoch)
        _verify_part(part, validators, chain_id, scheme)
    return guilty(evidence, validators)


def parts(evidence: AnyEvidence) -> tuple[Statement, Statement]:
    """The two statements an evidence consists of."""
    match evidence:
        case ForgottenVote(commit=a, timeout=b):
            return a, b
        case ForbiddenBlock(certificate=a, justify=b):
            return a, b
        case ForgottenCommit(commit=a, timeouts=b):
            return a, b
        case _:
            return evidence.first, evidence.second


def _verify_part(
    part: Statement, validators: ValidatorSet, chain_id: bytes, scheme: Scheme
) -> None:
    match part:
        case Certificate():
            verify_certificate(part, validators, chain_id, scheme)
        case TimeoutCertificate():
            verify_timeouts(part, validators, chain_id, scheme)
        case _:
            if part.index >= len(validators):
                raise EvidenceIndex(index=part.index)
            key = validators.validators[part.index].key
            if not scheme.verify(key, part.digest(chain_id), part.signature):
                raise EvidenceSignature(index=part.index)
