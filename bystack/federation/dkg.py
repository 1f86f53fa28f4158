"""Distributed key generation in typed rounds: round n + 1 takes what round n returned.

Joint Feldman with proofs of knowledge, member to member (`federation.md` section 4). Each round
returns a state – a wire value, to be made durable before its `message` is sent – from which a
member resumes after a crash; all secrets come from the seeds in it, so it cannot deal twice.
A round refuses incomplete input, and raises `Convicted` when the messages prove anyone guilty.

A refresh and a reshare run the same rounds. In a reshare members that leave only greet and deal,
and what they fail to do, or do wrong, costs no more than their own dealings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bystack.federation.blame import Convicted, blocking, convict, silent
from bystack.federation.certificates import (
    attest,
    check_polynomial,
    prove_share,
    verify_key_certificate,
)
from bystack.federation.combining import (
    check_dealers,
    combined_shares,
    gathered,
    group_polynomial,
)
from bystack.federation.dealing import (
    Pair,
    ShareOffPolynomial,
    ShareUnreadable,
    check_share,
    public_hash,
    x25519_public,
)
from bystack.federation.drawing import (
    Held,
    check_held,
    dealing,
    dealt_sources,
    pair_secret,
    publics,
    session_key,
)
from bystack.federation.messages import (
    ABSENT,
    Acknowledge,
    Certify,
    Complaint,
    Deal,
    Dealing,
    Hello,
    KeyCertificate,
    Open,
    Opening,
    Receipt,
    Signed,
    Transcript,
    check_signed,
    sign_message,
)
from bystack.federation.record import (
    agreed_deals,
    chosen_sources,
    complaints_against,
    disputed,
    transcript_hash,
)
from bystack.federation.session import Session, check_session
from bystack.federation.states import (
    Acknowledged,
    Certified,
    Dealt,
    Finished,
    Greeted,
    Messages,
    Opened,
)
from bystack.primitives import bls
from bystack.primitives.errors import Invalid, Misuse

NOTHING_HELD: Held = {}


class RoundIncomplete(Invalid):
    """The messages are not exactly one of the round from each member that must speak in it."""


class OwnMessageForeign(Invalid):
    """The member's own message is not the one its state holds."""


class CertificateForeign(Invalid):
    """The certificate is of another session or transcript than the one certified here."""


def round_zero(
    session: Session, seat: int, identity: bytes, seed: bytes, held: Held = NOTHING_HELD
) -> Greeted:
    """R0 hello. `identity` is the Ed25519 secret of the member in seat `seat`; `seed` is 32 fresh
    random bytes, never used again; `held` its shares of the key that is continued. Raises
    `InvalidSession`, `InvalidRoster`, `HeldShareForeign`."""
    check_session(session)
    check_held(session, seat, held)
    promised = publics(session, seat, seed, held)
    hello = Hello(
        x25519_public(session_key(seed, session.id)),
        tuple(public_hash(session.id, seat, public) for public in promised),
    )
    return Greeted(session, seat, seed, sign_message(session, seat, hello, identity))


def round_one(
    greeted: Greeted,
    hellos: Iterable[Signed],
    identity: bytes,
    ephemeral: bytes,
    held: Held = NOTHING_HELD,
) -> Dealt:
    """R1 deal, after everyone's hello. `ephemeral` is another 32 fresh random bytes."""
    session, seat, seeds = greeted.session, greeted.seat, (greeted.seed, ephemeral)
    record = _collect(session, (), hellos, greeted.message)
    keys = {s.sender: s.body.key for s in record if isinstance(s.body, Hello)}
    dealings = tuple(
        dealing(session, seat, source, seeds, held, keys)
        for source in dealt_sources(session, seat, held)
    )
    signed = sign_message(session, seat, Deal(_receipts(session, record, 0), dealings), identity)
    return Dealt(session, seat, greeted.seed, ephemeral, record, signed)


