"""Votes up, sums across, certificates down: what gateways, their heads and the leader do.

Whoever collects sums up its group's votes, verified once: when all have voted, else `d_agg` after
the first but its own; more follow. A gateway shares its sum with the other gateways and the
leader. One that has a quorum before sharing sends the others the certificate instead, and the
leader its sum all the same: the leader's certificate shall name everyone (bbft.md, section 6).
"""

from __future__ import annotations

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus import carriers, watching
from bystack.sidechain.consensus.certificates import CertificateJustify, signers
from bystack.sidechain.consensus.events import FOREVER, SetTimer, Timer, TimerKind
from bystack.sidechain.consensus.machine import VIEWS_AHEAD, Machine
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    PREPARE,
    Aggregate,
    Certificate,
    Vote,
)
from bystack.sidechain.consensus.steps import Certified
from bystack.sidechain.consensus.tally import Said, Tally
from bystack.sidechain.consensus.topology import Topology


class AggregateOutside(Invalid):
    """The aggregate names voters outside its sender's group."""


def check_said(said: Vote | Aggregate) -> None:
    """A COMMIT has no justify hash; raises `CertificateJustify`."""
    if said.kind == COMMIT and said.justify != NO_HASH:
        raise CertificateJustify(justify=said.justify)


def collecting(m: Machine, view: int) -> bool:
    """Whether votes of a view may come to us."""
    if m.me is None or not -1 <= view - m.round.view <= VIEWS_AHEAD:
        return False
    return m.leads(view) or m.paths(view).collects(m.me)


def receive_vote(m: Machine, sender: bytes, vote: Vote) -> None:
    """A vote of the current height, from one of our group or from one that goes round its gateway.

    Raises `UnknownValidator`, `CertificateJustify` and those of tallies. The certificate answers
    who should have it from others, and who says the same again.
    """
    m.speaks_for(sender, vote.index)
    check_said(vote)
    if not collecting(m, vote.view) or m.me is None:
        return
    known = m.at.certificates.get((vote.kind, vote.view))
    again = vote in m.tally(vote.kind, vote.view).vote_of(vote.index)
    if known and (again or vote.index not in m.paths(vote.view).usual(m.me)):
        m.send(vote.index, known)
    gather(m, vote)


def gather(m: Machine, vote: Vote) -> None:
    """Count a vote, ours or another's."""
    watching.heard(m, m.validators.validators[vote.index].node, vote)
    tally = m.tally(vote.kind, vote.view)
    m.report(*tally.add(vote))
    advance(m, tally, vote)


def receive_aggregate(m: Machine, sender: bytes, said: Aggregate) -> None:
    """A sum of votes of the current height, from a gateway or a head of our own group.

    Raises `UnknownValidator`, `CertificateJustify`, `AggregateOutside` and those of tallies.
    """
    index = m.validators.by_node.get(sender, -1)
    m.speaks_for(sender, index)
    check_said(said)
    if not collecting(m, said.view):
        return
    paths = m.paths(said.view)
    check_subtree(m, said, index, paths)
    if hears(m.me, m.leader(said.view), index, paths):
        carriers.carried(m, sender, carriers.SUMS)
        seen = watching.compare(m, sender, said)
        tally = m.tally(said.kind, said.view)
        if tally.add_sum(said, index) and seen:
            seen.keep(said)
        advance(m, tally, said)


def check_subtree(m: Machine, said: Aggregate, sender: int, paths: Topology) -> None:
    """A sum speaks only for its sender's group; raises `AggregateOutside`, `CertificateBitmap`."""
    if not {*signers(said, m.validators)} <= paths.subtree(sender):
        raise AggregateOutside(sender=sender)


def hears(me: int | None, leader: int, sender: int, paths: Topology) -> bool:
    """Whether sums of `sender` are for us: gateways' for gateways and leader, a head's for its
    gateway.
    """
    if sender in paths.gateways:
        return me in paths.gateways or me == leader
    return me is not None and paths.above[sender] == me


def advance(m: Machine, tally: Tally, said: Said) -> None:
    """After a vote: certify at a quorum, else see whether our group has all voted."""
    if (said.kind, said.view) not in m.at.certificates:
        _blame(m, tally.settle(said))
        for certificate in tally.certificates:
            m.trust(certificate)
            return m.plan(Certified(certificate))
    elif said.kind == PREPARE:
        return
    consider(m, tally, said)


