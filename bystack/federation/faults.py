"""What can be wrong with one message of a key generation, given what else was signed.

A check raises the error named after the rule broken; the verdict falls on the message's sender.
Where the record lacks what a check needs, nothing is proved and it passes: an honest member
reaches the end of a round only with everything at hand.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    Deal,
    Hello,
    Open,
    Opening,
    receipt_holds,
)
from bystack.federation.record import Record, complaints_against, receipts_of, transcript_hash
from bystack.federation.session import Session
from bystack.primitives.errors import Invalid


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


def check_receipts(session: Session, body: Body) -> None:
    """Raise `ReceiptsWrong` unless a body after R0 shows one genuine receipt of each member."""
    turn, receipts = receipts_of(body)
    if isinstance(body, Hello):
        return
    if len(receipts) != session.size:
        raise ReceiptsWrong(given=len(receipts), members=session.size)
    for sender, receipt in enumerate(receipts):
        if not receipt_holds(session, sender, turn, receipt):
            raise ReceiptsWrong(sender=sender, round=turn)


def check_body(record: Record, sender: int, body: Body) -> None:
    """Raise the rule that what the member in seat `sender` said breaks."""
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


def false_accusers(record: Record, dealer: int, body: Open) -> Iterator[int]:
    """The seats whose complaints the dealer's (checked) openings refute."""
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
