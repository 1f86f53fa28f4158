"""Distributed key generation in typed rounds: round n + 1 takes what round n returned.

Joint Feldman with proofs of knowledge, member to member (`federation.md` section 4). Each round
returns a state – a wire value, to be made durable before its `message` is sent – from which a
member resumes after a crash; all secrets come from the seeds in it, so it cannot deal twice.
A round refuses incomplete input, and raises `Convicted` when the messages prove anyone guilty.
"""

from __future__ import annotations

from collections.abc import Iterable

from bystack.federation.blame import Convicted, convict, silent
from bystack.federation.certificates import (
    attest,
    check_polynomial,
    prove_share,
    sum_polynomials,
    verify_key_certificate,
)
from bystack.federation.dealing import (
    FRESH_SOURCE,
    Pair,
    ShareOffPolynomial,
    ShareUnreadable,
    check_share,
    commit,
    evaluate,
    expand,
    polynomial,
    prove,
    public_hash,
    scalar,
    x25519_public,
)
from bystack.federation.messages import (
    Acknowledge,
    Certify,
    Complaint,
    Deal,
    Dealing,
    Hello,
    KeyCertificate,
    Open,
    Opening,
    Public,
    Receipt,
    SealedShare,
    Signed,
    Transcript,
    check_signed,
    sign_message,
)
from bystack.federation.record import complaints_against, transcript_hash
from bystack.federation.session import Session, check_session
from bystack.federation.shares import KeyShare
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
from bystack.primitives.curve import ORDER
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed


class RoundIncomplete(Invalid):
    """The messages are not exactly one of the round from each member."""


class OwnMessageForeign(Invalid):
    """The member's own message is not the one its state holds."""


class CertificateForeign(Invalid):
    """The certificate is of another session or transcript than the one certified here."""


def round_zero(session: Session, seat: int, identity: bytes, seed: bytes) -> Greeted:
    """R0 hello. `identity` is the Ed25519 secret of the member in seat `seat`; `seed` is 32 fresh
    random bytes, never used again. Raises `InvalidSession`, `InvalidRoster`."""
    check_session(session)
    hello = Hello(
        x25519_public(_session_key(seed, session.id)),
        (public_hash(session.id, seat, _public(session, seat, seed)),),
    )
    return Greeted(session, seat, seed, sign_message(session, seat, hello, identity))


def round_one(
    greeted: Greeted, hellos: Iterable[Signed], identity: bytes, ephemeral: bytes
) -> Dealt:
    """R1 deal, after everyone's hello. `ephemeral` is another 32 fresh random bytes."""
    session, seat, seed = greeted.session, greeted.seat, greeted.seed
    record = _collect(session, (), hellos, greeted.message)
    keys = [signed.body.key for signed in record if isinstance(signed.body, Hello)]
    public, coefficients = _public(session, seat, seed), _coefficients(session, seed)
    shares = []
    for owner, index in _recipients(session):
        pair = Pair(session.id, seat, public, index)
        secret = _pair_secret(ephemeral, session.id, index)
        key, sealed = pair.seal(secret, keys[owner], evaluate(coefficients, index))
        shares.append(SealedShare(index, key, sealed))
    deal = Deal(_receipts(record), (Dealing(public, tuple(shares)),))
    signed = sign_message(session, seat, deal, identity)
    return Dealt(session, seat, seed, ephemeral, record, signed)


def round_two(dealt: Dealt, deals: Iterable[Signed], identity: bytes) -> Acknowledged:
    """R2 acknowledge, or complain of every share that is not what its dealer committed to."""
    session, seat = dealt.session, dealt.seat
    record = _collect(session, dealt.record, deals, dealt.message)
    secret = _session_key(dealt.seed, session.id)
    sums, complaints = dict.fromkeys(session.roster.members[seat].indices, 0), []
    for dealer, dealing in enumerate(_dealings(record)):
        for index in sums:
            try:
                sums[index] += _receive(session, dealer, dealing, index, secret)
            except (ShareUnreadable, ShareOffPolynomial):
                complaints.append(Complaint(dealer, FRESH_SOURCE, index))
    body = Acknowledge(_receipts(record[-session.size :]), tuple(complaints))
    signed = sign_message(session, seat, body, identity)
    shares = () if complaints else _shares(session, sums)
    return Acknowledged(session, seat, dealt.ephemeral, shares, record, signed)


