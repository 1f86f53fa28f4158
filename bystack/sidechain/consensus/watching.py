"""Who broke the rules: every node compares what it hears with what it heard before.

The height being decided and the last `HEIGHTS` are remembered, of the older ones certificates
only, so memory is bounded. Comparing costs no pairing; only a contradiction is verified, and who
passes on what proves nothing is not listened to for a while.

Two things are said here that no vote needs (bbft.md, section 7): the leader's signature under its
proposal, when its view failed or another block was certified (each validator may have been shown
another one: E1); and all that is known of a height of which two final blocks turned up (E5 to E7
need the certificates of both sides).
"""

from __future__ import annotations

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.events import Penalise, Send
from bystack.sidechain.consensus.evidence import (
    AnyEvidence,
    Statement,
    detect,
    verify_statement,
)
from bystack.sidechain.consensus.machine import VIEWS_AHEAD, Machine
from bystack.sidechain.consensus.messages import EvidenceFound, ProposalSeen, Propose
from bystack.sidechain.consensus.seen import Seen
from bystack.sidechain.consensus.statements import (
    COMMIT,
    Aggregate,
    Certificate,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.steps import FinalBlockFound

HEIGHTS = 1_024
WORDS = 8
MAX_SHOWN = 16

Late = Propose | Vote | Aggregate | Certificate | Timeout | TimeoutCertificate


def seen_at(m: Machine, height: int) -> Seen | None:
    """The memory of a height, if it is neither too old nor to come."""
    if not m.round.height - HEIGHTS <= height <= m.round.height:
        return None
    return m.watch.heights.setdefault(height, Seen())


def heard(m: Machine, sender: bytes, statement: Statement) -> None:
    """Compare what a validator said with what is known, and remember it.

    Not a TIMEOUT of a view far ahead: words of the latest views are kept, so whoever made up views
    without end would have its own earlier words, and everybody's, forgotten.
    """
    known = compare(m, sender, statement)
    far = isinstance(statement, Timeout) and statement.view > m.round.view + VIEWS_AHEAD
    if known is not None and not far:
        known.keep(statement)


def compare(m: Machine, sender: bytes, statement: Statement) -> Seen | None:
    """Report what a statement, verified or not, proves; returns the memory of its height if it is
    worth remembering there: one that contradicts and is not signed is not, nor compared further.
    """
    known = seen_at(m, statement.height)
    if known is None or m.watch.muted.get(sender, 0) > m.now:
        return known
    for other in [*known.rivals(statement)]:
        found = detect(other, statement)
        if found and not _proves(m, found) and not _stands(m, known, sender, other, statement):
            return None
    return known


def _proves(m: Machine, evidence: AnyEvidence) -> bool:
    try:
        m.accuse(evidence)
    except Invalid:
        return False
    return True


def _signed(m: Machine, statement: Statement) -> bool:
    try:
        validators = m.set_of(statement.epoch)
        verify_statement(statement, validators, m.chain_id, m.scheme)
    except Invalid:
        return False
    return True


def _stands(m: Machine, known: Seen, sender: bytes, other: Statement, statement: Statement) -> bool:
    """Of two contradicting statements one is unsigned: whether it is not the new one. What we had
    and is not signed goes.
    """
    if not _signed(m, statement):
        m.watch.mute(sender, m.now + m.config.tau0)
        m.emit(Penalise(sender, "EvidenceSignature"))
        return False
    if not _signed(m, other):
        known.drop(other)
    return True


def certified(m: Machine, certificate: Certificate) -> None:
    """A verified certificate of the current height, or of one decided another way."""
    known = seen_at(m, certificate.height)
    if known is None:
        return
    heard(m, b"", certificate)
    if certificate.kind == COMMIT:
        first = known.final = known.final or (certificate,)
        if first[0].block != certificate.block:
            _split(m, known)
    if any(p.block != certificate.block for p in known.proposals(certificate.view)):
        show(m, certificate.height, certificate.view)


def show(m: Machine, height: int, view: int) -> None:
    """Tell all, once, what the leader of a view that came to nothing signed to us."""
    known = seen_at(m, height)
    if known is None or view in known.shown or len(known.shown) >= MAX_SHOWN:
        return
    known.shown.add(view)
    for proposal in known.proposals(view)[:1]:
        m.broadcast(ProposalSeen(proposal))


def _split(m: Machine, known: Seen) -> None:
    """Two final blocks of one height: whoever knows of it says all it knows, once."""
    if known.split:
        return
    known.split = True
    for one in known.sums:
        if isinstance(one, Certificate | TimeoutCertificate):
            m.broadcast(one)


def told(m: Machine, sender: bytes, message: EvidenceFound | ProposalSeen) -> None:
    """Evidence from another validator, or what it was shown (which is not remembered).

    Raises as `Machine.accuse`, and mutes who told what proves nothing.
    """
    if not m.is_validator(sender) or m.watch.muted.get(sender, 0) > m.now:
        return
    if isinstance(message, ProposalSeen):
        compare(m, sender, message.proposal)
        return
    try:
        m.accuse(message.evidence)
    except Invalid:
        m.watch.mute(sender, m.now + m.config.tau0)
        raise


def late(m: Machine, sender: bytes, message: Late) -> None:
    """A word too late to count still tells who contradicts himself.

    Raises what the verification of a second final certificate raises.
    """
    match message:
        case Propose():
            _late_proposal(m, sender, message)
        case Certificate(kind=kind) if kind == COMMIT:
            _late_commit(m, sender, message)
        case Certificate() | TimeoutCertificate():
            _late_sum(m, sender, message)
        case _ if m.is_validator(sender):
            compare(m, sender, message)


def _late_proposal(m: Machine, sender: bytes, proposal: Propose) -> None:
    known = seen_at(m, proposal.header.height)
    for mine in known.proposals(proposal.view) if known else []:
        compare(m, sender, proposal.signed_by(mine.index))


def _late_commit(m: Machine, sender: bytes, certificate: Certificate) -> None:
    known = seen_at(m, certificate.height)
    if known and any(final.block != certificate.block for final in known.final):
        m.check(certificate)
        certified(m, certificate)


def _late_sum(m: Machine, sender: bytes, one: Certificate | TimeoutCertificate) -> None:
    """Only where the chain split, certificates of others are worth their verification."""
    known = compare(m, sender, one)
    if known and known.split and _signed(m, one):
        known.keep(one)
        compare(m, sender, one)


def sealed(m: Machine, certificate: Certificate) -> None:
    """A height is final: remember by what, and forget the oldest."""
    known = seen_at(m, certificate.height)
    if known is not None and certificate.bitmap and not known.final:
        known.final = (certificate,)
        known.keep(certificate)
    heights = m.watch.heights
    while heights and min(heights) < m.round.height - HEIGHTS:
        del heights[min(heights)]
    for height, old in heights.items():
        if height < m.round.height - WORDS:
            old.forget_words()


def estranged(m: Machine, found: FinalBlockFound) -> None:
    """A final block that does not stand on ours: the chain split. Tell its sender our last one."""
    if m.parent_certificate.bitmap and m.allowed(found.source, "estranged"):
        m.emit(Send(found.source, m.parent_certificate))