def round_two(dealt: Dealt, deals: Iterable[Signed], identity: bytes) -> Acknowledged:
    """R2 acknowledge, or complain of every share that is not what its dealer committed to."""
    session, seat = dealt.session, dealt.seat
    record = _collect(session, dealt.record, deals, dealt.message)
    secret = session_key(dealt.seed, session.id)
    parts: dict[tuple[int, int], int] = {}
    complaints = []
    for dealer, each in _dealings(record):
        source = each.public.source
        for index in session.roster.members[seat].indices:
            try:
                share = _receive(session, dealer, each, index, secret)
            except (ShareUnreadable, ShareOffPolynomial):
                complaints.append(Complaint(dealer, source, index))
            else:
                parts[source, index] = parts.get((source, index), 0) + share
    body = Acknowledge(_receipts(session, record, 1), tuple(complaints))
    signed = sign_message(session, seat, body, identity)
    kept = () if disputed(session, (body,)) else gathered(parts)
    return Acknowledged(session, seat, dealt.ephemeral, kept, record, signed)


def round_three(
    state: Acknowledged,
    acknowledgements: Iterable[Signed],
    identity: bytes,
    held: Held = NOTHING_HELD,
) -> Opened | Certified:
    """R3 open, if anyone complained of a member of the new set, else R4 certify: never both.

    Raises `DealersShort` if too few old shares are left to make the new ones of.
    """
    record = _collect(state.session, state.record, acknowledgements, state.message)
    said = tuple(signed.body for signed in record if isinstance(signed.body, Acknowledge))
    if disputed(state.session, said):
        return _open(state, record, said, identity)
    return _certify(state, record, said, identity, held)


def judge_openings(opened: Opened, opens: Iterable[Signed]) -> Convicted:
    """The verdicts once every member's R3 message is here; a complaint always convicts someone."""
    try:
        _collect(opened.session, opened.record, opens, opened.message)
    except Convicted as convicted:
        return convicted
    raise Misuse("a complaint was answered and nobody is guilty")


def finish(certified: Certified, certifies: Iterable[Signed]) -> Finished:
    """The key, after everyone's certification."""
    session = certified.session
    record = _collect(session, certified.record, certifies, certified.message)
    bodies = [signed.body for signed in record if isinstance(signed.body, Certify)]
    partials = {each.index: each.signature for body in bodies for each in body.partials}
    chosen = {index: partials[index] for index in sorted(partials)[: session.threshold]}
    certificate = KeyCertificate(
        session,
        bodies[certified.seat].transcript,
        _group(session, record),
        tuple(body.attestation for body in bodies),
        bls.combine(chosen),
    )
    return accept(certified, certificate)


def accept(certified: Certified, certificate: KeyCertificate) -> Finished:
    """The key by its certificate alone, for a member that missed messages of R4."""
    body = certified.message.body
    if not isinstance(body, Certify):
        raise Misuse("a certified state holds another message")
    if certificate.session != certified.session or certificate.transcript != body.transcript:
        raise CertificateForeign(session=certificate.session.id)
    verify_key_certificate(certificate)
    return Finished(certified.session, certified.seat, certified.shares, certificate)


def take_leave(dealt: Greeted | Dealt, certificate: KeyCertificate) -> Finished:
    """The end for a member that leaves: the others hold the new shares."""
    if certificate.session != dealt.session:
        raise CertificateForeign(session=certificate.session.id)
    verify_key_certificate(certificate)
    return Finished(dealt.session, dealt.seat, (), certificate)


def _open(
    state: Acknowledged, record: Messages, said: tuple[Acknowledge, ...], identity: bytes
) -> Opened:
    # Only the accuser's own pair is opened, which the accuser can read anyway; a recipient's
    # session key would open every other dealer's share too.
    session = state.session
    openings = tuple(
        Opening(
            each.source,
            each.index,
            pair_secret(state.ephemeral, session.id, each.source, each.index),
        )
        for _, each in complaints_against(said, state.seat)
    )
    body = Open(_receipts(session, record, 2), openings)
    signed = sign_message(session, state.seat, body, identity)
    return Opened(session, state.seat, record, signed)


