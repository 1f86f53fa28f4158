"""The signed messages of one session, found by what receipts say of them."""

from __future__ import annotations

from collections.abc import Mapping

from bystack.federation.messages import (
    ABSENT,
    Acknowledge,
    Body,
    Certify,
    Complaint,
    Deal,
    Hello,
    Open,
    Receipt,
    Signed,
    Transcript,
)
from bystack.federation.session import Kind, Session
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

    def dealt(self, acknowledge: Acknowledge) -> dict[int, Deal]:
        """The deals an acknowledger received, by seat, as far as the record holds them."""
        seats = range(len(self.session.parties))
        found = {seat: self.deal(seat, acknowledge) for seat in seats}
        return {seat: deal for seat, deal in found.items() if deal is not None}

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


def agreed_deals(acknowledgements: tuple[Acknowledge, ...]) -> tuple[Receipt, ...]:
    """The deals by seat that every acknowledgement names alike; `ABSENT` for any other.

    Members that leave may reach some and not others: what they dealt counts for all or for none.
    """
    columns = zip(*(each.deals for each in acknowledgements), strict=False)
    return tuple(
        column[0] if len({receipt.digest for receipt in column}) == 1 else ABSENT
        for column in columns
    )


def sources_of(deal: Deal) -> tuple[int, ...]:
    """What a deal says it deals."""
    return tuple(dealing.public.source for dealing in deal.dealings)


def chosen_sources(
    session: Session, acknowledgements: tuple[Acknowledge, ...], deals: Mapping[int, Deal]
) -> tuple[tuple[int, int], ...]:
    """The dealings that make the new epoch, as (seat, source), by what all acknowledged.

    In a reshare the lowest `needed` old indices whose deals all received and nobody complains of
    (fewer, if there are no more); else one dealing of each member. `deals`: by seat, at least
    those that all agree on.
    """
    agreed = enumerate(agreed_deals(acknowledgements))
    bad = {(each.dealer, each.source) for body in acknowledgements for each in body.complaints}
    found = [
        (source, seat)
        for seat, receipt in agreed
        if receipt != ABSENT
        for source in sources_of(deals[seat])
        if (seat, source) not in bad
    ]
    if session.kind == Kind.RESHARE:
        found = sorted(found)[: session.needed]
    return tuple((seat, source) for source, seat in found)


def transcript_hash(
    session: bytes,
    hellos: tuple[Receipt, ...],
    deals: tuple[Receipt, ...],
    acknowledgements: tuple[Receipt, ...],
) -> bytes:
    """The hash every member attests: all that was said, in order of round and seat.

    `hellos` and `acknowledgements` of the new set; `deals` as all agree on them.
    """
    said = (receipt.digest for receipt in (*hellos, *deals, *acknowledgements))
    return tagged("dkg/transcript")(session, *said)


def complete(session: Session, messages: tuple[Signed, ...], *, closing: bool) -> bool:
    """Whether these messages of one round suffice to go on: all of the new set have spoken.

    While it deals, a reshare waits for members that leave only as far as their old shares are
    needed; and not even for those once the round is to be closed, if what is here suffices.
    """
    senders = {signed.sender for signed in messages}
    if not senders >= set(range(session.size)):
        return False
    if len(senders) == len(session.parties) or messages[0].body.ROUND > 1:
        return True
    counted = [one for one in messages if closing or one.sender < session.size]
    return sum(_dealt(one.body) for one in counted) >= session.needed


def _dealt(body: Body) -> int:
    """How many dealings a member promises or gives."""
    match body:
        case Hello(commitments=commitments):
            return len(commitments)
        case Deal(dealings=dealings):
            return len(dealings)
        case _:
            return 0


def disputed(session: Session, acknowledgements: tuple[Acknowledge, ...]) -> bool:
    """Whether anyone complains of a member of the new set, so that openings must decide.

    A member that leaves answers to nobody any more: what is complained of is not used.
    """
    return any(each.dealer < session.size for body in acknowledgements for each in body.complaints)


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
