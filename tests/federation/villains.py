"""A member that breaks one rule and otherwise plays along, one class for each rule."""

from msgspec.structs import replace

from bystack.federation.certificates import attest, prove_share, sum_polynomials
from bystack.federation.dealing import (
    Pair,
    ShareUnreadable,
    commit,
    evaluate,
    polynomial,
    prove,
    public_hash,
    x25519_public,
)
from bystack.federation.messages import (
    Acknowledge,
    Certify,
    Complaint,
    Deal,
    Dealing,
    Hello,
    Open,
    Opening,
    Proof,
    Public,
    Receipt,
    SealedShare,
    Signed,
    sign_message,
)
from bystack.federation.record import complaints_against, transcript_hash
from bystack.federation.shares import KeyShare
from bystack.primitives.curve import INFINITY, ORDER, g1_mul
from bystack.primitives.hashes import fixed

from .stage import dice, number, secret

LOW_ORDER = bytes(32)


class Villain:
    """Plays the protocol without checking anything; subclasses change one thing.

    Each round's method is asked once for each recipient, so it may tell them different things.
    """

    guilty: str | None = None  # the rule it must be convicted of; None: it can only be silent
    silent_from = 9

    def __init__(self, session, seat):
        self.session, self.seat, self.secret = session, seat, secret(number(session, seat))
        self.id, self.size = session.id, session.size
        self.threshold = session.roster.threshold
        self.own = session.roster.members[seat].indices
        self.victim = (seat + 1) % self.size
        self.victim_index = session.roster.members[self.victim].indices[0]
        self.key = dice("villain key")
        self.heard = [{} for _ in range(5)]
        self.turn = -1

    # -- what the network does with it

    def act(self):
        self.turn += 1
        if self.turn >= self.silent_from:
            return []
        body = (self.hello, self.deal, self.acknowledge, self.answer, lambda to: None)[self.turn]
        bodies = {to: body(to) for to in range(self.size)}
        said = {to: self.sign(each) for to, each in bodies.items() if each is not None}
        if not said:
            return []
        self.heard[said[self.victim].body.ROUND][self.seat] = said[self.victim]
        sent = [(to, message) for to, message in said.items() if to != self.seat]
        return sent + (self.act() if self.complete() else [])

    def hear(self, message):
        if isinstance(message, Signed) and message.sender != self.seat:
            self.heard[message.body.ROUND].setdefault(message.sender, message)
            if self.complete():
                return self.act()
        return []

    def complete(self):
        return self.turn < 3 and len(self.heard[self.turn]) == self.size

    def sign(self, body):
        return sign_message(self.session, self.seat, body, self.secret)

    def receipts(self, turn):
        return tuple(self.heard[turn][n].receipt for n in range(self.size))

    def bodies(self, turn):
        return [self.heard[turn][n].body for n in range(self.size)]

    # -- the rounds

    def coefficients(self):
        return polynomial(dice("villain seed"), self.id, self.threshold)

    def public(self):
        coefficients = self.coefficients()
        return Public(0, commit(coefficients), (self.proof(coefficients[0]),))

    def proof(self, constant):
        return prove(self.id, self.seat, constant, 77)

    def hello(self, to):
        return Hello(x25519_public(self.key), (public_hash(self.id, self.seat, self.public()),))

    def ephemeral(self, index):
        return dice("villain pair", index)

    def sealed(self, index):
        owner = self.session.roster.owner(index)
        pair = Pair(self.id, self.seat, self.public(), index)
        recipient = self.bodies(0)[owner].key
        share = evaluate(self.coefficients(), index)
        return SealedShare(index, *pair.seal(self.ephemeral(index), recipient, share))

    def deal(self, to):
        shares = tuple(self.sealed(index) for index in self.session.roster.indices)
        return Deal(self.receipts(0), (Dealing(self.public(), shares),))

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1), ())

    def answer(self, to):
        disputed = any(body.complaints for body in self.bodies(2))
        return self.open(to) if disputed else self.certify(to)

    def asked(self):
        return [c for _, c in complaints_against(tuple(self.bodies(2)), self.seat)]

    def open(self, to):
        given = tuple(Opening(c.source, c.index, self.ephemeral(c.index)) for c in self.asked())
        return Open(self.receipts(2), given)

    def group(self):
        return sum_polynomials([body.dealings[0].public.commitments for body in self.bodies(1)])

    def transcript(self):
        return transcript_hash(self.id, *(self.receipts(turn) for turn in range(3)))

    def shares(self):
        sums = dict.fromkeys(self.own, 0)
        for dealer, body in enumerate(self.bodies(1)):
            dealing = body.dealings[0]
            for sealed in dealing.shares:
                if sealed.index in sums:
                    pair = Pair(self.id, dealer, dealing.public, sealed.index)
                    public = x25519_public(self.key)
                    try:
                        share = pair.unseal(self.key, sealed.key, sealed, public)
                    except ShareUnreadable:
                        continue
                    sums[sealed.index] += int.from_bytes(share, "big")
        return [KeyShare(self.id, index, fixed(s % ORDER, 32)) for index, s in sums.items()]

    def certify(self, to):
        group, transcript = self.group(), self.transcript()
        partials = tuple(prove_share(self.session, share, group[0]) for share in self.shares())
        attestation = attest(self.session, transcript, group, self.secret)
        return Certify(self.receipts(2), transcript, attestation, partials)


