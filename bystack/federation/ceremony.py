"""The key generation as one pure machine: messages and deadlines in, effects out.

The signer process runs it; the member's process only carries its bytes. The order of outputs is
the order of effects: `Persist` stands before what it makes safe to send. Times are the driver's:
it fires `Retry` at its own pace and `Deadline(round)` when a round has lasted too long.

A member that has certified never gives up by itself: the key exists if anyone holds all
certifications. At its deadline it reports and waits for the certificate; others abort at once
when someone is convicted, and broadcast the transcript that convicts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from bystack.federation import dkg
from bystack.federation.blame import Convicted, Verdict, blocking, convict, judge, silent
from bystack.federation.combining import DealersShort
from bystack.federation.drawing import Held
from bystack.federation.events import (
    Aborted,
    Broadcast,
    Deadline,
    Done,
    Event,
    Output,
    Persist,
    Received,
    Retry,
    Send,
)
from bystack.federation.identity import identity_public
from bystack.federation.messages import (
    Deal,
    KeyCertificate,
    Message,
    PartialSignature,
    Signed,
    Transcript,
    check_signed,
)
from bystack.federation.record import Record, complete
from bystack.federation.session import Session
from bystack.federation.states import (
    SLOT,
    Acknowledged,
    CeremonyState,
    Certified,
    Dealt,
    Ended,
    Finished,
    Greeted,
    Opened,
    Step,
    decode_state,
)
from bystack.primitives.errors import Misuse

Outcome = tuple["Ceremony", tuple[Output, ...]]


@dataclass(frozen=True)
class Ceremony:
    """One member's part in one key generation. `identity` is its Ed25519 secret.

    `held`: its shares of the key that a refresh or reshare continues, by index.
    """

    state: CeremonyState
    identity: bytes
    held: Held = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Ceremony(redacted)"

    @classmethod
    def begin(
        cls,
        session: Session,
        identity: bytes,
        randomness: bytes,
        held: Held = dkg.NOTHING_HELD,
    ) -> Outcome:
        """Say hello. `randomness` is 32 fresh random bytes. Raises for a session without a seat.

        Begin a session once: after a crash, `resume` from what was persisted.
        """
        seat = session.seat(identity_public(identity))
        greeted = dkg.round_zero(session, seat, identity, randomness, held)
        return cls(CeremonyState(greeted, (greeted.message,)), identity, held)._enter(greeted)

    @classmethod
    def resume(cls, data: bytes, identity: bytes, held: Held = dkg.NOTHING_HELD) -> Outcome:
        """The machine as last persisted, saying its last word again; raises the codec's errors."""
        state = decode_state(data)
        ceremony = cls(state, identity, held)
        match state.step:
            case Finished(shares=shares, certificate=certificate):
                return ceremony, (Done(shares, certificate), Broadcast(certificate))
            case Ended():
                return ceremony, ceremony._report()
            case Greeted():
                return ceremony, ceremony._repeat()
            case _:
                after, outputs = ceremony._progress(b"")
                return after, (*ceremony._repeat(), *outputs)

    @property
    def session(self) -> Session:
        """The session this ceremony holds."""
        return self.state.step.session

    @property
    def turn(self) -> int | None:
        """The round whose messages are awaited; None once it is over."""
        match self.state.step:
            case Finished() | Ended():
                return None
            case step:
                return step.message.body.ROUND

    @property
    def transcript(self) -> Transcript:
        """All messages heard, in order of round and seat: the evidence."""
        return Transcript(self.session, self.state.pool)

    def handle(self, event: Event, randomness: bytes) -> Outcome:
        """The next machine and what to do. `randomness` is 32 fresh bytes, used at most once.

        Raises `Invalid` (and nothing has changed) for a message that is forged, of another
        session, or a certificate that proves nothing.
        """
        match event:
            case Received(message):
                return self._receive(message, randomness)
            case Retry():
                return self, self._repeat()
            case Deadline(turn) if turn == self.turn:
                return self._expire(turn, randomness)
            case Deadline():
                return self, ()
            case _:
                assert_never(event)

    def _receive(self, message: Message, randomness: bytes) -> Outcome:
        match message:
            case Signed():
                check_signed(self.session, message)
                return self._hear((message,), randomness)
            case Transcript(messages=messages):
                for signed in messages:
                    check_signed(self.session, signed)
                return self._learn(messages, randomness)
            case KeyCertificate():
                return self._certificate(message)
            case PartialSignature():
                return self, ()
            case _:
                assert_never(message)

    def _hear(self, messages: tuple[Signed, ...], randomness: bytes) -> Outcome:
        """Take messages in and go on if the round is complete."""
        match self.state.step:
            case Finished(certificate=certificate):
                late = sorted({signed.sender for signed in messages})
                return self, tuple(Send(seat, certificate) for seat in late)
            case Ended():
                return self, ()
            case _:
                return self._pooled(messages)._progress(randomness)

    def _learn(self, evidence: tuple[Signed, ...], randomness: bytes) -> Outcome:
        """Take another's whole evidence: if it convicts anyone, so do we, at once."""
        ceremony = self._pooled(evidence)
        match self.state.step:
            case Finished() | Certified() | Ended():
                return self._hear(evidence, randomness)
            case _ if found := blocking(self.session, convict(ceremony.transcript)):
                return ceremony._abort(found)
            case _:
                return ceremony._progress(randomness)

    def _pooled(self, messages: tuple[Signed, ...]) -> Ceremony:
        slots: dict[tuple[int, int], list[Signed]] = {}
        for signed in (*self.state.pool, *messages):
            slot = slots.setdefault((signed.body.ROUND, signed.sender), [])
            if signed not in slot and len(slot) < SLOT:
                slot.append(signed)
        pool = tuple(signed for key in sorted(slots) for signed in slots[key])
        return self._at(CeremonyState(self.state.step, pool))

    def _at(self, state: CeremonyState) -> Ceremony:
        return Ceremony(state, self.identity, self.held)

    def _progress(self, randomness: bytes, *, closing: bool = False) -> Outcome:
        """Go on if the round is complete; `closing`: or if only members that leave are missing."""
        certified = isinstance(self.state.step, Certified)
        contradicted = not certified and self._contradicted()
        if contradicted and (found := blocking(self.session, convict(self.transcript))):
            return self._abort(found)
        messages = () if self.turn is None or self._awaits_the_end else self._round()
        if not complete(self.session, messages, closing=closing):
            return self, ()
        try:
            return self._advance(messages, randomness)
        except Convicted as convicted:
            # After certifying, guilt ends nothing: another may hold a better certification.
            return (self, ()) if certified else self._abort(convicted.verdicts)
        except DealersShort:
            return self._abort((), self._unheard())

    @property
    def _awaits_the_end(self) -> bool:
        """A member that leaves has dealt, and awaits the certificate."""
        return isinstance(self.state.step, Dealt) and self.state.step.seat >= self.session.size

    def _unheard(self) -> tuple[int, ...]:
        """Who leaves and did not deal here."""
        dealt = {signed.sender for signed in self.state.pool if isinstance(signed.body, Deal)}
        leaving = range(self.session.size, len(self.session.parties))
        return tuple(seat for seat in leaving if seat not in dealt)

    def _contradicted(self) -> bool:
        slots = [(signed.body.ROUND, signed.sender) for signed in self.state.pool]
        return len(set(slots)) < len(slots)

    def _round(self) -> tuple[Signed, ...]:
        """One message of the current round from each member heard: of two, one without fault.

        A member that leaves counts as silent unless what it said is faultless.
        """
        record, chosen = Record(self.transcript), dict[int, Signed]()
        for signed in self.state.pool:
            if self.turn != signed.body.ROUND:
                continue
            if signed.sender not in chosen or any(judge(record, chosen[signed.sender])):
                chosen[signed.sender] = signed
        return tuple(
            chosen[seat]
            for seat in sorted(chosen)
            if seat < self.session.size or not any(judge(record, chosen[seat]))
        )

    def _advance(self, messages: tuple[Signed, ...], randomness: bytes) -> Outcome:
        match self.state.step:
            case Greeted() as greeted:
                step = dkg.round_one(greeted, messages, self.identity, randomness, self.held)
                return self._enter(step)
            case Dealt() as dealt:
                return self._enter(dkg.round_two(dealt, messages, self.identity))
            case Acknowledged() as acknowledged:
                return self._enter(
                    dkg.round_three(acknowledged, messages, self.identity, self.held)
                )
            case Opened() as opened:
                return self._abort(dkg.judge_openings(opened, messages).verdicts)
            case Certified() as certified:
                return self._complete(dkg.finish(certified, messages))
            case _:
                raise Misuse("a ceremony that is over cannot advance")

    def _enter(self, step: Step) -> Outcome:
        """Begin the next round; its messages may have arrived already."""
        if isinstance(step, Finished | Ended):
            raise Misuse("a ceremony ends by `_complete` or `_abort`")
        ceremony = self._at(CeremonyState(step, self.state.pool))._pooled((step.message,))
        said = (Persist(ceremony.state), Broadcast(step.message))
        after, outputs = ceremony._progress(b"")
        return after, (*said, *outputs)

    def _complete(self, finished: Finished) -> Outcome:
        state = CeremonyState(finished, ())
        done = Done(finished.shares, finished.certificate)
        outputs = (Persist(state), done, Broadcast(finished.certificate))
        return self._at(state), outputs

    def _certificate(self, certificate: KeyCertificate) -> Outcome:
        match self.state.step:
            case Certified() as certified:
                return self._complete(dkg.accept(certified, certificate))
            case Greeted() | Dealt() as leaving if leaving.seat >= self.session.size:
                return self._complete(dkg.take_leave(leaving, certificate))
            case _:
                return self, ()

    def _expire(self, turn: int, randomness: bytes) -> Outcome:
        """The round lasted too long: without those who leave, if enough old shares are dealt."""
        missing = silent(self.transcript, turn)
        if isinstance(self.state.step, Certified):
            return self, (Aborted(convict(self.transcript), missing, certified=True),)
        if turn < 2 and not missing:
            after, outputs = self._progress(randomness, closing=True)
            if outputs:
                return after, outputs
        return self._abort(convict(self.transcript), missing or self._unheard())

    def _abort(self, verdicts: tuple[Verdict, ...], missing: tuple[int, ...] = ()) -> Outcome:
        seat = self.state.step.seat
        ceremony = self._at(CeremonyState(Ended(self.session, seat), self.state.pool))
        outputs: tuple[Output, ...] = (Persist(ceremony.state),)
        if verdicts:
            outputs += (Broadcast(self.transcript),)
        return ceremony, (*outputs, Aborted(verdicts, missing, certified=False))

    def _report(self) -> tuple[Output, ...]:
        """After a crash once ended: what the evidence says (the silence is not remembered)."""
        return (Aborted(convict(self.transcript), (), certified=False),)

    def _repeat(self) -> tuple[Output, ...]:
        """All of one's own messages again: they are few, and any may have been lost."""
        match self.state.step:
            case Finished(certificate=certificate):
                return (Broadcast(certificate),)
            case Ended():
                return (Broadcast(self.transcript),) if convict(self.transcript) else ()
            case step:
                own = (signed for signed in self.state.pool if signed.sender == step.seat)
                return tuple(Broadcast(signed) for signed in own)