def _blame(m: Machine, indexes: list[int]) -> None:
    """A gateway whose sums are bad is none."""
    m.blame(indexes, "VoteSignature")
    for index in indexes:
        carriers.note(m, index, carriers.SOUND)


def consider(m: Machine, tally: Tally, said: Said) -> None:
    """Share our group's votes when all are here; else soon. Our own vote, which comes two hops
    before the others', does not begin the wait.
    """
    paths = m.paths(said.view)
    if m.me is None or paths.star or not paths.collects(m.me):
        return
    group = paths.subtree(m.me)
    if group <= tally.for_(said):
        return share(m, tally, said)
    fresh = tally.unshared(said, group)
    wait = m.pace.fallback if fresh == {m.me} else m.pace.gathering
    at = m.now + wait(m.config)
    if fresh and at < m.at.flush_at.get(said.kind, FOREVER):
        m.at.flush_at[said.kind] = at
        m.emit(SetTimer(Timer(TimerKind.FLUSH, m.round.height, said.view), at))


def flush(m: Machine) -> None:
    """The gathering timer fired: share what came."""
    view = m.round.view
    for kind in [kind for kind, at in m.at.flush_at.items() if at <= m.now]:
        del m.at.flush_at[kind]
        tally = m.tally(kind, view)
        if kind == COMMIT or (kind, view) not in m.at.certificates:
            for said in tally.subjects:
                share(m, tally, said)


def share(m: Machine, tally: Tally, said: Said) -> None:
    """Send the votes of our group that we did not send yet."""
    paths = m.paths(said.view)
    if m.me is None or paths.star or not paths.collects(m.me):
        return
    messages, bad = tally.share(said, paths.subtree(m.me), m.me)
    _blame(m, bad)
    known = (said.kind, said.view) in m.at.certificates
    for message in messages:
        for target in upward(m.me, m.leader(said.view), paths, known):
            m.send(target, message)


def upward(me: int, leader: int, paths: Topology, known: bool) -> list[int]:
    """Who hears our sums: a head's gateway; the other gateways, unless they know the certificate,
    and the leader.
    """
    if me in paths.above:
        return [paths.above[me]]
    others = () if known else paths.gateways
    return [i for i in dict.fromkeys((*others, leader)) if i != me]


def publish(m: Machine, certificate: Certificate) -> None:
    """We know a certificate now: down to our group, to whoever asked us directly, and across if
    the other gateways cannot have it yet.
    """
    paths, leader = m.paths(certificate.view), m.leader(certificate.view)
    tally = m.tally(certificate.kind, certificate.view)
    formed = certificate in tally.certificates
    if m.me is None:
        return
    if paths.star:
        return m.broadcast(certificate) if formed and m.me == leader else None
    asked = sorted(tally.direct - paths.usual(m.me))
    below = paths.below.get(m.me, ())
    across = paths.gateways if formed and _ahead_of_others(m, tally, certificate, asked) else ()
    carried = [i for i in (*across, *below) if i != leader]
    for target in dict.fromkeys((*carried, *asked)):
        if target != m.me:
            m.send(target, certificate)
    share(m, tally, certificate)


def _ahead_of_others(m: Machine, tally: Tally, certificate: Certificate, asked: list[int]) -> bool:
    """Whether a certificate we made has votes that the gateways do not have."""
    me, paths = m.me, m.paths(certificate.view)
    if me in paths.gateways:
        return bool(asked or tally.unshared(certificate, paths.subtree(me)))
    return bool(asked) and m.leads(certificate.view)


def pass_down(m: Machine, proposal: Propose) -> None:
    """A checked proposal travels on to our group before we execute it; ours begins at the
    gateways.
    """
    view, leader = proposal.view, m.leader(proposal.view)
    paths = m.paths(view)
    if m.me is None:
        return
    if m.me == leader and paths.star:
        return m.broadcast(proposal)
    first = paths.gateways if m.me == leader else ()
    for target in dict.fromkeys((*first, *paths.below.get(m.me, ()))):
        if target not in (m.me, leader):
            m.send(target, proposal)