class LongPolynomial(Villain):
    """K08: one commitment more raises the number of shares a signature needs."""

    guilty = "CommitmentsLength"

    def coefficients(self):
        return polynomial(dice("villain seed"), self.id, self.threshold + 1)


class LongerPolynomial(LongPolynomial):
    def coefficients(self):
        return polynomial(dice("villain seed"), self.id, self.threshold + 2)


class ShortPolynomial(LongPolynomial):
    def coefficients(self):
        return polynomial(dice("villain seed"), self.id, self.threshold - 1)


class PaddedPolynomial(LongPolynomial):
    """The degree is right, but a commitment to zero is added."""

    def coefficients(self):
        return (*super(LongPolynomial, self).coefficients(), 0)


class NoPolynomial(LongPolynomial):
    def public(self):
        return replace(super().public(), commitments=())


class ZeroConstant(Villain):
    guilty = "ConstantInfinity"

    def coefficients(self):
        return (0, *super().coefficients()[1:])


class MalformedCommitment(Villain):
    guilty = "CommitmentMalformed"

    def public(self):
        public = super().public()
        return replace(public, commitments=(*public.commitments[:-1], b"\xe0" + INFINITY[1:]))


class WrongProof(Villain):
    """A rogue key: a constant chosen as a point, whose logarithm nobody knows."""

    guilty = "ProofWrong"

    def proof(self, constant):
        return prove(self.id, self.seat, constant + 1, 77)


class ForeignProof(Villain):
    """The proof is good, for another session."""

    guilty = "ProofWrong"

    def proof(self, constant):
        return prove(dice("another session"), self.seat, constant, 77)


class ProofOfAnotherSeat(Villain):
    guilty = "ProofWrong"

    def proof(self, constant):
        return prove(self.id, self.victim, constant, 77)


class WideProof(Villain):
    """The response plus the order is the same scalar, in other bytes."""

    guilty = "ProofWrong"

    def proof(self, constant):
        proof = super().proof(constant)
        return Proof(proof.nonce, fixed(int.from_bytes(proof.response, "big") + ORDER, 32))


class NoProof(Villain):
    guilty = "ProofMissing"

    def public(self):
        return replace(super().public(), proof=())


class OtherDeal(Villain):
    """Deals what it did not commit to, having seen the others' (bias)."""

    guilty = "DealUncommitted"

    def hello(self, to):
        return Hello(x25519_public(self.key), (dice("something else"),))


class TwoDealings(Villain):
    guilty = "DealingsWrong"

    def deal(self, to):
        deal = super().deal(to)
        return Deal(deal.hellos, deal.dealings * 2)


class LowOrderSession(Villain):
    guilty = "LowOrderKey"
    silent_from = 1  # it could not even deal to itself

    def hello(self, to):
        return replace(super().hello(to), key=LOW_ORDER)


class WideSession(LowOrderSession):
    """A key not reduced modulo the field's prime."""

    def hello(self, to):
        return replace(super().hello(to), key=fixed(2**255 - 1, 32)[::-1])


class LowOrderPair(Villain):
    guilty = "LowOrderKey"

    def sealed(self, index):
        sealed = super().sealed(index)
        return replace(sealed, key=LOW_ORDER) if index == self.victim_index else sealed


class RecipientMissing(Villain):
    guilty = "RecipientsWrong"

    def deal(self, to):
        deal = super().deal(to)
        dealing = deal.dealings[0]
        return replace(deal, dealings=(replace(dealing, shares=dealing.shares[1:]),))


class WrongShare(Villain):
    guilty = "ShareOffPolynomial"

    def sealed(self, index):
        if index != self.victim_index:
            return super().sealed(index)
        pair = Pair(self.id, self.seat, self.public(), index)
        share = (evaluate(self.coefficients(), index) + 1) % ORDER
        return SealedShare(
            index, *pair.seal(self.ephemeral(index), self.bodies(0)[self.victim].key, share)
        )


class WideShare(Villain):
    """The right share plus the order: another 32 bytes for the same scalar."""

    guilty = "ShareOffPolynomial"

    def sealed(self, index):
        if index != self.victim_index:
            return super().sealed(index)
        pair = Pair(self.id, self.seat, self.public(), index)
        share = evaluate(self.coefficients(), index)
        share = share + ORDER if share + ORDER < 2**256 else ORDER
        return SealedShare(
            index, *pair.seal(self.ephemeral(index), self.bodies(0)[self.victim].key, share)
        )


class GarbageShare(Villain):
    guilty = "ShareUnreadable"

    def sealed(self, index):
        sealed = super().sealed(index)
        return replace(sealed, sealed=bytes(48)) if index == self.victim_index else sealed


