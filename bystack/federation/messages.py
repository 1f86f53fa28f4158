"""What members say to each other, as bytes: key generation, partial signatures, certificates.

Every message of a key generation after the first carries `Receipt`s – digest and signature – of
the whole round before it. So whoever tells two members two different things is convicted by the
next round of either of them: the receipts are the echo broadcast (`attacks.md` K08).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from bystack.federation.identity import identity_sign, identity_verify
from bystack.federation.members import MAX_MEMBERS, MAX_WEIGHT, Index, Position
from bystack.federation.session import Polynomial, Session
from bystack.primitives.codec import (
    U16,
    Bytes32,
    Bytes48,
    Bytes64,
    Bytes96,
    Wire,
    decode_union,
    encode,
)
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

MESSAGE_LIMIT = 4 << 20


class Receipt(Wire):
    """Proof of what a member said: the digest of a body and the member's signature of it."""

    digest: Bytes32
    signature: Bytes64


Receipts = Annotated[tuple[Receipt, ...], Meta(max_length=MAX_MEMBERS)]

ABSENT = Receipt(bytes(32), bytes(64))
"""Stands for a member that leaves and was not heard: a reshare need not wait for it."""


class Hello(Wire, tag=0):
    """R0: a fresh X25519 key, and a hash commitment to the public part of each coming dealing."""

    ROUND: ClassVar[int] = 0
    key: Bytes32
    commitments: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_WEIGHT)]


class Proof(Wire):
    """Schnorr proof of knowledge of a polynomial's constant: nonce point and response."""

    nonce: Bytes48
    response: Bytes32


class Public(Wire):
    """What all may see of a dealing: Feldman commitments, and the proof for their constant.

    `source` is 0 for a fresh key, else the old share index whose share is dealt anew; a refresh
    or reshare carries no proof (its constant is checked against the old polynomial).
    """

    source: U16
    commitments: Polynomial
    proof: Annotated[tuple[Proof, ...], Meta(max_length=1)]


class SealedShare(Wire):
    """One share for one index: the pair's ephemeral X25519 key, and the share sealed under it."""

    index: Index
    key: Bytes32
    sealed: Bytes48


class Dealing(Wire):
    """One polynomial dealt out: its public part and a sealed share for every index."""

    public: Public
    shares: Annotated[tuple[SealedShare, ...], Meta(max_length=MAX_WEIGHT)]


class Deal(Wire, tag=1):
    """R1: the hellos received, and the dealings promised in one's own: one, or of a reshare one
    for each old share, or none by who holds none."""

    ROUND: ClassVar[int] = 1
    hellos: Receipts
    dealings: Annotated[tuple[Dealing, ...], Meta(max_length=MAX_WEIGHT)]


class Complaint(Wire):
    """A share that is not on its dealer's polynomial, or cannot be opened."""

    dealer: Position
    source: U16
    index: Index


class Acknowledge(Wire, tag=2):
    """R2: the deals received, and complaints about one's own shares (none: all is well)."""

    ROUND: ClassVar[int] = 2
    deals: Receipts
    complaints: Annotated[tuple[Complaint, ...], Meta(max_length=MAX_WEIGHT * MAX_WEIGHT)]


class Opening(Wire):
    """The ephemeral scalar of one accused pair, which lets anyone decrypt what was sent."""

    source: U16
    index: Index
    scalar: Bytes32


class Open(Wire, tag=3):
    """R3, only after complaints: the acknowledgements received, and the accused's answers."""

    ROUND: ClassVar[int] = 3
    acknowledgements: Receipts
    openings: Annotated[tuple[Opening, ...], Meta(max_length=MAX_WEIGHT * MAX_WEIGHT)]


class Partial(Wire):
    """A share's signature under the group key's proof-of-possession tag."""

    index: Index
    signature: Bytes96


