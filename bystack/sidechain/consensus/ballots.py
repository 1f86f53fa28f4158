"""Votes out and in, certificates, and the decision (bbft.md, sections 3 and 6)."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus import rounds, watching
from bystack.sidechain.consensus.certificates import CertificateJustify
from bystack.sidechain.consensus.events import Decide, Era, Signed
from bystack.sidechain.consensus.machine import VIEWS_AHEAD, Machine
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.rounds import CastCommit, CastPrepare
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    Step,
    Timeout,
    Vote,
    vote_payload,
)
from bystack.sidechain.consensus.steps import Certified, NextHeight
from bystack.sidechain.consensus.validators import topology


def cast(m: Machine, wish: CastPrepare | CastCommit) -> None:
    """Have a PREPARE or COMMIT signed."""
    if m.me is None:
        return
    kind = PREPARE if isinstance(wish, CastPrepare) else COMMIT
    justify = wish.justify if isinstance(wish, CastPrepare) else NO_HASH
    if isinstance(wish, CastPrepare):
        m.keep(wish.block)
    height, epoch = m.round.height, m.validators.epoch
    unsigned = Vote(kind, epoch, height, wish.view, wish.block, justify, m.me, NO_SIGNATURE)
    m.request(Step(kind), wish.view, vote_payload(kind, wish.block, justify), unsigned)


def take_signed(m: Machine, answer: Signed) -> tuple[Propose | Vote | Timeout, ...]:
    """The message a signature completes; nothing for answers nobody waits for."""
    asked = m.at.pending.get(answer.position)
    if asked is None or asked[0].digest != answer.digest:
        return ()
    del m.at.pending[answer.position]
    return (replace(asked[1], signature=answer.signature),)


def vote_signed(m: Machine, vote: Vote) -> None:
    """Our vote travels towards the leader of its view."""
    m.at.last_vote = (vote,)
    if m.leads(vote.view):
        return count(m, vote)
    send_vote(m, vote)


def send_vote(m: Machine, vote: Vote) -> None:
    """To our gateway; in a star that is the leader."""
    paths = topology(m.validators, m.leader(vote.view), vote.view, m.config.gateways)
    m.send(paths.gateway_of(vote.index), vote)


def receive_vote(m: Machine, sender: bytes, vote: Vote) -> None:
    """A vote of the current height. Raises `UnknownValidator`, `CertificateJustify` and those
    of tallies.
    """
    m.speaks_for(sender, vote.index)
    if vote.kind == COMMIT and vote.justify != NO_HASH:
        raise CertificateJustify(justify=vote.justify)
    near = -1 <= vote.view - m.round.view <= VIEWS_AHEAD
    if not near or not m.leads(vote.view):
        return
    made = m.tally(vote.kind, vote.view)
    if made.certificates and vote in made.vote_of(vote.index):
        return m.send(vote.index, made.certificates[0])
    count(m, vote)


def count(m: Machine, vote: Vote) -> None:
    """Add a vote to its tally; a quorum becomes a certificate for all."""
    tally = m.tally(vote.kind, vote.view)
    watching.heard(m, m.validators.validators[vote.index].node, vote)
    m.report(*tally.add(vote))
    known = tally.certificates
    m.blame(tally.settle(vote), "VoteSignature")
    for certificate in tally.certificates[len(known) :]:
        m.trust(certificate)
        m.broadcast(certificate)
        m.plan(Certified(certificate))


def certified(m: Machine, certificate: Certificate) -> None:
    """A verified certificate: COMMIT decides, PREPARE is learnt and perhaps committed to."""
    if certificate.height != m.round.height:
        return
    key = (certificate.kind, certificate.view)
    m.at.certificates.setdefault(key, certificate)
    watching.certified(m, certificate)
    if rounds.decides(certificate):
        m.at.deciding = m.at.deciding or (certificate,)
        return try_decide(m)
    m.at.round, casts = rounds.on_prepare_certificate(m.round, certificate)
    m.plan(*casts)


def try_decide(m: Machine) -> None:
    """Hand the decided block over once we have it executed; else it is wanted."""
    if not m.at.deciding or m.at.decided:
        return
    certificate = m.at.deciding[0]
    candidate = m.at.candidates.get(certificate.block)
    if candidate is None:
        m.at.wanted = certificate.block
    elif not candidate.valid:
        m.execute(candidate)
    else:
        m.at.decided = True
        m.emit(Decide(candidate.header, candidate.body, certificate))


def finalized(m: Machine, height: int, era: Era) -> None:
    """The decided block is durable: only now the next height begins."""
    if height != m.round.height or not m.at.decided:
        return
    certificate = m.at.deciding[0]
    m.plan(NextHeight(m.at.candidates[certificate.block].header, certificate, era))