class ShareOfAnother(Villain):
    """The victim receives the ciphertext made for another index."""

    guilty = "OpeningForeign"

    def sealed(self, index):
        if index != self.victim_index:
            return super().sealed(index)
        other = next(i for i in self.session.roster.indices if i != index)
        return replace(super().sealed(other), index=index)


class WrongOpening(WrongShare):
    """Having sent a wrong share, it answers with another pair's scalar."""

    guilty = "OpeningForeign"

    def open(self, to):
        body = super().open(to)
        wrong = tuple(replace(each, scalar=dice("another")) for each in body.openings)
        return replace(body, openings=wrong)


class NoOpening(WrongShare):
    guilty = "OpeningsWrong"

    def open(self, to):
        return replace(super().open(to), openings=())


class SurplusOpening(Villain):
    """Opens what nobody complained of (another's complaint is needed to come here)."""

    guilty = "ComplaintFalse"

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1), (Complaint(self.victim, 0, self.own[0]),))

    def open(self, to):
        body = super().open(to)
        surplus = Opening(0, self.victim_index, self.ephemeral(self.victim_index))
        return replace(body, openings=(*body.openings, surplus))


class SilentOpening(WrongShare):
    guilty = None
    silent_from = 3


class FalseComplaint(Villain):
    guilty = "ComplaintFalse"

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1), (Complaint(self.victim, 0, self.own[0]),))


class ForeignComplaint(Villain):
    """Complains of a share that is another's, to have it opened."""

    guilty = "ComplaintForeign"

    def acknowledge(self, to):
        third = next(n for n in range(self.size) if n not in (self.seat, self.victim))
        return Acknowledge(self.receipts(1), (Complaint(third, 0, self.victim_index),))


class RepeatedComplaint(Villain):
    """The same complaint many times, to make the dealer answer as often."""

    guilty = "ComplaintForeign"

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1), (Complaint(self.victim, 0, self.own[0]),) * 3)


class SelfComplaint(Villain):
    guilty = "ComplaintForeign"

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1), (Complaint(self.seat, 0, self.own[0]),))


class HelloTwice(Villain):
    """Tells the victim another session key."""

    guilty = "Equivocated"

    def hello(self, to):
        hello = super().hello(to)
        other = x25519_public(dice("second key"))
        return hello if to == self.victim else replace(hello, key=other)


class DealTwice(Villain):
    """Sends the victim another deal: both are good by themselves."""

    guilty = "Equivocated"

    def ephemeral(self, index):
        return dice("villain pair", index, self.to == self.victim)

    def deal(self, to):
        self.to = to
        return super().deal(to)


class AcknowledgeTwice(Villain):
    """Complains to the victim only; the others would certify."""

    guilty = "Equivocated"

    def acknowledge(self, to):
        complaint = Complaint(self.victim, 0, self.own[0])
        return Acknowledge(self.receipts(1), (complaint,) if to == self.victim else ())


class ForgedReceipt(Villain):
    """Says that the victim dealt something else."""

    guilty = "ReceiptsWrong"

    def acknowledge(self, to):
        receipts = list(self.receipts(1))
        receipts[self.victim] = Receipt(dice("never said"), receipts[self.victim].signature)
        return Acknowledge(tuple(receipts), ())


class ReceiptMissing(Villain):
    guilty = "ReceiptsWrong"

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1)[:-1], ())


class NoReceipts(Villain):
    guilty = "ReceiptsWrong"

    def deal(self, to):
        return replace(super().deal(to), hellos=())


class CertifyDispute(Villain):
    """Complains, and certifies all the same."""

    guilty = "CertifiedDispute"

    def acknowledge(self, to):
        return Acknowledge(self.receipts(1), (Complaint(self.victim, 0, self.own[0]),))

    def answer(self, to):
        return self.certify(to)


class WrongTranscript(Villain):
    guilty = "TranscriptWrong"

    def transcript(self):
        return dice("another transcript")


class WrongAttestation(Villain):
    guilty = "AttestationWrong"

    def certify(self, to):
        return replace(super().certify(to), attestation=bytes(64))


class WrongPartial(Villain):
    """Cannot sign with its shares, so the key would need more of the others."""

    guilty = "PartialsWrong"

    def shares(self):
        right = super().shares()
        return [*right[:-1], KeyShare(self.id, right[-1].index, fixed(5, 32))]


class NoPartials(Villain):
    guilty = "PartialsWrong"

    def shares(self):
        return []


class Mute(Villain):
    silent_from = 0


class SilentDeal(Villain):
    silent_from = 1


class SilentAcknowledge(Villain):
    silent_from = 2


class SilentCertify(Villain):
    silent_from = 3


class CopyCat(Villain):
    """Sends another member's constant and proof as its own."""

    guilty = "ProofWrong"

    def public(self):
        honest = g1_mul(12345)
        return Public(
            0, (honest, *commit(self.coefficients())[1:]), (prove(self.id, self.victim, 12345, 9),)
        )


def every(kind=Villain):
    found = [kind] if kind is not Villain else []
    for sub in kind.__subclasses__():
        found += every(sub)
    return found


CATALOGUE = sorted(every(), key=lambda villain: villain.__name__)
