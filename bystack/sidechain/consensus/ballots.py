"""Votes out and in, certificates, and the decision (bbft.md, sections 3 and 6)."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus import failover, gathering, leading, rounds, watching
from bystack.sidechain.consensus.events import Decide, Era, Signed
from bystack.sidechain.consensus.machine import Machine
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
from bystack.sidechain.consensus.steps import NextHeight


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
    """Our vote travels up: into our group's sum, or to whoever sums it up."""
    m.at.last_vote = (vote,)
    m.at.voted[vote.kind, vote.view] = m.now
    failover.wait(m)
    paths, leader = m.paths(vote.view), m.leader(vote.view)
    if m.me == leader or paths.collects(vote.index):
        gathering.gather(m, vote)
    starved = vote.kind == COMMIT and m.round.height <= m.starved
    above = paths.above.get(vote.index)
    heads = () if above is None or vote.index in paths.below else (above,)
    for index in dict.fromkeys((*heads, *((leader,) if starved else ()))):
        if index != m.me:
            m.send(index, vote)


def certified(m: Machine, certificate: Certificate) -> None:
    """A verified certificate: COMMIT decides, PREPARE is learnt and perhaps committed to."""
    if certificate.height != m.round.height:
        return
    key = (certificate.kind, certificate.view)
    first = key not in m.at.certificates
    m.at.certificates.setdefault(key, certificate)
    if first:
        _first(m, certificate)
    watching.certified(m, certificate)
    if rounds.decides(certificate):
        m.at.deciding = m.at.deciding or (certificate,)
        return try_decide(m)
    m.at.round, casts = rounds.on_prepare_certificate(m.round, certificate)
    m.plan(*casts)
    leading.prepare(m, certificate.block)


def _first(m: Machine, certificate: Certificate) -> None:
    """The first certificate of its kind and view: learn the pace from it, and pass it on."""
    voted = m.at.voted.get((certificate.kind, certificate.view))
    if voted is not None:
        m.pace.took(m.now - voted)
    gathering.publish(m, certificate)


def try_decide(m: Machine) -> None:
    """Hand the decided block over once we have it executed; else it is wanted."""
    if not m.at.deciding or m.at.decided:
        return
    certificate = m.at.deciding[0]
    candidate = m.at.candidates.get(certificate.block)
    if candidate is None:
        failover.decided_unseen(m, certificate.block)
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
