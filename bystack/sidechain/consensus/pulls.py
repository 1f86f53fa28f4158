"""Getting what is missing and helping those behind: pulls, catching up, other heights.

Messages of the next height wait, a slot for each sender, kind and view (with one slot in all, the
next height's proposal would overwrite this one's and the validator stay behind for ever). Answers
to the same node are spaced by tau0 (bbft.md, sections 3, 6 and 9).
"""

from __future__ import annotations

from bystack.sidechain.consensus import rounds, watching
from bystack.sidechain.consensus.ballots import send_vote
from bystack.sidechain.consensus.certificates import signers
from bystack.sidechain.consensus.events import Received, Send, SetTimer, Sync, Timer, TimerKind
from bystack.sidechain.consensus.machine import VIEWS_AHEAD, Candidate, Machine, WrongEpoch
from bystack.sidechain.consensus.messages import (
    BlockData,
    GetBlock,
    GetProposal,
    Propose,
)
from bystack.sidechain.consensus.statements import (
    COMMIT,
    PREPARE,
    Certificate,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.steps import BlockReady, Certified, NextHeight

Placed = Propose | Vote | Certificate | Timeout | TimeoutCertificate


def place(message: Placed) -> tuple[int, int, int, int]:
    """(epoch, height, kind or 0, view) of a message."""
    match message:
        case Propose(header=header, view=view):
            return header.epoch, header.height, 0, view
        case Vote() | Certificate():
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
        return
    if height > m.round.height + 1:
        return sync(m, sender)
    if isinstance(message, Propose):
        if not foreign and m.validators.by_node[sender] != m.leader(view, height):
            return
        if message.parent_certificate.height == m.round.height:
            m.plan(Received(sender, message.parent_certificate))
    if isinstance(message, Timeout):
        m.later[sender, "Timeout", 0, 0] = Received(sender, message)
    elif view <= VIEWS_AHEAD:
        m.later[sender, type(message).__name__, kind, view] = Received(sender, message)


def _behind(m: Machine, sender: bytes, certificate: Certificate) -> None:
    m.check(certificate)
    if certificate.height > m.behind:
        m.behind, m.ahead_node = certificate.height, sender
    sync(m, sender)


def sync(m: Machine, node: bytes) -> None:
    """Have a node that is ahead asked for blocks, now and then."""
    if m.allowed(node, "sync"):
        m.emit(Sync(m.round.height, node))


def receive_certificate(m: Machine, certificate: Certificate) -> None:
    """A certificate of the current height; raises as `verify_certificate`."""
    if m.at.certificates.get((certificate.kind, certificate.view)) != certificate:
        m.check(certificate)
        m.plan(Certified(certificate))


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
    m.last_block = tuple(c for c in m.at.candidates.values() if c.header.id == step.header.id)
    m.parent, m.parent_certificate = step.header, step.certificate
    m.adopt(step.era)
    m.at = m.new_height(seen if seen >= 0 else m.now)
    watching.sealed(m, step.certificate)
    waited = [r for r in m.later.values() if place(r.message)[1] == m.round.height]  # type: ignore[arg-type]
    m.later.clear()
    return waited


def retry(m: Machine) -> None:
    """The retry timer of the current view: ask and say again what may have been lost."""
    m.at.retries += 1
    wait = min(m.config.fallback << min(m.at.retries, 4), m.config.tau0)
    timer = Timer(TimerKind.RETRY, m.round.height, m.round.view)
    m.emit(SetTimer(timer, m.now + wait))
    _ask_those_ahead(m)
    if m.at.retries > 1:
        _ask_signer_again(m)
    if m.at.wanted:
        fetch(m)
    elif not m.at.deciding:
        _nudge(m)


def _ask_those_ahead(m: Machine) -> None:
    """Who showed us we are behind may have vanished: a quorum has the block, so ask them all."""
    if m.behind >= m.round.height:
        voters = [v.node for i, v in enumerate(m.validators.validators) if i != m.me]
        nodes = [m.ahead_node, *voters]
    else:
        nodes = sorted({key[0] for key in m.later})
    if nodes:
        sync(m, nodes[m.at.retries % len(nodes)])


def _ask_signer_again(m: Machine) -> None:
    for position in sorted(m.at.pending):
        if position.view == m.round.view:
            m.emit(m.at.pending[position][0])


def missing(m: Machine, block: bytes) -> None:
    """Fetch a block we need at once, unless we are at it."""
    if m.at.wanted != block:
        m.at.wanted = block
        fetch(m)


def fetch(m: Machine) -> None:
    """Ask one of the signers of its certificate after another for the wanted block."""
    known = [*m.at.deciding, *m.round.high_qc]
    for certificate in [c for c in known if c.block == m.at.wanted][:1]:
        holders = [i for i in signers(certificate, m.validators) if i != m.me]
        if holders:
            index = holders[m.at.retries % len(holders)]
            m.send(index, GetBlock(m.round.height, m.at.wanted))
            if m.at.deciding and m.at.retries > 1:
                sync(m, m.validators.validators[index].node)


def _nudge(m: Machine) -> None:
    view = m.round.view
    if m.leads(view):
        _nudge_voters(m, view)
    elif view not in m.at.proposals:
        m.at.asked = view
        if m.me is not None:
            size = len(m.validators)
            index = (m.leader(view) + m.at.retries - 1) % size
            m.send(index if index != m.me else m.leader(view), GetProposal(m.round.height, view))
    else:
        for vote in m.at.last_vote:
            if vote.view == view:
                send_vote(m, vote)


def _nudge_voters(m: Machine, view: int) -> None:
    """To those who have not voted, the proposal once more, or the certificate to commit to."""
    proposal = m.at.proposals.get(view)
    if proposal is None or not rounds.active(m.round, view):
        return
    others = [i for i in range(len(m.validators)) if i != m.me]
    prepared = m.tally(PREPARE, view)
    if prepared.certificates:
        silent = set(others) - m.tally(COMMIT, view).voters
        for index in sorted(silent):
            m.send(index, prepared.certificates[0])
    elif m.at.retries == 1:
        for index in sorted(set(others) - prepared.voters):
            m.send(index, proposal)
