"""What proves a member guilty to the chain: two of its own signatures that no honest one gives.

An honest signer signs one message a round of a ceremony and one statement a height (`blame`,
`statements`). That a validator was convicted is no such proof: which node a validator names is its
own claim, so a stranger could name a member's.
"""

from __future__ import annotations

from bystack.federation.identity import identity_verify
from bystack.federation.messages import signing_digest
from bystack.federation.module.actions import STATE, action_digest
from bystack.federation.module.decisions import (
    Cause,
    Evidence,
    Stated,
    TwoStatements,
    TwoWords,
)
from bystack.federation.module.records import Seated, standing_of
from bystack.federation.statements import contradict
from bystack.ledger.effects import Check, SchnorrCheck
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext, PrefixedState


class EvidenceWorthless(Invalid):
    """The evidence does not convict this member."""


class AccusedUnknown(Invalid):
    """The accused is no member."""


def prove(state: PrefixedState, block: BlockContext, cause: Cause) -> tuple[Check, ...]:
    """The signatures that convict, still to be verified; () for a cause without evidence.

    Raises `AccusedUnknown`, `EvidenceWorthless`.
    """
    standing = standing_of(state)
    position = standing.position(cause.identity)
    if position is None:
        raise AccusedUnknown(identity=cause.identity)
    accused = standing.seats[position]
    return tuple(check for one in cause.evidence for check in _prove(block.chain, accused, one))


def _prove(chain: bytes, accused: Seated, evidence: Evidence) -> tuple[Check, ...]:
    match evidence:
        case TwoStatements(first, second):
            return _two_statements(chain, accused, first, second)
        case TwoWords():
            return _two_words(accused, evidence)


def _two_statements(
    chain: bytes, accused: Seated, first: Stated, second: Stated
) -> tuple[Check, ...]:
    if not contradict(first.statement, second.statement):
        raise EvidenceWorthless(reason="the statements do not contradict each other")
    return tuple(
        SchnorrCheck(
            accused.governance,
            action_digest(chain, STATE, encode(one.statement), one.version),
            one.signature,
        )
        for one in (first, second)
    )


def _two_words(accused: Seated, words: TwoWords) -> tuple[Check, ...]:
    if words.first.digest == words.second.digest:
        raise EvidenceWorthless(reason="both messages are the same")
    for receipt in (words.first, words.second):
        digest = signing_digest(words.session, words.sender, words.turn, receipt.digest)
        if not identity_verify(accused.member.identity, digest, receipt.signature):
            raise EvidenceWorthless(reason="the member did not sign both messages")
    return ()
