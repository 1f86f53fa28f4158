"""Views: their timers, giving them up, and leaving them together (bbft.md, sections 3 and 5)."""

from __future__ import annotations

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus import failover, rounds, watching
from bystack.sidechain.consensus.events import SetTimer, Timer, TimerKind
from bystack.sidechain.consensus.leading import due
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.rounds import CastTimeout
from bystack.sidechain.consensus.statements import (
    NO_SIGNATURE,
    PREPARE,
    Step,
    Timeout,
    TimeoutCertificate,
    timeout_payload,
)
from bystack.sidechain.consensus.steps import BlockReady, Certified, Closed, CountTimeouts


class TimeoutReport(Invalid):
    """A TIMEOUT's certificate is not the prepare certificate of the view it reports."""


def entered(m: Machine) -> None:
    """Arm the view's timers, forget what earlier views needed, see what already waits."""
    view = m.round.view
    m.at.retries, m.at.asked = 0, -1
    arm(m)
    for key in [k for k in m.at.tallies if k[1] < view - 1]:
        del m.at.tallies[key]
    for key in [k for k in m.at.certificates if k[1] < view - 3]:
        del m.at.certificates[key]
    for past in [v for v in m.at.signed if v < view - 1]:
        del m.at.signed[past]
        m.at.proposals.pop(past, None)
    m.plan(BlockReady(), CountTimeouts())


def arm(m: Machine) -> None:
    """Set the view and retry timers, counted in view 0 from when a proposal is due."""
    view, height, config = m.round.view, m.round.height, m.config
    start = due(m) if view == 0 else m.now
    m.at.deadline = start + rounds.view_timeout(config.tau0, view)
    m.emit(SetTimer(Timer(TimerKind.VIEW, height, view), m.at.deadline))
    failover.arm(m, start + m.pace.fallback(config))


def work_arrived(m: Machine) -> None:
    """Transactions wait: expect the proposal after the short interval."""
    if m.at.work:
        return
    m.at.work = True
    if m.round.view == 0 and m.at.proposed_at < 0 and not m.at.deciding:
        arm(m)
        if m.leads(0):
            m.emit(SetTimer(Timer(TimerKind.PROPOSE, m.round.height, 0), due(m)))


def view_over(m: Machine) -> None:
    """The view timer fired; an earlier setting of it does not count."""
    if m.now >= m.at.deadline:
        give_up(m)


def give_up(m: Machine) -> None:
    """Vote in this view no more and say so."""
    if not m.abstains:
        m.at.round, casts = rounds.on_view_over(m.round)
        m.plan(*casts)


def cast_timeout(m: Machine, wish: CastTimeout) -> None:
    """Have a TIMEOUT signed."""
    if m.me is None:
        return
    high = wish.high_qc[0].view if wish.high_qc else -1
    height, epoch = m.round.height, m.validators.epoch
    unsigned = Timeout(epoch, height, wish.view, high, wish.high_qc, m.me, NO_SIGNATURE)
    m.request(Step.TIMEOUT, wish.view, timeout_payload(high), unsigned)


def timeout_signed(m: Machine, timeout: Timeout) -> None:
    """Our TIMEOUT leaves, and counts."""
    m.at.my_timeout = (timeout,)
    m.at.timeouts.add(timeout)
    say_timeout(m)
    m.plan(CountTimeouts())


def say_timeout(m: Machine) -> None:
    """Broadcast our TIMEOUT, again every tau0 while we are in its view."""
    for timeout in m.at.my_timeout:
        if timeout.view == m.round.view and not m.at.deciding:
            m.broadcast(timeout)
            timer = Timer(TimerKind.REPEAT, timeout.height, timeout.view)
            m.emit(SetTimer(timer, m.now + m.config.tau0))


def check_report(timeout: Timeout) -> None:
    """The certificate shown is the prepare certificate of the view reported.

    That view may be later than the one given up: a validator left behind learns before it
    enters. Raises `TimeoutReport`.
    """
    shown = tuple((b.kind, b.height, b.view) for b in timeout.best)
    said = ((PREPARE, timeout.height, timeout.high),) if timeout.high >= 0 else ()
    if shown != said:
        raise TimeoutReport(high=timeout.high, view=timeout.view)


def receive_timeout(m: Machine, sender: bytes, timeout: Timeout) -> None:
    """A TIMEOUT of the current height. Raises `UnknownValidator`, `TimeoutReport` and those of
    certificates and collectors. Who is behind gets what we have.
    """
    m.speaks_for(sender, timeout.index)
    check_report(timeout)
    for best in timeout.best:
        m.check(best)
        m.plan(Certified(best))
    if m.at.deciding and m.allowed(sender, "decided"):
        m.send(timeout.index, m.at.deciding[0])
    watching.heard(m, sender, timeout)
    if timeout.view < m.round.view:
        if m.at.entry and m.allowed(sender, "entry"):
            m.send(timeout.index, m.at.entry[0])
        return
    m.report(*m.at.timeouts.add(timeout))
    m.plan(CountTimeouts())


def count_timeouts(m: Machine) -> None:
    """A weak set makes us give up too; a quorum closes the view."""
    if m.at.deciding:
        return
    if m.at.timeouts.weak_from(m.round.view):
        give_up(m)
    made, bad = m.at.timeouts.certify(m.round.view)
    m.blame(bad, "VoteSignature")
    for timeouts in made:
        m.trust(timeouts)
        m.broadcast(timeouts)
        m.plan(Closed(timeouts))


def closed(m: Machine, timeouts: TimeoutCertificate) -> None:
    """A view is over for all: learn the best certificate and enter the next."""
    if timeouts.height != m.round.height:
        return
    watching.heard(m, b"", timeouts)
    watching.show(m, timeouts.height, timeouts.view)
    m.at.round, casts = rounds.on_timeout_certificate(m.round, timeouts)
    if casts:
        m.at.entry = (timeouts,)
    m.plan(*casts)
