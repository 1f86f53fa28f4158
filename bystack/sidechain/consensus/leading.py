"""When we lead: which block to propose, and when (bbft.md, sections 3 and 10).

View 0: a new block, an interval after the last one, later if there is no work. Later views: the
block the timeout certificate forces, byte for byte; only if it forces none, a new one.
"""

from __future__ import annotations

from bystack.sidechain.consensus import failover, gathering, rounds
from bystack.sidechain.consensus.carriers import to_demote
from bystack.sidechain.consensus.events import (
    BuildBlock,
    Built,
    Prepare,
    SetTimer,
    Timer,
    TimerKind,
)
from bystack.sidechain.consensus.height import Candidate
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.statements import NO_SIGNATURE, Step, proposal_payload
from bystack.sidechain.consensus.steps import BlockMissing, BlockReady


def due(m: Machine) -> int:
    """When the block of view 0 is to be proposed, in ms."""
    gap = m.config.interval if m.at.work else m.config.empty_interval
    return max(m.now, m.at.parent_proposed_at + gap)


def begin(m: Machine) -> None:
    """We may have entered a view we lead."""
    if m.leads(m.round.view) and m.round.view == 0:
        m.emit(SetTimer(Timer(TimerKind.PROPOSE, m.round.height, 0), due(m)))


def propose_due(m: Machine) -> None:
    """The propose timer fired."""
    if m.round.view == 0 and m.leads(0) and m.now >= due(m):
        build(m)


def build(m: Machine) -> None:
    """Ask the application for a new block, once a view."""
    view = m.round.view
    if m.at.building >= view or not _may_propose(m):
        return
    m.at.building = view
    time = max(m.wall, m.parent.time + 1)
    height, me = m.round.height, m.leader(view)
    wish = to_demote(m)
    m.emit(BuildBlock(height, view, time, m.parent, m.parent_certificate, me, wish))


def prepare(m: Machine, block: bytes) -> None:
    """A block of this height has a certificate and is executed: if we lead the next height, what
    its block takes may begin. Not across an epoch's end, where it is others who lead.
    """
    candidate = m.at.candidates.get(block)
    certified = any(one.block == block for one in m.at.certificates.values())
    if candidate is None or not candidate.valid or not certified or m.abstains:
        return
    following = candidate.header.height + 1
    if m.me is not None and following <= m.era.last and m.leader(0, following) == m.me:
        m.emit(Prepare(candidate.header))


def _may_propose(m: Machine) -> bool:
    view = m.round.view
    free = m.at.proposing < view and rounds.active(m.round, view)
    return m.leads(view) and free and not m.abstains


def try_lead(m: Machine) -> None:
    """Propose in a later view, as its timeout certificate demands."""
    if m.round.view == 0 or not m.at.entry or not _may_propose(m):
        return
    block = rounds.forced(m.at.entry[0])
    candidate = m.at.candidates.get(block)
    if not block:
        build(m)
    elif candidate is None or not candidate.parent_certificate:
        m.plan(BlockMissing(block))
    elif not candidate.valid:
        m.execute(candidate)
    else:
        propose(m, candidate)


def built(m: Machine, answer: Built) -> None:
    """The application's new block; late ones are dropped."""
    header, view = answer.header, m.round.view
    mine = m.at.building == view and header.proposer == m.me and header.parent == m.parent.id
    if header.height != m.round.height or not mine or not _may_propose(m):
        return
    if header.parent_certificate != m.parent_certificate.hash:
        return
    m.add_candidate(Candidate(header, answer.body, (m.parent_certificate,), b"", valid=True))
    propose(m, m.at.candidates[header.id])


def propose(m: Machine, candidate: Candidate) -> None:
    """Have our proposal of the current view signed."""
    view = m.round.view
    m.at.proposing = view
    certificate, timeouts = candidate.parent_certificate[0], m.at.entry if view else ()
    unsigned = Propose(candidate.header, candidate.body, view, certificate, timeouts, NO_SIGNATURE)
    payload = proposal_payload(candidate.header.id, unsigned.justify)
    m.request(Step.PROPOSE, view, payload, unsigned)


def proposal_signed(m: Machine, proposal: Propose) -> None:
    """Our proposal leaves, and is ours to prepare."""
    if proposal.view != m.round.view:
        return
    m.at.proposals[proposal.view] = proposal
    m.at.signed[proposal.view] = proposal.signed_by(m.leader(proposal.view))
    if m.at.proposed_at < 0:
        m.at.proposed_at = m.now
    failover.wait(m)
    gathering.pass_down(m, proposal)
    m.plan(BlockReady())
