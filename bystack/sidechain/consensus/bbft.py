"""The BBFT engine: events in, effects out, nothing else (bbft.md, sections 3 and 11).

One machine for validators and followers (`my_index` None). The driver delivers events one at a
time, performs the outputs in order, and keeps what `Decide` hands it. Signatures come from another
process that journals them first; its requests are to be served in order.
"""

from __future__ import annotations

from bystack.primitives.codec import decode
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.dispatch import take_event, take_step
from bystack.sidechain.consensus.events import (
    Era,
    Input,
    Output,
)
from bystack.sidechain.consensus.height import Candidate
from bystack.sidechain.consensus.machine import Machine, Memory
from bystack.sidechain.consensus.messages import (
    BlockData,
    Status,
)
from bystack.sidechain.consensus.positions import MAX_HIGH_QC, JournalRecord
from bystack.sidechain.consensus.rounds import CastTimeout, Enter, Round
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    Certificate,
    Step,
)


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
        Whatever we signed in this view, nothing can be proposed in it any more.
        """
        view, step = record.position.view, record.position.step
        memory = decode(Memory, record.high_qc, MAX_HIGH_QC)
        self._m.at.entry, self._m.at.proposing = memory.entry, view
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
        take_event(self._m, event)
        return self._settle()

    def _settle(self) -> list[Output]:
        for step in self._m.steps():
            take_step(self._m, step)
        done, self._m.outbox = self._m.outbox, []
        return done
