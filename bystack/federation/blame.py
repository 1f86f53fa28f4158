"""Who is guilty, by signed messages alone, so that any third party finds the same.

`convict` never counts silence: a missing message may be the network's fault, and whoever shows a
transcript may have left it out. `silent` names those separately. Nobody honest can be convicted:
every rule rests on a signature the culprit made, and an honest member signs one body a round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bystack.federation.faults import ComplaintFalse, check_body, check_receipts, false_accusers
from bystack.federation.messages import (
    Acknowledge,
    Open,
    Signed,
    Transcript,
    check_signed,
    receipt_holds,
)
from bystack.federation.record import Record, receipts_of
from bystack.federation.session import Kind, Session
from bystack.primitives.errors import Invalid


@dataclass(frozen=True, order=True)
class Verdict:
    """The member in seat `member` broke `rule` (an error's class name) in round `turn`."""

    member: int
    rule: str
    turn: int


class Convicted(Invalid):
    """The transcript convicts members: the attempt ends."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Who did what."""
        found: tuple[Verdict, ...] = self.facts["found"]  # type: ignore[assignment]
        return found


class Equivocated(Invalid):
    """Two different messages of one round are signed by one member."""


class AccusedByQuorum(Invalid):
    """Owners of a signing quorum of the new shares complain of one reshared dealing.

    Its constant is a live share, which so many openings would reveal: this is verdict enough.
    """


def blocking(session: Session, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Verdicts that end the attempt: on members of the new set, without whom there is no key."""
    return tuple(verdict for verdict in verdicts if verdict.member < session.size)


def convict(transcript: Transcript) -> tuple[Verdict, ...]:
    """Everyone the transcript proves guilty, in order of seat; the same for whoever asks.

    Raises (`InvalidMessage` errors of `check_signed`) when it holds a message that its sender did
    not sign: such a transcript proves nothing.
    """
    for signed in transcript.messages:
        check_signed(transcript.session, signed)
    record = Record(transcript)
    found = {*_equivocations(record), *_accused(record)}
    for signed in transcript.messages:
        found |= set(judge(record, signed))
    return tuple(sorted(found))


def silent(transcript: Transcript, turn: int) -> tuple[int, ...]:
    """The seats without a message of round `turn` here: no proof, but who to leave out next."""
    heard = {signed.sender for signed in transcript.messages if turn == signed.body.ROUND}
    return tuple(seat for seat in range(transcript.session.size) if seat not in heard)


def _equivocations(record: Record) -> Iterator[Verdict]:
    """A member's digests for one round, by its messages and by receipts others hold of them."""
    seen: dict[tuple[int, int], bytes] = {}
    for sender, turn, digest in _sayings(record):
        if seen.setdefault((sender, turn), digest) != digest:
            yield Verdict(sender, Equivocated.__name__, turn)


def _sayings(record: Record) -> Iterator[tuple[int, int, bytes]]:
    for signed in record.messages:
        yield signed.sender, signed.body.ROUND, signed.digest
        turn, receipts = receipts_of(signed.body)
        for sender, receipt in enumerate(receipts[: len(record.session.parties)]):
            if receipt_holds(record.session, sender, turn, receipt):
                yield sender, turn, receipt.digest


def _accused(record: Record) -> Iterator[Verdict]:
    if record.session.kind != Kind.RESHARE:
        return
    accusers: dict[tuple[int, int], set[int]] = {}
    for signed in record.messages:
        if isinstance(signed.body, Acknowledge):
            own = record.session.parties[signed.sender].indices
            for each in signed.body.complaints:
                # Whoever complains for another's index is convicted of that, and counts for none.
                accusers.setdefault((each.dealer, each.source), set()).update({each.index} & {*own})
    for (dealer, _), indices in accusers.items():
        if len(indices) >= record.session.threshold:
            yield Verdict(dealer, AccusedByQuorum.__name__, 1)


def judge(record: Record, signed: Signed) -> Iterator[Verdict]:
    """What one message proves, against its sender or, by an opening, against a false accuser."""
    turn = signed.body.ROUND
    try:
        check_receipts(record.session, signed.body)
        check_body(record, signed.sender, signed.body)
    except Invalid as error:
        yield Verdict(signed.sender, error.rule, turn)
        return
    if isinstance(signed.body, Open):
        for accuser in false_accusers(record, signed.sender, signed.body):
            yield Verdict(accuser, ComplaintFalse.__name__, 2)
