"""From a PROPOSE to our PREPARE: who may propose, on what, justified how, executed first.

The leader signs the block id, not the body, so a body is only as good as its execution: a bad one
is dropped and may come again from someone else (bbft.md, sections 2 and 3).
"""

from __future__ import annotations

from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain.consensus import carriers, gathering, late, leading, rounds, watching
from bystack.sidechain.consensus.certificates import CertificateKind
from bystack.sidechain.consensus.demotions import demoted_of
from bystack.sidechain.consensus.events import Executed, Penalise
from bystack.sidechain.consensus.evidence import justifies
from bystack.sidechain.consensus.height import Candidate
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.statements import COMMIT, Certificate
from bystack.sidechain.consensus.steps import BlockReady, Closed, Proposed

MAX_REJECTED = 8

_body_key = tagged("bbft/body")


class ProposalRelayed(Invalid):
    """A proposal came from another node than its leader's, unasked."""


class ProposalParent(Invalid):
    """The block does not follow the last final block of this chain."""


class ProposalTime(Invalid):
    """The block is not later than its parent, or lies in the future."""


class ProposalProposer(Invalid):
    """A new block names another proposer than the leader of its view."""


class ProposalJustify(Invalid):
    """The timeout certificate forbids this block, or is missing, or is one too many."""


class ProposalSignature(Invalid):
    """The proposal is not signed by the leader of its view."""


class ParentCertificate(Invalid):
    """The parent's certificate is not the one the header names, or not for the parent."""


def receive_proposal(m: Machine, sender: bytes, proposal: Propose) -> None:
    """Check a PROPOSE of the current height; raises why an honest leader did not send it."""
    view, leader = proposal.view, m.leader(proposal.view)
    if view < m.round.view:
        return watching.late(m, sender, proposal)
    carriers.carried(m, sender, carriers.PROPOSAL)
    if m.at.proposals.get(view) == proposal:
        return
    if sender not in _sources(m, view, leader) and m.at.asked != view:
        raise ProposalRelayed(sender=sender, view=view)
    check_header(m, proposal)
    check_justify(m, proposal, leader)
    signed = proposal.signed_by(leader)
    key = m.validators.validators[leader].key
    if not m.scheme.verify(key, signed.digest(m.chain_id), signed.signature):
        raise ProposalSignature(view=view)
    watching.heard(m, sender, signed)
    first = m.at.signed.setdefault(view, signed)
    if (first.block, first.justify) == (signed.block, signed.justify) and not _rejected(
        m, proposal
    ):
        m.plan(*(Closed(t) for t in proposal.timeouts), Proposed(proposal, sender))


def _sources(m: Machine, view: int, leader: int) -> list[bytes]:
    """Who sends us proposals unasked: the leader, and whoever is above us."""
    indexes = [leader] if m.me is None else [leader, m.paths(view).above.get(m.me, leader)]
    return [m.validators.validators[i].node for i in indexes]


def _rejected(m: Machine, proposal: Propose) -> bool:
    known = m.at.rejected
    return bool(known) and _body_key(proposal.header.id, proposal.body) in known


def check_header(m: Machine, proposal: Propose) -> None:
    """The block extends our last final one. Raises `ProposalParent`, `ProposalTime`,
    `ParentCertificate` and those of certificates.
    """
    header = proposal.header
    place = (header.chain, header.height, header.parent, header.validators_hash)
    if place != (m.chain_id, m.round.height, m.parent.id, m.validators.hash):
        raise ProposalParent(height=header.height, parent=header.parent)
    if not m.parent.time < header.time <= m.wall + m.config.tolerance:
        raise ProposalTime(time=header.time, parent=m.parent.time, now=m.wall)
    if proposal.parent_certificate.hash != header.parent_certificate:
        raise ParentCertificate(named=header.parent_certificate)
    demoted_of(header.demotions, len(m.validators))
    check_parent_certificate(m, proposal.parent_certificate)


def check_parent_certificate(m: Machine, certificate: Certificate) -> None:
    """Any commit certificate of the last final block will do; genesis has exactly one."""
    if certificate == m.parent_certificate:
        return
    if certificate.kind != COMMIT:
        raise CertificateKind(kind=certificate.kind)
    if (certificate.height, certificate.block) != (m.parent.height, m.parent.id):
        raise ParentCertificate(block=certificate.block)
    m.check(certificate)


def check_justify(m: Machine, proposal: Propose, leader: int) -> None:
    """View 0 is justified by the parent's certificate, later ones by the view before given up.

    Raises `ProposalJustify`, `ProposalProposer` and those of timeout certificates.
    """
    header, view = proposal.header, proposal.view
    if len(proposal.timeouts) != min(view, 1):
        raise ProposalJustify(view=view)
    for timeouts in proposal.timeouts:
        if not justifies(timeouts, header.height, view, header.id):
            raise ProposalJustify(view=view, block=header.id)
        m.check_timeouts(timeouts)
    again = any(rounds.forced(t) for t in proposal.timeouts)
    if not again and header.proposer != leader:
        raise ProposalProposer(proposer=header.proposer, leader=leader)


def accept(m: Machine, step: Proposed) -> None:
    """Keep a checked proposal of the current view with its block."""
    proposal = step.proposal
    if proposal.view != m.round.view:
        return
    m.at.proposals[proposal.view] = proposal
    if m.at.proposed_at < 0:
        m.at.proposed_at = m.now
    late.left_out(m, proposal)
    gathering.pass_down(m, proposal)
    certificate = (proposal.parent_certificate,)
    m.add_candidate(Candidate(proposal.header, proposal.body, certificate, step.source))
    m.plan(BlockReady())


def try_prepare(m: Machine) -> None:
    """PREPARE the current view's proposal once its block is executed."""
    proposal = m.at.proposals.get(m.round.view)
    candidate = m.at.candidates.get(proposal.header.id) if proposal else None
    if proposal is None or candidate is None:
        return
    if not candidate.valid:
        return m.execute(candidate)
    block, justify = proposal.header.id, proposal.justify
    m.at.round, casts = rounds.on_valid_proposal(m.round, proposal.view, block, justify)
    m.plan(*casts)


def executed(m: Machine, verdict: Executed) -> None:
    """The application's verdict on a block."""
    candidate = m.at.candidates.get(verdict.block_id)
    if candidate is None or not candidate.executing:
        return
    candidate.executing, candidate.valid = False, verdict.valid
    if verdict.valid:
        m.plan(BlockReady())
        return leading.prepare(m, verdict.block_id)
    _reject(m, verdict.block_id, candidate)
    if candidate.source:
        m.emit(Penalise(candidate.source, f"BlockInvalid: {verdict.reason}"))


def _reject(m: Machine, block: bytes, candidate: Candidate) -> None:
    del m.at.candidates[block]
    if len(m.at.rejected) < MAX_REJECTED:
        m.at.rejected.add(_body_key(block, candidate.body))
    for view, proposal in list(m.at.proposals.items()):
        if proposal.header.id == block:
            del m.at.proposals[view]
