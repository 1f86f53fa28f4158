"""The BBFT engine: events in, effects out, nothing else (bbft.md, sections 3 and 11).

One machine for validators and followers (`my_index` None). The driver delivers events one at a
time, performs the outputs in order, and keeps what `Decide` hands it. Signatures come from another
process that journals them first; its requests are to be served in order.
"""

from __future__ import annotations

from typing import assert_never

from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
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
from bystack.sidechain.consensus.engine import Birth, Engine, Verifier
from bystack.sidechain.consensus.events import (
    Built,
    ClockMoved,
    Era,
    Executed,
    Finalized,
    Input,
    Output,
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
from bystack.sidechain.consensus.height import Candidate
from bystack.sidechain.consensus.machine import Machine, Memory
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
from bystack.sidechain.consensus.positions import MAX_HIGH_QC, JournalRecord
from bystack.sidechain.consensus.rounds import CastCommit, CastPrepare, CastTimeout, Enter, Round
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    Certificate,
    Step,
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
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import InstantFinality


class EngineForeign(Invalid):
    """The message belongs to another engine of consensus."""


BlockStep = Certified | Proposed | BlockReady | BlockMissing | NextHeight | FinalBlockFound


class Bbft:
    """One node's part in one sidechain's consensus.

    `era` is that of the first height to decide; whoever's key is `my_key` votes in each era it is a
    validator of and follows in the others (empty: always). `start` is the last durable final header
    with its commit certificate (genesis: `genesis_certificate`); `recovered` is the vote journal's
    last record, `kept` the blocks of `Keep` not yet final. Call `begin` once, then `handle` for
    each event.
    """

    def __init__(
        self,
        era: Era,
        my_key: bytes,
        chain_id: bytes,
        scheme: Scheme,
        start: tuple[Header, Certificate],
        recovered: JournalRecord | None = None,
        kept: tuple[BlockData, ...] = (),
    ) -> None:
        self._m = Machine(era, my_key, chain_id, scheme, start)
        self._recovered, self._kept = recovered, kept

    @property
    def height(self) -> int:
        """The height being decided."""
        return self._m.round.height

    @property
    def view(self) -> int:
        """The view of that height."""
        return self._m.round.view

    @property
    def status(self) -> Status:
        """What to tell a peer on connecting."""
        return Status(self._m.parent_certificate)

    @property
    def leader_index(self) -> int:
        """Who leads the current view."""
        return self._m.leader(self.view)

    def begin(self, now_ms: int) -> list[Output]:
        """Enter the first height, where the journal says we were."""
        m = self._m
        m.now = now_ms
        m.at = m.new_height(now_ms)
        record = self._recovered
        if record and record.position.height == m.round.height:
            self._recover(record)
        m.plan(Enter(m.round.view))
        if m.round.timed_out == m.round.view:
            m.plan(CastTimeout(m.round.view, m.round.high_qc))
        for block in self._kept:
            self._recall(block)
        return self._settle()

    def _recall(self, block: BlockData) -> None:
        """A block we may have voted for: others may need it."""
        m, header = self._m, block.header
        if (header.height, header.parent) == (m.round.height, m.parent.id):
            recalled = Candidate(header, block.body, block.parent_certificate, b"", kept=True)
            m.add_candidate(recalled)
            m.execute(m.at.candidates[header.id])

    def _recover(self, record: JournalRecord) -> None:
        """Go on in the view of the last signature; the journal itself refuses a second one.

        A TIMEOUT is asked for again at once, before anything is learnt that would change it.
        """
        view, step = record.position.view, record.position.step
        memory = decode(Memory, record.high_qc, MAX_HIGH_QC)
        self._m.at.entry = memory.entry
        self._m.at.round = Round(
            record.position.height,
            view,
            memory.high_qc,
            prepared=view if step > Step.PREPARE else view - 1,
            committed=view if step > Step.COMMIT else view - 1,
            timed_out=view if step == Step.TIMEOUT else view - 1,
        )

    def handle(self, event: Input, now_ms: int) -> list[Output]:
        """The effects of one event, in order. Refused messages change nothing."""
        self._m.now = now_ms
        self._input(event)
        return self._settle()

    def _settle(self) -> list[Output]:
        for step in self._m.steps():
            self._step(step)
        done, self._m.outbox = self._m.outbox, []
        return done

    def _input(self, event: Input) -> None:
        m = self._m
        match event:
            case Received():
                self._guarded(event)
            case TimerFired(timer):
                self._timer(timer)
            case Built():
                leading.built(m, event)
            case Executed():
                proposals.executed(m, event)
            case Signed():
                self._signed(event)
            case SignRefused(position):
                m.at.pending.pop(position, None)
            case ClockMoved(skew):
                m.skew = skew
            case WorkAvailable():
                pacing.work_arrived(m)
            case Finalized(height, era):
                ballots.finalized(m, height, era)
            case Synced():
                self._synced(event)
            case _:
                assert_never(event)

    def _guarded(self, event: Received) -> None:
        """The boundary to peers: a broken rule costs its sender, not us."""
        try:
            self._received(event.sender, event.message)
        except Invalid as refusal:
            self._m.emit(Penalise(event.sender, refusal.rule))

    def _received(self, sender: bytes, message: Message) -> None:
        m = self._m
        match message:
            case (
                Propose() | Vote() | Aggregate() | Certificate() | Timeout() | TimeoutCertificate()
            ):
                if pulls.timely(m, sender, message):
                    self._placed(sender, message)
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

    def _placed(self, sender: bytes, message: pulls.Placed) -> None:
        m = self._m
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

    def _timer(self, timer: Timer) -> None:
        m = self._m
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

    def _signed(self, event: Signed) -> None:
        m = self._m
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

    def _synced(self, event: Synced) -> None:
        if event.header.height >= self.height:
            self._m.plan(NextHeight(event.header, event.certificate, event.era))

    def _step(self, step: Planned) -> None:
        m = self._m
        match step:
            case Enter():
                pacing.entered(m)
                leading.begin(m)
            case CastPrepare() | CastCommit():
                ballots.cast(m, step)
            case CastTimeout():
                pacing.cast_timeout(m, step)
            case Received():
                self._guarded(step)
            case Closed(timeouts):
                pacing.closed(m, timeouts)
            case CountTimeouts():
                pacing.count_timeouts(m)
            case _:
                self._block_step(step)

    def _block_step(self, step: BlockStep) -> None:
        m = self._m
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
                self._next_height(step)
            case FinalBlockFound():
                catching.take_final(m, step)
            case _:
                assert_never(step)

    def _next_height(self, step: NextHeight) -> None:
        if step.header.height >= self.height:
            waited = pulls.next_height(self._m, step)
            self._m.plan(Enter(0), *waited)
            catching.go_on(self._m)


class BbftType:
    """The engine named `bbft` (`engine.EngineType`): any validators, elected or fixed."""

    def check(self, validators: ValidatorSet, elected: bool) -> None:
        """Every set will do."""

    def verifier(self, scheme: Scheme) -> Verifier:
        """A commit certificate makes its header final at once."""
        return InstantFinality(scheme)

    def make(self, birth: Birth) -> Engine:
        """A machine for one node."""
        return Bbft(
            birth.era,
            birth.key,
            birth.chain_id,
            birth.scheme,
            birth.start,
            birth.recovered,
            birth.kept,
        )
