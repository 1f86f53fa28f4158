"""What evidence consists of: two statements that an honest validator never signs together.

E1 two proposals, E2 two PREPAREs, E3 two COMMITs, E4 two TIMEOUTs of one (height, view); E5 a
COMMIT at v and a TIMEOUT of a view >= v that reports less than v; E6 two certificates of one kind
and view; E7 a prepare certificate whose justify forbids its block (bbft.md, section 7).

Votes travel added up, so an offence may show in sums alone: `TwoSums`, `TwoReports` and
`ForgottenSum` are E2 to E5 with signatures of several added up. No quorum is asked of them: whose
bit stands in both parts has signed both.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U63, Bytes96, Wire
from bystack.sidechain.consensus.statements import (
    Aggregate,
    Certificate,
    HighSigners,
    SignedProposal,
    Step,
    Timeout,
    TimeoutCertificate,
    View,
    Vote,
    signing_digest,
    timeout_payload,
)
from bystack.sidechain.consensus.validators import MAX_VALIDATORS


class Reports(Wire):
    """The TIMEOUTs of some, added up: a timeout certificate without its best certificate."""

    epoch: U63
    height: U63
    view: View
    signers: Annotated[tuple[HighSigners, ...], Meta(max_length=MAX_VALIDATORS)]
    signature: Bytes96

    def digest(self, chain_id: bytes, high: int) -> bytes:
        """What those who reported `high` signed."""
        payload = timeout_payload(high)
        return signing_digest(Step.TIMEOUT, chain_id, self.epoch, self.height, self.view, payload)


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


class TwoSums(Wire, tag=9):
    """E2, E3 added up: two sums of votes of one kind and view for different things."""

    first: Aggregate
    second: Aggregate


class TwoReports(Wire, tag=10):
    """E4 added up: somebody reported one thing in the first and another in the second."""

    first: Reports
    second: Reports


class ForgottenSum(Wire, tag=11):
    """E5 added up: somebody is in the COMMITs at v, and reported less than v later."""

    commit: Aggregate
    reports: Reports


class TwoSeals(Wire, tag=12):
    """One maker, one slot, two blocks of different heights.

    An offence where a slot never comes again (`authority`), and lawful under every other engine.
    """

    first: Vote
    second: Vote


AnyEvidence = (
    TwoProposals
    | TwoVotes
    | TwoTimeouts
    | ForgottenVote
    | TwoCertificates
    | ForbiddenBlock
    | ForgottenCommit
    | TwoSums
    | TwoReports
    | ForgottenSum
    | TwoSeals
)

BY_QUORUM = (TwoCertificates, ForbiddenBlock)
"""Offences that count anew at each place: a quorum committed them."""

Statement = SignedProposal | Vote | Timeout | Certificate | TimeoutCertificate | Aggregate | Reports


def parts(evidence: AnyEvidence) -> tuple[Statement, Statement]:
    """The two statements an evidence consists of."""
    match evidence:
        case ForgottenVote(commit=a, timeout=b):
            return a, b
        case ForbiddenBlock(certificate=a, justify=b):
            return a, b
        case ForgottenCommit(commit=a, timeouts=b):
            return a, b
        case ForgottenSum(commit=a, reports=b):
            return a, b
        case _:
            return evidence.first, evidence.second