def round_three(
    state: Acknowledged, acknowledgements: Iterable[Signed], identity: bytes
) -> Opened | Certified:
    """R3 open, if anyone complained, else R4 certify: never both."""
    record = _collect(state.session, state.record, acknowledgements, state.message)
    said = [signed.body for signed in record if isinstance(signed.body, Acknowledge)]
    if any(body.complaints for body in said):
        return _open(state, record, tuple(said), identity)
    return _certify(state, record, identity)


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
    chosen = {index: partials[index] for index in sorted(partials)[: session.roster.threshold]}
    certificate = KeyCertificate(
        session,
        bodies[certified.seat].transcript,
        _group(record),
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


def _open(
    state: Acknowledged, record: Messages, said: tuple[Acknowledge, ...], identity: bytes
) -> Opened:
    # Only the accuser's own pair is opened, which the accuser can read anyway; a recipient's
    # session key would open every other dealer's share too.
    session = state.session
    openings = tuple(
        Opening(each.source, each.index, _pair_secret(state.ephemeral, session.id, each.index))
        for _, each in complaints_against(said, state.seat)
    )
    body = Open(_receipts(record[-session.size :]), openings)
    signed = sign_message(session, state.seat, body, identity)
    return Opened(session, state.seat, record, signed)


def _certify(state: Acknowledged, record: Messages, identity: bytes) -> Certified:
    session, size = state.session, state.session.size
    group = _group(record)
    check_polynomial(group, session.roster.threshold)
    hellos, deals, acknowledgements = (
        _receipts(record[turn * size : (turn + 1) * size]) for turn in range(3)
    )
    transcript = transcript_hash(session.id, hellos, deals, acknowledgements)
    partials = tuple(prove_share(share, group[0]) for share in state.shares)
    attestation = attest(session, transcript, group, identity)
    body = Certify(acknowledgements, transcript, attestation, partials)
    signed = sign_message(session, state.seat, body, identity)
    return Certified(session, state.seat, state.shares, record, signed)


def _collect(
    session: Session, record: tuple[Signed, ...], messages: Iterable[Signed], own: Signed
) -> Messages:
    """`record` and one message of own's round from each member, in order of seat; none guilty."""
    given = sorted(messages, key=lambda signed: signed.sender)
    for signed in given:
        check_signed(session, signed)
    turns = {signed.body.ROUND for signed in given}
    if [signed.sender for signed in given] != list(range(session.size)) or len(turns) != 1:
        raise RoundIncomplete(missing=silent(Transcript(session, tuple(given)), own.body.ROUND))
    if given[own.sender] != own:
        raise OwnMessageForeign(seat=own.sender)
    whole = (*record, *given)
    if found := convict(Transcript(session, whole)):
        raise Convicted(found=found)
    return whole


def _receipts(messages: tuple[Signed, ...]) -> tuple[Receipt, ...]:
    return tuple(signed.receipt for signed in messages)


def _dealings(record: Messages) -> list[Dealing]:
    """The one dealing of each member, in order of seat."""
    return [signed.body.dealings[0] for signed in record if isinstance(signed.body, Deal)]


def _group(record: Messages) -> tuple[bytes, ...]:
    return sum_polynomials([dealing.public.commitments for dealing in _dealings(record)])


def _recipients(session: Session) -> list[tuple[int, int]]:
    """Every share index with its owner's seat."""
    members = enumerate(session.roster.members)
    return [(seat, index) for seat, member in members for index in member.indices]


def _session_key(seed: bytes, session: bytes) -> bytes:
    return expand(seed, session, b"session key")


def _pair_secret(ephemeral: bytes, session: bytes, index: int) -> bytes:
    return expand(ephemeral, session, b"pair" + fixed(index, 2))


def _coefficients(session: Session, seed: bytes) -> tuple[int, ...]:
    return polynomial(seed, session.id, session.roster.threshold)


def _public(session: Session, seat: int, seed: bytes) -> Public:
    """The public part of this member's dealing; the same whenever it is asked for."""
    coefficients = _coefficients(session, seed)
    nonce = scalar(seed, session.id, b"proof nonce")
    proof = prove(session.id, seat, coefficients[0], nonce)
    return Public(FRESH_SOURCE, commit(coefficients), (proof,))


def _receive(session: Session, dealer: int, dealing: Dealing, index: int, secret: bytes) -> int:
    """The share dealt to one's index; raises `ShareUnreadable`, `ShareOffPolynomial`."""
    sealed = next(share for share in dealing.shares if share.index == index)
    pair = Pair(session.id, dealer, dealing.public, index)
    share = pair.unseal(secret, sealed.key, sealed, x25519_public(secret))
    return check_share(dealing.public, index, share)


def _shares(session: Session, sums: dict[int, int]) -> tuple[KeyShare, ...]:
    return tuple(
        KeyShare(session.id, index, fixed(value % ORDER, 32)) for index, value in sums.items()
    )
