"""Who is guilty, by signed messages alone, so that any third party finds the same.

`convict` never counts silence: a missing message may be the network's fault, and whoever shows a
transcript may have left it out. `silent` names those separately. Nobody honest can be convicted:
every rule rests on a signature the culprit made, and an honest member signs one body a round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bystack.federation.certificates import check_attestation, share_proved, sum_polynomials
from bystack.federation.dealing import (
    FRESH_SOURCE,
    InvalidDealing,
    Pair,
    check_dealing,
    check_share,
    check_x25519,
    public_hash,
    x25519_public,
)
from bystack.federation.messages import (
    Acknowledge,
    Body,
    Certify,
    Complaint,
    Deal,
    Hello,
    Open,
    Opening,
    Receipt,
    Signed,
    Transcript,
    check_signed,
    receipt_holds,
)
from bystack.federation.session import Session
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged


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


class ReceiptsWrong(Invalid):
    """The receipts are not one genuine receipt for each member."""


class DealingsWrong(InvalidDealing):
    """A fresh key takes exactly one commitment and one dealing from each member."""


class DealUncommitted(InvalidDealing):
    """The deal is not the one its dealer committed to in its hello."""


class ComplaintForeign(Invalid):
    """A complaint is about another's share, oneself, or no dealing, or complaints are unsorted."""


class ComplaintFalse(Invalid):
    """The share complained of was good."""


class OpeningsWrong(Invalid):
    """The openings are not exactly the answers to the complaints."""


class OpeningForeign(Invalid):
    """The scalar revealed is not that of the pair's ephemeral key."""


class CertifiedDispute(Invalid):
    """A transcript with complaints was certified."""


class TranscriptWrong(Invalid):
    """The transcript certified is not the one acknowledged."""


class PartialsWrong(Invalid):
    """The proofs of possession are not exactly one right partial for each of one's shares."""


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


def convict(transcript: Transcript) -> tuple[Verdict, ...]:
    """Everyone the transcript proves guilty, in order of seat; the same for whoever asks.

    Raises (`InvalidMessage` errors of `check_signed`) when it holds a message that its sender did
    not sign: such a transcript proves nothing.
    """
    for signed in transcript.messages:
        check_signed(transcript.session, signed)
    record = Record(transcript)
    found = set(_equivocations(record))
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
        for sender, receipt in enumerate(receipts[: record.session.size]):
            if receipt_holds(record.session, sender, turn, receipt):
                yield sender, turn, receipt.digest


def judge(record: Record, signed: Signed) -> Iterator[Verdict]:
    """What one message proves, against its sender or, by an opening, against a false accuser."""
    turn = signed.body.ROUND
    try:
        _check_receipts(record.session, signed.body)
        _check_body(record, signed.sender, signed.body)
    except Invalid as error:
        yield Verdict(signed.sender, error.rule, turn)
        return
    if isinstance(signed.body, Open):
        for accuser in _false_accusers(record, signed.sender, signed.body):
            yield Verdict(accuser, ComplaintFalse.__name__, 2)


def _check_receipts(session: Session, body: Body) -> None:
    turn, receipts = receipts_of(body)
    if isinstance(body, Hello):
        return
    if len(receipts) != session.size:
        raise ReceiptsWrong(given=len(receipts), members=session.size)
    for sender, receipt in enumerate(receipts):
        if not receipt_holds(session, sender, turn, receipt):
            raise ReceiptsWrong(sender=sender, round=turn)


def _check_body(record: Record, sender: int, body: Body) -> None:
    match body:
        case Hello():
            _check_hello(body)
        case Deal():
            _check_deal(record, sender, body)
        case Acknowledge():
            _check_complaints(record.session, sender, body)
        case Open():
            _check_openings(record, sender, body)
        case Certify():
            _check_certify(record, sender, body)


def _check_hello(body: Hello) -> None:
    if len(body.commitments) != 1:
        raise DealingsWrong(given=len(body.commitments))
    check_x25519(body.key)


def _check_deal(record: Record, sender: int, body: Deal) -> None:
    session = record.session
    if len(body.dealings) != 1:
        raise DealingsWrong(given=len(body.dealings))
    dealing = body.dealings[0]
    threshold, indices = session.roster.threshold, session.roster.indices
    check_dealing(session.id, sender, dealing, threshold, indices)
    hello = record.hello(sender, body)
    if hello and hello.commitments[:1] != (public_hash(session.id, sender, dealing.public),):
        raise DealUncommitted(dealer=sender)


