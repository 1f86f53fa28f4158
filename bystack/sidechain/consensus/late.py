"""The COMMITs that come after a block is final: they still count for those who sent them.

The leader of the block collects them on and hands the fullest certificate it can make to the
leader of the next height, whose block names it: rewards and jailing count there. A validator that
finds itself left out of it says COMMIT to the leaders directly for a while, so no gateway can
starve it. Votes that go round a gateway after the fact are answered with the certificate
(bbft.md, sections 6 and 7).
"""

from __future__ import annotations

from contextlib import suppress

from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.carriers import SUMS
from bystack.sidechain.consensus.events import Send, SetTimer, Signed, Timer, TimerKind
from bystack.sidechain.consensus.gathering import check_said, hears, upward
from bystack.sidechain.consensus.height import Late
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.messages import Message, Propose
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.statements import (
    COMMIT,
    PREPARE,
    Aggregate,
    Certificate,
    Step,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet, indexes_of

STARVED_AFTER, STARVED_BLOCKS = 3, 100


def remember(m: Machine) -> tuple[Late, ...]:
    """The height that ends; nothing if we followed it, or it came by sync."""
    if m.me is None or not m.at.deciding:
        return ()
    certificate = m.at.deciding[0]
    view = certificate.view
    late = Late(
        certificate=certificate,
        validators=m.validators,
        paths=m.paths(view),
        me=m.me,
        leader=m.leader(view),
        tallies={kind: m.tally(kind, view) for kind in (PREPARE, COMMIT)},
        committed=m.round.committed == view,
        pending={p: asked for p, asked in m.at.pending.items() if _still_counts(p, view)},
        gone_round=m.at.gone_round,
        carried=m.at.carried,
    )
    return (late,)


def _still_counts(position: Position, view: int) -> bool:
    """A COMMIT of the view that decided; in its sums one of another view is a bad signature."""
    return (position.view, position.step) == (view, Step.COMMIT)


def begin(m: Machine, fuller: tuple[Certificate, ...]) -> None:
    """A height began: wait for the last one's late COMMITs, if we collected them. `fuller` came
    from the last one's leader before we were through with it; a bad one is of no use.
    """
    for late in m.late:
        with suppress(Invalid):
            for certificate in fuller if m.leads(0) else ():
                take(m, late.validators, certificate)
        if late.me == late.leader:
            left = m.at.parent_proposed_at + m.config.interval - m.now
            _wait(m, late, min(m.pace.fallback(m.config), max(left, 0) // 2))
        _settle(m, late)


def _wait(m: Machine, late: Late, milliseconds: int) -> None:
    late.flushing, late.due = True, m.now + milliseconds
    place = (late.certificate.height, late.certificate.view)
    m.emit(SetTimer(Timer(TimerKind.FLUSH, *place), late.due))


def receive(m: Machine, sender: bytes, message: object) -> bool:
    """A vote, sum or certificate of the last height; False for anything else.

    Raises those of tallies.
    """
    for late in m.late:
        if getattr(message, "height", -1) != late.certificate.height:
            return False
        match message:
            case Vote():
                _vote(m, late, sender, message)
            case Aggregate():
                _aggregate(m, late, sender, message)
            case Certificate():
                _certificate(m, late, sender, message)
            case _:
                return False
        return True
    return False


def _vote(m: Machine, late: Late, sender: bytes, vote: Vote) -> None:
    """Who is not of our group, or says it again, lacks the certificate."""
    check_said(vote)
    if late.validators.by_node.get(sender) != vote.index or vote.view != late.certificate.view:
        return
    tally = late.tallies[vote.kind]
    again = vote in tally.vote_of(vote.index)
    if again or vote.index not in late.paths.usual(late.me):
        _answer(m, late, vote.index)
    if vote.kind == COMMIT and vote.block == late.certificate.block:
        tally.add(vote)
        _settle(m, late)


def _answer(m: Machine, late: Late, index: int) -> None:
    collects = late.me == late.leader or late.paths.collects(late.me)
    if collects and m.allowed(late.validators.validators[index].node, "last"):
        _send(m, late, index, late.certificate)


def _aggregate(m: Machine, late: Late, sender: bytes, said: Aggregate) -> None:
    check_said(said)
    index = late.validators.by_node.get(sender, -1)
    if said.view != late.certificate.view or index < 0:
        return
    within = {*indexes_of(said.bitmap, len(late.validators))} <= late.paths.subtree(index)
    if not within or not hears(late.me, late.leader, index, late.paths):
        return
    late.carried.add((index, SUMS))
    if said.kind == COMMIT and said.block == late.certificate.block:
        late.tallies[COMMIT].add_sum(said, index)
        _settle(m, late)


def _certificate(m: Machine, late: Late, sender: bytes, certificate: Certificate) -> None:
    """The same from our gateway, later than from others; or one fuller, for our next block."""
    index = late.validators.by_node.get(sender, -1)
    late.carried.add((index, certificate.kind))
    if certificate.kind == COMMIT and index >= 0 and m.leads(0):
        take(m, late.validators, certificate)


def take(m: Machine, validators: ValidatorSet, certificate: Certificate) -> None:
    """Build on the fuller certificate of the last block, unless a block is being built.

    Raises `CertificateBitmap` and as `verify_certificate`.
    """
    named = (certificate.height, certificate.block)
    if named != (m.parent.height, m.parent.id) or m.at.building >= 0:
        return
    if _weight(validators, certificate) > _weight(validators, m.parent_certificate):
        m.check(certificate)
        m.parent_certificate = certificate


def _weight(validators: ValidatorSet, certificate: Certificate) -> int:
    return validators.weight_of(indexes_of(certificate.bitmap, len(validators)))


def _settle(m: Machine, late: Late) -> None:
    """Pass COMMITs on when all of ours are here, else soon."""
    known = late.tallies[COMMIT].for_(late.certificate)
    if late.me == late.leader:
        if len(known) == len(late.validators):
            hand_over(m, late)
    elif not late.paths.star and late.paths.collects(late.me):
        group = late.paths.subtree(late.me)
        if group <= known:
            _share(m, late)
        elif not late.flushing and late.tallies[COMMIT].unshared(late.certificate, group):
            _wait(m, late, m.pace.gathering(m.config))


def _share(m: Machine, late: Late) -> None:
    group = late.paths.subtree(late.me)
    messages, _ = late.tallies[COMMIT].share(late.certificate, group, late.me)
    for message in messages:
        for target in upward(late.me, late.leader, late.paths, True):
            _send(m, late, target, message)


def flush(m: Machine, timer: Timer) -> None:
    """A timer of another place than ours fired: perhaps the last height's."""
    for late in m.late:
        mine = (late.certificate.height, late.certificate.view)
        fired = timer.kind == TimerKind.FLUSH and (timer.height, timer.view) == mine
        if fired and m.now >= late.due:
            late.flushing = False
            _pass_on(m, late)


def _pass_on(m: Machine, late: Late) -> None:
    if late.me == late.leader:
        hand_over(m, late)
    elif not late.paths.star and late.paths.collects(late.me):
        _share(m, late)


def hand_over(m: Machine, late: Late) -> None:
    """Give the next leader the fullest certificate, once."""
    if late.handed:
        return
    late.handed = True
    for certificate in late.tallies[COMMIT].fullest(late.certificate):
        known = late.paths.star and late.certificate.bitmap == certificate.bitmap
        if known:
            return
        m.trust(certificate)
        if m.leads(0):
            take(m, late.validators, certificate)
        else:
            m.send(m.leader(0), certificate)


def signed(m: Machine, answer: Signed) -> None:
    """Our COMMIT of the last height, if that is what was signed: it leaves late."""
    for late in m.late:
        asked = late.pending.pop(answer.position, None)
        if asked and asked[0].digest == answer.digest and isinstance(asked[1], Vote):
            _say(m, late, replace(asked[1], signature=answer.signature))


def _say(m: Machine, late: Late, vote: Vote) -> None:
    if late.me == late.leader or late.paths.collects(late.me):
        late.tallies[COMMIT].add(vote)
        return _settle(m, late)
    _send(m, late, late.paths.above[late.me], vote)


def _send(m: Machine, late: Late, index: int, message: Message) -> None:
    m.emit(Send(late.validators.validators[index].node, message))


def left_out(m: Machine, proposal: Propose) -> None:
    """Notice when certificates that blocks name lack our COMMITs although we sent them."""
    for late in m.late:
        named = proposal.parent_certificate
        if not late.committed or named.view != late.certificate.view:
            return
        inside = late.me in indexes_of(named.bitmap, len(late.validators))
        m.missed = max(m.missed - 1, 0) if inside else m.missed + 1
        if m.missed >= STARVED_AFTER:
            m.missed, m.starved = 0, m.round.height + STARVED_BLOCKS
