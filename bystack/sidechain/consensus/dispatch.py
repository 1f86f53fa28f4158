"""Which part of the machine does what: events, messages and planned steps find theirs.

Here is the boundary to peers: a message that breaks a rule costs its sender, not us.
"""

from __future__ import annotations

from typing import assert_never

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus import (
    ballots,
    catching,
    failover,
    gathering,
    late,
    leading,
    pacing,
    proposals,
    pulls,
    watching,
)
from bystack.sidechain.consensus.events import (
    Built,
    ClockMoved,
    Executed,
    Finalized,
    Input,
    Penalise,
    Received,
    Signed,
    SignRefused,
    Synced,
    Timer,
    TimerFired,
    TimerKind,
    WorkAvailable,
)
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.messages import (
    Aggregate,
    BlockData,
    Blocks,
    EvidenceFound,
    Foreign,
    GetBlock,
    GetBlocks,
    GetProposal,
    Message,
    ProposalSeen,
    Propose,
    Sealed,
    Status,
)
from bystack.sidechain.consensus.rounds import CastCommit, CastPrepare, CastTimeout, Enter
from bystack.sidechain.consensus.statements import (
    Certificate,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.steps import (
    BlockMissing,
    BlockReady,
    Certified,
    Closed,
    CountTimeouts,
    FinalBlockFound,
    NextHeight,
    Planned,
    Proposed,
)


class EngineForeign(Invalid):
    """The message belongs to another engine of consensus."""


BlockStep = Certified | Proposed | BlockReady | BlockMissing | NextHeight | FinalBlockFound


def take_event(m: Machine, event: Input) -> None:
    """An event to the part whose matter it is."""
    match event:
        case Received():
            _guarded(m, event)
        case TimerFired(timer):
            _timer(m, timer)
        case Built():
            leading.built(m, event)
        case Executed():
            proposals.executed(m, event)
        case Signed():
            _signed(m, event)
        case SignRefused(position):
            m.at.pending.pop(position, None)
        case ClockMoved(skew):
            m.skew = skew
        case WorkAvailable():
            pacing.work_arrived(m)
        case Finalized(height, era):
            ballots.finalized(m, height, era)
        case Synced():
            _synced(m, event)
        case _:
            assert_never(event)


def _guarded(m: Machine, event: Received) -> None:
    """The boundary to peers: a broken rule costs its sender, not us."""
    try:
        _received(m, event.sender, event.message)
    except Invalid as refusal:
        m.emit(Penalise(event.sender, refusal.rule))


def _received(m: Machine, sender: bytes, message: Message) -> None:
    match message:
        case Propose() | Vote() | Aggregate() | Certificate() | Timeout() | TimeoutCertificate():
            if pulls.timely(m, sender, message):
                _placed(m, sender, message)
        case GetProposal():
            pulls.give_proposal(m, sender, message)
        case GetBlock():
            pulls.give_block(m, sender, message)
        case BlockData():
            pulls.receive_block(m, sender, message)
        case Blocks():
            catching.receive_blocks(m, sender, message)
        case Status(certificate):
            pulls.receive_status(m, sender, certificate)
        case EvidenceFound() | ProposalSeen():
            watching.told(m, sender, message)
        case GetBlocks():
            pass  # the driver's: it has the store
        case Sealed() | Foreign():
            raise EngineForeign(message=type(message).__name__)
        case _:
            assert_never(message)


def _placed(m: Machine, sender: bytes, message: pulls.Placed) -> None:
    match message:
        case Propose():
            proposals.receive_proposal(m, sender, message)
        case Vote():
            gathering.receive_vote(m, sender, message)
        case Aggregate():
            gathering.receive_aggregate(m, sender, message)
        case Certificate():
            pulls.receive_certificate(m, sender, message)
        case Timeout():
            pacing.receive_timeout(m, sender, message)
        case TimeoutCertificate() if message.view >= m.round.view:
            m.check_timeouts(message)
            m.plan(Closed(message))
        case TimeoutCertificate():
            watching.late(m, sender, message)
        case _:
            assert_never(message)


def _timer(m: Machine, timer: Timer) -> None:
    if (timer.height, timer.view) != (m.round.height, m.round.view):
        return late.flush(m, timer)
    match timer.kind:
        case TimerKind.VIEW:
            pacing.view_over(m)
        case TimerKind.REPEAT:
            pacing.say_timeout(m)
        case TimerKind.PROPOSE:
            leading.propose_due(m)
        case TimerKind.FLUSH:
            gathering.flush(m)
        case TimerKind.RETRY:
            failover.retry(m)
        case _:
            assert_never(timer.kind)


def _signed(m: Machine, event: Signed) -> None:
    late.signed(m, event)
    for message in ballots.take_signed(m, event):
        match message:
            case Propose():
                leading.proposal_signed(m, message)
            case Vote():
                ballots.vote_signed(m, message)
            case Timeout():
                pacing.timeout_signed(m, message)
            case _:
                assert_never(message)


def _synced(m: Machine, event: Synced) -> None:
    if event.header.height >= m.round.height:
        m.plan(NextHeight(event.header, event.certificate, event.era))


def take_step(m: Machine, step: Planned) -> None:
    """A planned step to the part that does it."""
    match step:
        case Enter():
            pacing.entered(m)
            leading.begin(m)
        case CastPrepare() | CastCommit():
            ballots.cast(m, step)
        case CastTimeout():
            pacing.cast_timeout(m, step)
        case Received():
            _guarded(m, step)
        case Closed(timeouts):
            pacing.closed(m, timeouts)
        case CountTimeouts():
            pacing.count_timeouts(m)
        case _:
            _block_step(m, step)


def _block_step(m: Machine, step: BlockStep) -> None:
    match step:
        case Certified(certificate):
            ballots.certified(m, certificate)
        case Proposed():
            proposals.accept(m, step)
        case BlockReady():
            proposals.try_prepare(m)
            leading.try_lead(m)
            ballots.try_decide(m)
        case BlockMissing(block):
            failover.missing(m, block)
        case NextHeight():
            _next_height(m, step)
        case FinalBlockFound():
            catching.take_final(m, step)
        case _:
            assert_never(step)


def _next_height(m: Machine, step: NextHeight) -> None:
    if step.header.height >= m.round.height:
        waited = pulls.next_height(m, step)
        m.plan(Enter(0), *waited)
        catching.go_on(m)