def _certify(
    state: Acknowledged,
    record: Messages,
    said: tuple[Acknowledge, ...],
    identity: bytes,
    held: Held,
) -> Certified:
    session = state.session
    sources = [source for _, source in chosen_sources(session, said, _deals(record))]
    check_dealers(session, sources)
    group = _group(session, record)
    check_polynomial(group, session.threshold)
    shares = combined_shares(session, state.parts, sources, held)
    acknowledgements = _receipts(session, record, 2)
    transcript = transcript_hash(
        session.id,
        _receipts(session, record, 0)[: session.size],
        agreed_deals(said),
        acknowledgements,
    )
    partials = tuple(prove_share(session, share, group[0]) for share in shares)
    attestation = attest(session, transcript, group, identity)
    body = Certify(acknowledgements, transcript, attestation, partials)
    signed = sign_message(session, state.seat, body, identity)
    return Certified(session, state.seat, shares, record, signed)


def _collect(
    session: Session, record: tuple[Signed, ...], messages: Iterable[Signed], own: Signed
) -> Messages:
    """`record` and one message of own's round from each member, in order of seat; none guilty.

    All of the new set must have spoken; of those who leave, whoever is here is faultless.
    """
    given = sorted(messages, key=lambda signed: signed.sender)
    for signed in given:
        check_signed(session, signed)
    turns, senders = {signed.body.ROUND for signed in given}, [s.sender for s in given]
    whole_set = senders[: session.size] == list(range(session.size))
    if not whole_set or len(set(senders)) < len(senders) or len(turns) != 1:
        raise RoundIncomplete(missing=silent(Transcript(session, tuple(given)), own.body.ROUND))
    if own not in given:
        raise OwnMessageForeign(seat=own.sender)
    found = convict(Transcript(session, (*record, *given)))
    if guilty := blocking(session, found):
        raise Convicted(found=guilty)
    left_out = {verdict.member for verdict in found}
    return (*record, *(signed for signed in given if signed.sender not in left_out))


def _receipts(session: Session, record: Messages, turn: int) -> tuple[Receipt, ...]:
    """What was heard in a round, by seat; after the deals only the new set speaks."""
    heard = {signed.sender: signed.receipt for signed in record if turn == signed.body.ROUND}
    seats = len(session.parties) if turn < 2 else session.size
    return tuple(heard.get(seat, ABSENT) for seat in range(seats))


def _deals(record: Messages) -> Mapping[int, Deal]:
    return {signed.sender: signed.body for signed in record if isinstance(signed.body, Deal)}


def _dealings(record: Messages) -> list[tuple[int, Dealing]]:
    """Every dealing with its dealer's seat, in order."""
    deals = sorted(_deals(record).items())
    return [(seat, each) for seat, deal in deals for each in deal.dealings]


def _group(session: Session, record: Messages) -> tuple[bytes, ...]:
    """The new public polynomial, by what all acknowledged."""
    said = tuple(signed.body for signed in record if isinstance(signed.body, Acknowledge))
    chosen = chosen_sources(session, said, _deals(record))
    public = {(seat, each.public.source): each.public for seat, each in _dealings(record)}
    return group_polynomial(session, tuple(public[one] for one in chosen))


def _receive(session: Session, dealer: int, dealing: Dealing, index: int, secret: bytes) -> int:
    """The share dealt to one's index; raises `ShareUnreadable`, `ShareOffPolynomial`."""
    sealed = next(share for share in dealing.shares if share.index == index)
    pair = Pair(session.id, dealer, dealing.public, index)
    share = pair.unseal(secret, sealed.key, sealed, x25519_public(secret))
    return check_share(dealing.public, index, share)
