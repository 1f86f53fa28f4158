"""Proof that validators broke the rules: found in two statements, checked by anyone.

What counts is what was signed: the justify hash of a COMMIT and the certificate a TIMEOUT shows
are not, so differing in them is no offence (bbft.md, section 7; the kinds are in `offences`).

Across views the intersection of two COMMIT certificates proves nothing: an honest validator may
commit in v and, after a timeout certificate that lawfully says nobody prepared, commit another
block later (both can only become certificates if others lied). Those who lied are in the COMMIT
certificate and in the timeout certificate that forgot it: `ForgottenCommit`, E5 in aggregate.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import signers as certificate_signers
from bystack.sidechain.consensus.certificates import (
    timeout_signers,
    verify_certificate,
    verify_timeouts,
)
from bystack.sidechain.consensus.offences import (
    BY_QUORUM,
    AnyEvidence,
    ForbiddenBlock,
    ForgottenCommit,
    ForgottenSum,
    ForgottenVote,
    Reports,
    Statement,
    TwoCertificates,
    TwoProposals,
    TwoReports,
    TwoSeals,
    TwoSums,
    TwoTimeouts,
    TwoVotes,
    parts,
)
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    PREPARE,
    Aggregate,
    Certificate,
    HighSigners,
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


# Finding


def detect(a: Statement, b: Statement) -> AnyEvidence | None:
    """Evidence in two statements, whose signatures the caller has checked; None if lawful."""
    return None if _same_words(a, b) else _detect(a, b) or _detect(b, a)


def _same_words(a: Statement, b: Statement) -> bool:
    """The usual case, for which nothing need be built: votes for one thing, or equal words."""
    match a, b:
        case (Vote() | Certificate() | Aggregate(), Vote() | Certificate() | Aggregate()):
            return (a.block, a.justify, a.view) == (b.block, b.justify, b.view)
        case Timeout(), Timeout():
            return a.high == b.high
        case _:
            return a is b


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
        case (Vote() | Certificate() | Aggregate(), Vote() | Certificate() | Aggregate()):
            size = max(_length(a), _length(b))
            found = TwoSums(*_ordered(_sum(a, size), _sum(b, size)))
        case (Timeout() | TimeoutCertificate(), TimeoutCertificate()):
            found = TwoReports(*_ordered(_reports(a, _length(b)), _reports(b, 0)))
        case (Vote() | Certificate() | Aggregate(), Timeout() | TimeoutCertificate()):
            size = max(_length(a), _length(b))
            found = ForgottenSum(_sum(a, size), _reports(b, size))
        case _:
            return None
    return found if _unlawful(found) else None


def _length(statement: Statement) -> int:
    """The bytes of the bitmaps in a statement; 0 if it speaks for one validator."""
    match statement:
        case Certificate(bitmap=bitmap) | Aggregate(bitmap=bitmap):
            return len(bitmap)
        case TimeoutCertificate(signers=groups) | Reports(signers=groups) if groups:
            return len(groups[0].bitmap)
        case _:
            return 0


def _bit(index: int, length: int) -> bytes:
    return (1 << index).to_bytes(max(length, index // 8 + 1), "little")


def _sum(votes: Vote | Certificate | Aggregate, length: int) -> Aggregate:
    """Votes as a sum, bitmaps of `length` bytes."""
    bits = _bit(votes.index, length) if isinstance(votes, Vote) else votes.bitmap
    place = (votes.kind, votes.epoch, votes.height, votes.view)
    return Aggregate(*place, *_subject(votes), bits, votes.signature)


def _reports(timeouts: Timeout | TimeoutCertificate, length: int) -> Reports:
    """TIMEOUTs as a sum, bitmaps of `length` bytes."""
    if isinstance(timeouts, Timeout):
        groups: tuple[HighSigners, ...] = (
            HighSigners(timeouts.high, _bit(timeouts.index, length)),
        )
    else:
        groups = timeouts.signers
    return Reports(*_place(timeouts), groups, timeouts.signature)


def _ordered(a: T, b: T) -> tuple[T, T]:
    """The same pair whichever was seen first: one offence, one evidence."""
    return (a, b) if encode(a) <= encode(b) else (b, a)


# What is unlawful


def _unlawful(evidence: AnyEvidence) -> bool:
    """Whether the statements, if signed, break a rule."""
    match evidence:
        case TwoProposals(first=a, second=b):
            return _place(a) == _place(b) and (a.block, a.justify) != (b.block, b.justify)
        case TwoVotes(first=a, second=b):
            return a.index == b.index and _apart(a, b)
        case TwoSeals(first=a, second=b):
            return (a.kind, a.index, a.view) == (COMMIT, b.index, b.view) and _sealed_apart(a, b)
        case TwoTimeouts(first=a, second=b):
            return a.index == b.index and _place(a) == _place(b) and a.high != b.high
        case ForgottenVote(commit=c, timeout=t):
            return c.index == t.index and _later(c, t) and c.view > t.high
        case TwoCertificates(first=a, second=b) | TwoSums(first=a, second=b):
            return _apart(a, b) and _bits(a.bitmap) & _bits(b.bitmap) != 0
        case ForbiddenBlock(certificate=c, justify=t):
            named = c.kind == PREPARE and c.justify == t.hash
            return named and not justifies(t, c.height, c.view, c.block)
        case TwoReports(first=a, second=b):
            return _place(a) == _place(b) and _two_tongued(a, b) != 0
        case ForgottenCommit(commit=c, timeouts=t) | ForgottenSum(commit=c, reports=t):
            forgot = any(_bits(g.bitmap) & _bits(c.bitmap) for g in t.signers if g.high < c.view)
            return _later(c, t) and forgot


def _apart(a: Vote | Certificate | Aggregate, b: Vote | Certificate | Aggregate) -> bool:
    """Whether two (sums of) votes are of one kind and place, and for different things."""
    return a.kind == b.kind and _place(a) == _place(b) and _subject(a) != _subject(b)


def _sealed_apart(a: Vote, b: Vote) -> bool:
    """Whether two seals are of different heights; of one height they are `TwoVotes`."""
    return a.kind == b.kind and a.height != b.height


def _subject(votes: Vote | Certificate | Aggregate) -> tuple[bytes, bytes]:
    """What a vote is for, as far as it is signed: a COMMIT's justify hash is not."""
    return votes.block, votes.justify if votes.kind == PREPARE else NO_HASH