def _check_complaints(session: Session, sender: int, body: Acknowledge) -> None:
    own = session.roster.members[sender].indices
    keys = [(complaint.dealer, complaint.index) for complaint in body.complaints]
    if keys != sorted(set(keys)):
        raise ComplaintForeign(sender=sender)
    for complaint in body.complaints:
        known = complaint.dealer < session.size and complaint.source == FRESH_SOURCE
        if not known or complaint.dealer == sender or complaint.index not in own:
            raise ComplaintForeign(sender=sender, dealer=complaint.dealer)


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


def _check_openings(record: Record, sender: int, body: Open) -> None:
    """The answers are those asked for, and each shows that the share sent was good."""
    acknowledgements = record.acknowledged(body)
    if acknowledgements is None:
        return
    asked = complaints_against(acknowledgements, sender)
    given = [(opening.source, opening.index) for opening in body.openings]
    if given != [(complaint.source, complaint.index) for _, complaint in asked]:
        raise OpeningsWrong(dealer=sender, asked=len(asked), given=len(given))
    for (accuser, _), opening in zip(asked, body.openings, strict=True):
        check_opening(record, sender, accuser, acknowledgements[accuser], opening)


def check_opening(
    record: Record, dealer: int, accuser: int, complained: Acknowledge, opening: Opening
) -> bool:
    """Decrypt the share the accuser received; raise what is wrong with it, else True.

    The deal is the one the accuser complained of, so a dealer with two cannot answer for the
    other. False: the transcript lacks the deal or the hello, and nothing is proved.
    """
    deal = record.deal(dealer, complained)
    if deal is None or len(deal.hellos) != record.session.size or len(deal.dealings) != 1:
        return False
    hello, dealing = record.hello(accuser, deal), deal.dealings[0]
    sealed = [share for share in dealing.shares if share.index == opening.index]
    if hello is None or len(sealed) != 1:
        return False
    if x25519_public(opening.scalar) != sealed[0].key:
        raise OpeningForeign(dealer=dealer, index=opening.index)
    pair = Pair(record.session.id, dealer, dealing.public, opening.index)
    share = pair.unseal(opening.scalar, hello.key, sealed[0], hello.key)
    check_share(dealing.public, opening.index, share)
    return True


def _false_accusers(record: Record, dealer: int, body: Open) -> Iterator[int]:
    acknowledgements = record.acknowledged(body) or ()
    asked = complaints_against(acknowledgements, dealer)
    for (accuser, _), opening in zip(asked, body.openings, strict=False):
        if check_opening(record, dealer, accuser, acknowledgements[accuser], opening):
            yield accuser


def _check_certify(record: Record, sender: int, body: Certify) -> None:
    acknowledgements = record.acknowledged(body)
    if acknowledgements is None:
        return
    if any(each.complaints for each in acknowledgements):
        raise CertifiedDispute(sender=sender)
    seen = acknowledgements[sender].deals
    if len(seen) != record.session.size:
        raise ReceiptsWrong(sender=sender, round=1)
    deals = [record.deal(dealer, acknowledgements[sender]) for dealer in range(len(seen))]
    publics = [deal.dealings[0].public for deal in deals if deal and len(deal.dealings) == 1]
    own = deals[sender]
    if own is None or len(publics) != record.session.size:
        return
    expected = transcript_hash(record.session.id, own.hellos, seen, body.acknowledgements)
    if body.transcript != expected:
        raise TranscriptWrong(sender=sender, expected=expected, given=body.transcript)
    threshold = record.session.roster.threshold
    if any(len(public.commitments) != threshold for public in publics):
        return  # their dealers are convicted already
    _check_proofs(record, sender, body, [public.commitments for public in publics])


def _check_proofs(
    record: Record, sender: int, body: Certify, polynomials: list[tuple[bytes, ...]]
) -> None:
    group = sum_polynomials(polynomials)
    check_attestation(record.session, sender, body.transcript, group, body.attestation)
    indices = record.session.roster.members[sender].indices
    if tuple(partial.index for partial in body.partials) != indices:
        raise PartialsWrong(sender=sender)
    for partial in body.partials:
        if not share_proved(group, partial):
            raise PartialsWrong(sender=sender, index=partial.index)
