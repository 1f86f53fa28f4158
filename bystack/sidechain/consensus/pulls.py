"""Getting what is missing and helping those behind: pulls, catching up, other heights.

Messages of the next height wait, a slot for each sender, kind and view (with one slot in all, the
next height's proposal would overwrite this one's and the validator stay behind for ever). Answers
to the same node are spaced by tau0 (bbft.md, sections 3, 6 and 9).
"""

from __future__ import annotations

from bystack.sidechain.consensus import carriers, late, watching
from bystack.sidechain.consensus.events import Received, Send
from bystack.sidechain.consensus.failover import sync
from bystack.sidechain.consensus.height import Candidate
from bystack.sidechain.consensus.machine import VIEWS_AHEAD, Machine, WrongEpoch
from bystack.sidechain.consensus.messages import (
    BlockData,
    GetBlock,
    GetProposal,
    Propose,
)
from bystack.sidechain.consensus.statements import (
    COMMIT,
    Aggregate,
    Certificate,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.steps import BlockReady, Certified, NextHeight
from bystack.sidechain.consensus.tally import subject_of

MAX_FOREIGN = 8

Placed = Propose | Vote | Aggregate | Certificate | Timeout | TimeoutCertificate


def place(message: Placed) -> tuple[int, int, int, int]:
    """(epoch, height, kind or 0, view) of a message."""
    match message:
        case Propose(header=header, view=view):
            return header.epoch, header.height, 0, view
        case Vote() | Aggregate() | Certificate():
            return message.epoch, message.height, message.kind, message.view
        case _:
            return message.epoch, message.height, 0, message.view


def timely(m: Machine, sender: bytes, message: Placed) -> bool:
    """Whether a message is of the current height; if not, help, wait or catch up.

    Raises `WrongEpoch`.
    """
    epoch, height, _, _ = place(message)
    if m.round.height <= height <= m.era.last and epoch != m.validators.epoch:
        raise WrongEpoch(epoch=epoch, expected=m.validators.epoch)
    if height == m.round.height:
        return True
    if height < m.round.height:
        watching.late(m, sender, message)
        if late.receive(m, sender, message):
            return False
        if isinstance(message, Timeout) or height + 1 < m.round.height:
            answer_late(m, sender)
        return False
    _ahead(m, sender, message)
    return False


def answer_late(m: Machine, sender: bytes) -> None:
    """Tell a node that is behind what is final (genesis goes without saying)."""
    if m.parent_certificate.bitmap and m.allowed(sender, "final"):
        m.emit(Send(sender, m.parent_certificate))


def _ahead(m: Machine, sender: bytes, message: Placed) -> None:
    """The sender is at a later height: keep the next height's words, learn that we are behind."""
    _, height, kind, view = place(message)
    foreign = height > m.era.last
    if isinstance(message, Certificate) and kind == COMMIT:
        # The set of a later epoch is not known yet: its word is a hint where to ask, no more.
        return sync(m, sender) if foreign else _behind(m, sender, message)
    if not m.is_validator(sender):
        # Perhaps it is one of a later epoch: a hint as well.
        return sync(m, sender) if foreign else None
    if height > m.round.height + 1:
        return sync(m, sender)
    if isinstance(message, Propose):
        if message.parent_certificate.height == m.round.height:
            m.plan(Received(sender, message.parent_certificate))
        if not _proposal_waits(m, sender, message):
            return
    if isinstance(message, Timeout):
        m.later[sender, "Timeout", 0, 0] = Received(sender, message)
    elif view <= VIEWS_AHEAD and not (view and isinstance(message, Aggregate)):
        m.later[sender, type(message).__name__, kind, view] = Received(sender, message)


def _proposal_waits(m: Machine, sender: bytes, proposal: Propose) -> bool:
    """Whether a proposal of the next height is kept: its leader's, or from our gateway. Who they
    are in the next epoch is not known yet: of those the first few are kept, for blocks are large.
    """
    view, height = proposal.view, proposal.header.height
    if height > m.era.last:
        key = (sender, "Propose", 0, view)
        return key in m.later or sum(k[1] == "Propose" for k in m.later) < MAX_FOREIGN
    leader = m.leader(view, height)
    above = leader if m.me is None or view else m.paths(0).above.get(m.me, leader)
    return m.validators.by_node[sender] in (leader, above)


def _behind(m: Machine, sender: bytes, certificate: Certificate) -> None:
    m.check(certificate)
    if certificate.height > m.behind:
        m.behind, m.ahead_node = certificate.height, sender
    sync(m, sender)


def receive_certificate(m: Machine, sender: bytes, certificate: Certificate) -> None:
    """A certificate of the current height; raises as `verify_certificate`. A second one for the
    same thing tells nothing new but, perhaps, more names.
    """
    carriers.carried(m, sender, certificate.kind)
    known = m.at.certificates.get((certificate.kind, certificate.view))
    if known is None or subject_of(known) != subject_of(certificate):
        m.check(certificate)
        m.ahead_node = m.ahead_node if m.is_validator(sender) else sender
        m.plan(Certified(certificate))
    elif certificate.kind == COMMIT and m.is_validator(sender):
        m.at.fuller = (certificate,)


def receive_status(m: Machine, sender: bytes, certificate: Certificate) -> None:
    """A peer's last final block: one of us may be behind."""
    if certificate.height < m.round.height:
        watching.late(m, sender, certificate)
    if certificate.height < m.parent.height:
        answer_late(m, sender)
    elif certificate.height >= m.round.height and certificate.kind == COMMIT:
        m.plan(Received(sender, certificate))


def give_proposal(m: Machine, sender: bytes, asked: GetProposal) -> None:
    """Answer a pull for the proposal of a view."""
    proposal = m.at.proposals.get(asked.view)
    if asked.height < m.round.height:
        answer_late(m, sender)
    elif asked.height == m.round.height and proposal and m.allowed(sender, "proposal"):
        m.emit(Send(sender, proposal))


def give_block(m: Machine, sender: bytes, asked: GetBlock) -> None:
    """Answer a pull for a block of this height or the last."""
    known = [m.at.candidates[asked.block]] if asked.block in m.at.candidates else []
    known += [c for c in m.last_block if c.header.id == asked.block]
    for candidate in known:
        if (candidate.valid or candidate.kept) and m.allowed(sender, "block"):
            data = BlockData(candidate.header, candidate.body, candidate.parent_certificate)
            m.emit(Send(sender, data))


def receive_block(m: Machine, sender: bytes, data: BlockData) -> None:
    """The block we wanted; anything else is too late to matter."""
    header = data.header
    if header.id != m.at.wanted or header.parent != m.parent.id:
        return
    certificates = tuple(c for c in data.parent_certificate if c.hash == header.parent_certificate)
    m.at.wanted = b""
    m.add_candidate(Candidate(header, data.body, certificates, sender))
    m.plan(BlockReady())


def next_height(m: Machine, step: NextHeight) -> list[Received]:
    """Begin the height after `step.header`; returns what had waited for it."""
    seen = m.at.proposed_at
    for past in m.late:
        carriers.judge(m, past)
    m.late, fuller = late.remember(m), m.at.fuller
    m.last_block = tuple(c for c in m.at.candidates.values() if c.header.id == step.header.id)
    m.parent, m.parent_certificate = step.header, step.certificate
    m.adopt(step.era)
    m.at = m.new_height(seen if seen >= 0 else m.now)
    watching.sealed(m, step.certificate)
    late.begin(m, fuller)
    waited = [r for r in m.later.values() if place(r.message)[1] == m.round.height]  # type: ignore[arg-type]
    m.later.clear()
    return waited