class Certify(Wire, tag=4):
    """R4: agreement to one transcript, and proof by signature that one's shares work."""

    ROUND: ClassVar[int] = 4
    acknowledgements: Receipts
    transcript: Bytes32
    attestation: Bytes64
    partials: Annotated[tuple[Partial, ...], Meta(max_length=MAX_WEIGHT)]


Body = Hello | Deal | Acknowledge | Open | Certify
ROUNDS = 5


class Signed(Wire, tag=0):
    """A body under its sender's identity signature; `sender` is a seat of the session's roster."""

    session: Bytes32
    sender: Position
    body: Body
    signature: Bytes64

    @property
    def digest(self) -> bytes:
        """The digest of the body alone, as receipts name it."""
        return body_digest(self.body)

    @property
    def receipt(self) -> Receipt:
        """What the next round shows of this message."""
        return Receipt(self.digest, self.signature)


class PartialSignature(Wire, tag=1):
    """One share's signature: the key (its session id), the message's digest, the share's index."""

    key: Bytes32
    digest: Bytes32
    index: Index
    signature: Bytes96


class KeyCertificate(Wire, tag=2):
    """Why a group key exists: every member attests one transcript, and the key has signed.

    `polynomial` is the public polynomial (its constant is the group key), `attestations` are in
    seat order, `proof` is the group key's proof of possession made by the shares.
    """

    session: Session
    transcript: Bytes32
    polynomial: Polynomial
    attestations: Annotated[tuple[Bytes64, ...], Meta(max_length=MAX_MEMBERS)]
    proof: Bytes96

    @property
    def key(self) -> bytes:
        """The group's public key, 48 bytes."""
        return self.polynomial[0]

    @property
    def key_id(self) -> bytes:
        """What partial signatures of this key epoch name: the session id."""
        return self.session.id


class Transcript(Wire, tag=3):
    """Signed messages of one session, for a third party to judge; in order of seat and round."""

    session: Session
    messages: Annotated[tuple[Signed, ...], Meta(max_length=MAX_MEMBERS * ROUNDS * 2)]


Message = Signed | PartialSignature | KeyCertificate | Transcript


class SignatureForged(Invalid):
    """The message is not signed by the member it names as its sender."""


class SessionForeign(Invalid):
    """The message belongs to another key generation."""


class SenderUnknown(Invalid):
    """The message's sender has no seat."""


def decode_message(data: bytes) -> Message:
    """The message `data` encodes; raises the codec's errors."""
    return decode_union(Message, data, MESSAGE_LIMIT)  # type: ignore[no-any-return]


def body_digest(body: Body) -> bytes:
    """The 32-byte digest of a body: what its sender signs and receipts name."""
    return tagged("dkg/body")(encode(body))


def signing_digest(session: bytes, sender: int, turn: int, digest: bytes) -> bytes:
    """What a member signs: session id, its seat, the round and the body's digest."""
    return tagged("dkg/message")(session, fixed(sender, 2), fixed(turn, 1), digest)


def sign_message(session: Session, sender: int, body: Body, secret: bytes) -> Signed:
    """`body` signed by the member in seat `sender` with its 32-byte Ed25519 secret."""
    digest = signing_digest(session.id, sender, body.ROUND, body_digest(body))
    return Signed(session.id, sender, body, identity_sign(secret, digest))


def receipt_holds(session: Session, sender: int, turn: int, receipt: Receipt) -> bool:
    """Whether the member in seat `sender` signed this digest in that round."""
    digest = signing_digest(session.id, sender, turn, receipt.digest)
    return identity_verify(session.parties[sender].identity, digest, receipt.signature)


def check_signed(session: Session, signed: Signed) -> None:
    """Refuse what is not a message of this session by the member it names."""
    if signed.session != session.id:
        raise SessionForeign(session=signed.session)
    if signed.sender >= len(session.parties):
        raise SenderUnknown(sender=signed.sender, members=len(session.parties))
    if not receipt_holds(session, signed.sender, signed.body.ROUND, signed.receipt):
        raise SignatureForged(sender=signed.sender, round=signed.body.ROUND)