def _later(
    commit: Vote | Certificate | Aggregate, timeouts: Timeout | TimeoutCertificate | Reports
) -> bool:
    """Whether a COMMIT is to be remembered by these TIMEOUTs."""
    same = commit.kind == COMMIT and _era(commit) == _era(timeouts)
    return same and timeouts.view >= commit.view


def _two_tongued(a: Reports, b: Reports) -> int:
    """The bits of those who reported one view in `a` and another in `b`."""
    return sum(
        {
            _bits(one.bitmap) & _bits(other.bitmap)
            for one in a.signers
            for other in b.signers
            if one.high != other.high
        }
    )


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


# Judging


def guilty(
    evidence: AnyEvidence, validators: ValidatorSet, *, slots: bool = False
) -> tuple[int, ...]:
    """The indexes it accuses, ascending. `slots`: under the chain's engine a slot comes only once.

    Raises `EvidenceUnfounded` when it accuses nobody, `EvidenceIndex` when it accuses strangers.
    """
    if not _unlawful(evidence) or (isinstance(evidence, TwoSeals) and not slots):
        raise EvidenceUnfounded(kind=type(evidence).__name__)
    match evidence:
        case TwoProposals() | TwoVotes() | TwoTimeouts() | TwoSeals():
            accused = {evidence.first.index} & {evidence.second.index}
        case ForgottenVote(commit=vote):
            accused = {vote.index}
        case TwoCertificates(first=a, second=b) | TwoSums(first=a, second=b):
            accused = {*certificate_signers(a, validators)} & {*certificate_signers(b, validators)}
        case ForbiddenBlock(certificate=certificate):
            accused = {*certificate_signers(certificate, validators)}
        case TwoReports(first=a, second=b):
            accused = _contradicting(a, b, validators)
        case ForgottenCommit(commit=c, timeouts=t) | ForgottenSum(commit=c, reports=t):
            accused = {*certificate_signers(c, validators)} & _forgetful(t, c.view, validators)
    if not accused:
        raise EvidenceUnfounded(kind=type(evidence).__name__)
    if max(accused) >= len(validators):
        raise EvidenceIndex(index=max(accused))
    return tuple(sorted(accused))


