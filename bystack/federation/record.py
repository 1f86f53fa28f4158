"""The signed messages of one session, found by what receipts say of them."""

from __future__ import annotations

from bystack.federation.messages import (
    Acknowledge,
    Body,
    Certify,
    Complaint,
    Deal,
    Hello,
    Open,
    Receipt,
    Transcript,
)
from bystack.federation.session import Session
from bystack.primitives.hashes import tagged


class Record:
    """The messages of a transcript by sender, round and digest."""

    def __init__(self, transcript: Transcript) -> None:
        self.session: Session = transcript.session
        self.messages = transcript.messages
        self._bodies = {(m.sender, m.body.ROUND, m.digest): m.body for m in self.messages}

    def said(self, sender: int, turn: int, receipts: tuple[Receipt, ...]) -> Body | None:
        """The body that the receipt of `sender` names, if there is one and the record holds it."""
        named = receipts[sender : sender + 1]
        return self._bodies.get((sender, turn, named[0].digest)) if named else None

    def hello(self, sender: int, deal: Deal) -> Hello | None:
        """The hello of `sender` that a dealer received."""
        body = self.said(sender, 0, deal.hellos)
        return body if isinstance(body, Hello) else None

    def deal(self, sender: int, acknowledge: Acknowledge) -> Deal | None:
        """The deal of `sender` that an acknowledger received."""
        body = self.said(sender, 1, acknowledge.deals)
        return body if isinstance(body, Deal) else None

    def acknowledged(self, body: Open | Certify) -> tuple[Acknowledge, ...] | None:
        """The acknowledgements a member received, or None if one is missing here."""
        found = [self.said(at, 2, body.acknowledgements) for at in range(self.session.size)]
        complete = tuple(each for each in found if isinstance(each, Acknowledge))
        return complete if len(complete) == self.session.size else None


def receipts_of(body: Body) -> tuple[int, tuple[Receipt, ...]]:
    """The round a body shows receipts of, and the receipts (a hello has none)."""
    match body:
        case Deal():
            return 0, body.hellos
        case Acknowledge():
            return 1, body.deals
        case Open() | Certify():
            return 2, body.acknowledgements
        case Hello():
            return 0, ()


def transcript_hash(
    session: bytes,
    hellos: tuple[Receipt, ...],
    deals: tuple[Receipt, ...],
    acknowledgements: tuple[Receipt, ...],
) -> bytes:
    """The hash every member attests: all that was said, in order of round and seat."""
    said = (receipt.digest for receipt in (*hellos, *deals, *acknowledgements))
    return tagged("dkg/transcript")(session, *said)


def complaints_against(
    acknowledgements: tuple[Acknowledge, ...], dealer: int
) -> tuple[tuple[int, Complaint], ...]:
    """Who complains of what about `dealer`, in order of the accuser's seat."""
    return tuple(
        (accuser, complaint)
        for accuser, body in enumerate(acknowledgements)
        for complaint in body.complaints
        if complaint.dealer == dealer
    )
