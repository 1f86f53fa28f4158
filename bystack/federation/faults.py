"""What can be wrong with one message of a key generation, given what else was signed.

A check raises the error named after the rule broken; the verdict falls on the message's sender.
Where the record lacks what a check needs, nothing is proved and it passes: an honest member
reaches the end of a round only with everything at hand.
"""

from __future__ import annotations

from collections.abc import Iterator

from bystack.federation.certificates import check_attestation, share_proved
from bystack.federation.combining import check_dealers, group_polynomial
from bystack.federation.dealing import (
    InvalidDealing,
    Pair,
    check_dealing,
    check_share,
    check_x25519,
    public_hash,
    x25519_public,
)
from bystack.federation.messages import (
    ABSENT,
    Acknowledge,
    Body,
    Certify,
    Deal,
    Hello,
    Open,
    Opening,
    receipt_holds,
)
from bystack.federation.record import (
    Record,
    agreed_deals,
    chosen_sources,
    complaints_against,
    disputed,
    receipts_of,
    sources_of,
    transcript_hash,
)
from bystack.federation.session import Kind, Session
from bystack.primitives.errors import Invalid


class ReceiptsWrong(Invalid):
    """The receipts are not one genuine receipt for each member (absent: only who leaves)."""


class DealingsWrong(InvalidDealing):
    """The commitments or dealings are not those of the session: one, or one for each old share."""


class DealUncommitted(InvalidDealing):
    """The deal is not the one its dealer committed to in its hello."""


class LeaverSpeaks(Invalid):
    """Who leaves the federation greets and deals, and decides nothing more."""


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
    seats = len(session.parties) if turn < 2 else session.size
    if len(receipts) != seats:
        raise ReceiptsWrong(given=len(receipts), members=seats)
    for sender, receipt in enumerate(receipts):
        absent = receipt == ABSENT and sender >= session.size
        if not absent and not receipt_holds(session, sender, turn, receipt):
            raise ReceiptsWrong(sender=sender, round=turn)


def check_body(record: Record, sender: int, body: Body) -> None:
    """Raise the rule that what the member in seat `sender` said breaks."""
    if sender >= record.session.size and body.ROUND > 1:
        raise LeaverSpeaks(sender=sender, round=body.ROUND)
    match body:
        case Hello():
            _check_hello(record.session, sender, body)
        case Deal():
            _check_deal(record, sender, body)
        case Acknowledge():
            _check_complaints(record.session, sender, body)
        case Open():
            _check_openings(record, sender, body)
        case Certify():
            _check_certify(record, sender, body)


def _check_hello(session: Session, sender: int, body: Hello) -> None:
    allowed = {len(sources) for sources in _allowed(session, sender)}
    if len(body.commitments) not in allowed:
        raise DealingsWrong(given=len(body.commitments))
    check_x25519(body.key)


def _allowed(session: Session, seat: int) -> tuple[tuple[int, ...], ...]:
    """What may be dealt from a seat: all of its sources; in a reshare also nothing, if lost."""
    sources = session.sources(seat)
    return (sources, ()) if session.kind == Kind.RESHARE else (sources,)


def _check_deal(record: Record, sender: int, body: Deal) -> None:
    session = record.session
    if sources_of(body) not in _allowed(session, sender):
        raise DealingsWrong(given=len(body.dealings))
    for dealing in body.dealings:
        check_dealing(session, sender, dealing)
    hello = record.hello(sender, body)
    promised = tuple(public_hash(session.id, sender, each.public) for each in body.dealings)
    if hello and hello.commitments != promised:
        raise DealUncommitted(dealer=sender)


def _check_complaints(session: Session, sender: int, body: Acknowledge) -> None:
    own = session.roster.members[sender].indices
    keys = [(each.dealer, each.source, each.index) for each in body.complaints]
    if keys != sorted(set(keys)):
        raise ComplaintForeign(sender=sender)
    for complaint in body.complaints:
        dealer = complaint.dealer
        known = dealer < len(session.parties) and complaint.source in session.sources(dealer)
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
    if deal is None or len(deal.hellos) != len(record.session.parties):
        return False
    hello = record.hello(accuser, deal)
    found = [each for each in deal.dealings if each.public.source == opening.source]
    sealed = [each for one in found for each in one.shares if each.index == opening.index]
    if hello is None or len(found) != 1 or len(sealed) != 1:
        return False
    dealing = found[0]
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
    session, acknowledgements = record.session, record.acknowledged(body)
    if acknowledgements is None:
        return
    if disputed(session, acknowledgements):
        raise CertifiedDispute(sender=sender)
    if any(len(each.deals) != len(session.parties) for each in acknowledgements):
        raise ReceiptsWrong(sender=sender, round=1)
    deals, agreed = record.dealt(acknowledgements[sender]), agreed_deals(acknowledgements)
    named = {seat for seat, receipt in enumerate(agreed) if receipt != ABSENT}
    if not {*named, sender} <= deals.keys():
        return
    hellos, said = deals[sender].hellos[: session.size], body.acknowledgements
    expected = transcript_hash(session.id, hellos, agreed, said)
    if body.transcript != expected:
        raise TranscriptWrong(sender=sender, expected=expected, given=body.transcript)
    chosen = chosen_sources(session, acknowledgements, deals)
    check_dealers(session, [source for _, source in chosen])
    publics = tuple(
        each.public
        for seat, source in chosen
        for each in deals[seat].dealings
        if each.public.source == source
    )
    if any(len(public.commitments) != session.threshold for public in publics):
        return  # their dealers are convicted already
    _check_proofs(session, sender, body, group_polynomial(session, publics))


def _check_proofs(session: Session, sender: int, body: Certify, group: tuple[bytes, ...]) -> None:
    check_attestation(session, sender, body.transcript, group, body.attestation)
    if tuple(partial.index for partial in body.partials) != session.roster.members[sender].indices:
        raise PartialsWrong(sender=sender)
    for partial in body.partials:
        if not share_proved(session, group, partial):
            raise PartialsWrong(sender=sender, index=partial.index)