def _forgetful(
    timeouts: TimeoutCertificate | Reports, view: int, validators: ValidatorSet
) -> set[int]:
    groups = timeout_signers(timeouts, validators)
    return {i for high, indexes in groups if high < view for i in indexes}


def _contradicting(a: Reports, b: Reports, validators: ValidatorSet) -> set[int]:
    said = {i: high for high, indexes in timeout_signers(a, validators) for i in indexes}
    again = {i: high for high, indexes in timeout_signers(b, validators) for i in indexes}
    return {i for i in said.keys() & again.keys() if said[i] != again[i]}


def verify_evidence(
    evidence: AnyEvidence,
    validators: ValidatorSet,
    chain_id: bytes,
    scheme: Scheme,
    *,
    slots: bool = False,
) -> tuple[int, ...]:
    """The guilty, after checking every signature in the evidence; `slots` as for `guilty`.

    Where slots come once the validators are the same in every epoch (`authority`), so the second
    seal may be of another one. Raises `EvidenceEpoch`, `EvidenceIndex`, `EvidenceUnfounded`,
    `EvidenceSignature` and what the verification of certificates raises. What is lawful is refused
    before any pairing. Verdicts are remembered: of one evidence the engine, the pool and every
    execution ask, and whoever verified it in a thread before spares them all (400 validators: up to
    half a second).
    """
    verdict = _verdict(evidence, validators, chain_id, scheme, slots)
    if isinstance(verdict, Invalid):
        raise verdict.with_traceback(None)
    return verdict


@lru_cache(maxsize=64)
def _verdict(
    evidence: AnyEvidence, validators: ValidatorSet, chain_id: bytes, scheme: Scheme, slots: bool
) -> tuple[int, ...] | Invalid:
    try:
        return _verified(evidence, validators, chain_id, scheme, slots)
    except Invalid as error:
        return error


def _verified(
    evidence: AnyEvidence, validators: ValidatorSet, chain_id: bytes, scheme: Scheme, slots: bool
) -> tuple[int, ...]:
    accused = guilty(evidence, validators, slots=slots)
    first, _ = parts(evidence)
    for part in parts(evidence):
        anywhere = isinstance(evidence, TwoSeals) and part is not first
        if part.epoch != validators.epoch and not anywhere:
            raise EvidenceEpoch(epoch=part.epoch, expected=validators.epoch)
        verify_statement(part, validators, chain_id, scheme)
    return accused


def verify_statement(
    part: Statement, validators: ValidatorSet, chain_id: bytes, scheme: Scheme
) -> None:
    """Check who signed a statement; raises as `verify_evidence`."""
    match part:
        case Certificate():
            verify_certificate(part, validators, chain_id, scheme)
        case TimeoutCertificate():
            verify_timeouts(part, validators, chain_id, scheme)
        case Aggregate():
            keys = validators.keys_of(certificate_signers(part, validators))
            if not scheme.fast_aggregate_verify(keys, part.digest(chain_id), part.signature):
                raise EvidenceSignature(bitmap=part.bitmap)
        case Reports():
            groups = timeout_signers(part, validators)
            signed = [
                (validators.keys_of(who), part.digest(chain_id, high)) for high, who in groups
            ]
            if not scheme.group_verify(signed, part.signature):
                raise EvidenceSignature(view=part.view)
        case _:
            if part.index >= len(validators):
                raise EvidenceIndex(index=part.index)
            key = validators.validators[part.index].key
            if not scheme.verify(key, part.digest(chain_id), part.signature):
                raise EvidenceSignature(index=part.index)


__all__ = [
    "BY_QUORUM",
    "AnyEvidence",
    "EvidenceEpoch",
    "EvidenceIndex",
    "EvidenceSignature",
    "EvidenceUnfounded",
    "ForbiddenBlock",
    "ForgottenCommit",
    "ForgottenSum",
    "ForgottenVote",
    "Reports",
    "Statement",
    "TwoCertificates",
    "TwoProposals",
    "TwoReports",
    "TwoSeals",
    "TwoSums",
    "TwoTimeouts",
    "TwoVotes",
    "detect",
    "guilty",
    "justifies",
    "parts",
    "verify_evidence",
    "verify_statement",
]
