"""One of each wire object, fixed for ever: the golden files hold their bytes."""

from __future__ import annotations

from bystack.primitives.codec import Wire
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus import evidence, messages, positions
from bystack.sidechain.consensus.demotions import Demotion, Demotions
from bystack.sidechain.consensus.machine import Memory
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    PREPARE,
    HighSigners,
    SignedProposal,
)
from bystack.sidechain.consensus.validators import Validator, ValidatorSet

BLOCK, OTHER, JUSTIFY, SIGNATURE = b"\x0b" * 32, b"\x0c" * 32, b"\x0d" * 32, b"\xa5" * 96

HEADER = Header(
    version=1,
    chain=b"\x01" * 32,
    height=7,
    epoch=0,
    time=1_700_000_000_000,
    parent=b"\x02" * 32,
    parent_certificate=b"\x03" * 32,
    transaction_root=b"\x04" * 32,
    witness_root=b"\x05" * 32,
    transaction_count=2,
    state_root=b"\x06" * 32,
    outbox_root=b"\x07" * 32,
    relay_tip=b"\x08" * 32,
    validators_hash=b"\x09" * 32,
    next_validators_hash=b"\x0a" * 32,
    demotions=b"",
    proposer=3,
)
PREPARED = messages.Certificate(PREPARE, 0, 7, 1, BLOCK, JUSTIFY, b"\x07", SIGNATURE)
COMMITTED = messages.Certificate(COMMIT, 0, 7, 1, BLOCK, NO_HASH, b"\x0e", SIGNATURE)
GROUPS = (HighSigners(-1, b"\x02"), HighSigners(1, b"\x05"))
CLOSED = messages.TimeoutCertificate(0, 7, 2, GROUPS, SIGNATURE, (PREPARED,))
VOTE = messages.Vote(PREPARE, 0, 7, 1, BLOCK, JUSTIFY, 2, SIGNATURE)
COMMIT_VOTE = messages.Vote(COMMIT, 0, 7, 1, BLOCK, NO_HASH, 2, SIGNATURE)
TIMEOUT = messages.Timeout(0, 7, 2, 1, (PREPARED,), 2, SIGNATURE)
EMPTY_TIMEOUT = messages.Timeout(0, 7, 2, -1, (), 2, SIGNATURE)
PART = messages.Aggregate(COMMIT, 0, 7, 1, BLOCK, NO_HASH, b"\x03", SIGNATURE)
REPORTS = evidence.Reports(0, 7, 2, GROUPS, SIGNATURE)
PROPOSAL = SignedProposal(0, 7, 1, BLOCK, JUSTIFY, 2, SIGNATURE)
POSITION = positions.Position(7, 1, 2)

SAMPLES: dict[str, Wire] = {
    "propose": messages.Propose(HEADER, b"body", 3, COMMITTED, (CLOSED,), SIGNATURE),
    "vote": VOTE,
    "aggregate": messages.Aggregate(PREPARE, 0, 7, 1, BLOCK, JUSTIFY, b"\x03", SIGNATURE),
    "certificate": COMMITTED,
    "timeout": TIMEOUT,
    "timeout_certificate": CLOSED,
    "get_proposal": messages.GetProposal(7, 1),
    "get_block": messages.GetBlock(7, BLOCK),
    "block_data": messages.BlockData(HEADER, b"body", (COMMITTED,)),
    "get_blocks": messages.GetBlocks(5, 16),
    "blocks": messages.Blocks((messages.FinalBlock(HEADER, b"body", COMMITTED),)),
    "status": messages.Status(COMMITTED),
    "proposal_seen": messages.ProposalSeen(PROPOSAL),
    "evidence_found": messages.EvidenceFound(
        evidence.TwoVotes(VOTE, messages.Vote(PREPARE, 0, 7, 1, OTHER, JUSTIFY, 2, SIGNATURE))
    ),
    "sealed": messages.Sealed(HEADER, b"body", COMMITTED),
    "foreign": messages.Foreign(b"\x01\x02"),
    "evidence_two_proposals": evidence.TwoProposals(PROPOSAL, PROPOSAL),
    "evidence_two_timeouts": evidence.TwoTimeouts(TIMEOUT.bare(), EMPTY_TIMEOUT),
    "evidence_forgotten_vote": evidence.ForgottenVote(COMMIT_VOTE, EMPTY_TIMEOUT),
    "evidence_two_certificates": evidence.TwoCertificates(PREPARED, PREPARED),
    "evidence_forbidden_block": evidence.ForbiddenBlock(PREPARED, CLOSED),
    "evidence_forgotten_commit": evidence.ForgottenCommit(COMMITTED, CLOSED),
    "evidence_two_sums": evidence.TwoSums(PART, PART),
    "evidence_two_reports": evidence.TwoReports(REPORTS, REPORTS),
    "evidence_two_seals": evidence.TwoSeals(COMMIT_VOTE, COMMIT_VOTE),
    "evidence_forgotten_sum": evidence.ForgottenSum(PART, REPORTS),
    "validator_set": ValidatorSet(0, (Validator(b"\x11" * 48, SIGNATURE, 1, BLOCK),)),
    "journal_record": positions.JournalRecord(POSITION, BLOCK, SIGNATURE, b"memory"),
    "sign_request": positions.SignRequest(POSITION, 0, BLOCK, b"memory"),
    "demotions": Demotions(2, (Demotion(3, 700), Demotion(9, 811))),
    "memory": Memory((PREPARED,), (CLOSED,)),
}
