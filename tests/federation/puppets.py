"""A member that runs the real ceremony and has its messages changed on the way, for every kind."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

from msgspec.structs import replace

from bystack.federation import dkg
from bystack.federation.ceremony import Ceremony
from bystack.federation.events import Broadcast, Received, Send
from bystack.federation.messages import (
    Acknowledge,
    Complaint,
    Deal,
    Dealing,
    Proof,
    sign_message,
)
from bystack.primitives.curve import g1_mul
from bystack.primitives.errors import Invalid

from .stage import dice, number, secret


class Puppet:
    """Stands in a `Network` where a villain may; subclasses change what is said.

    Its machine takes what it said for what it meant, so it goes on as far as it can.
    """

    guilty = ""

    def __init__(self, session, seat, held=None):
        self.session, self.seat = session, seat
        self.secret = secret(number(session, seat))
        self.victim = (seat + 1) % session.size
        self.victim_index = session.roster.members[self.victim].indices[0]
        begin = partial(Ceremony.begin, session, self.secret, dice("puppet"), held or {})
        self.begun = self.played(begin)

    def played(self, call):
        with patch.object(dkg, "sign_message", self.sign):
            return call()

    def sign(self, session, seat, body, identity):
        return sign_message(session, seat, self.change(body), identity)

    def act(self):
        return self.take(self.begun)

    def take(self, outcome):
        self.machine, outputs = outcome
        said = []
        for output in outputs:
            match output:
                case Broadcast(message):
                    others = [n for n in range(len(self.session.parties)) if n != self.seat]
                    said += [(to, self.told(message, to)) for to in others]
                case Send(to, message):
                    said.append((to, message))
        return said

    def hear(self, message):
        handle = partial(self.machine.handle, Received(message), dice("puppet", message))
        try:
            return self.take(self.played(handle))
        except Invalid:
            return []

    def told(self, message, to):
        return message

    def change(self, body):
        match body:
            case Deal():
                return replace(body, dealings=tuple(self.dealing(each) for each in body.dealings))
            case Acknowledge():
                return self.acknowledge(body)
            case _:
                return body

    def dealing(self, dealing: Dealing) -> Dealing:
        return replace(dealing, public=self.public(dealing.public))

    def public(self, public):
        return public

    def acknowledge(self, body):
        return body


class Long(Puppet):
    guilty = "CommitmentsLength"

    def public(self, public):
        return replace(public, commitments=(*public.commitments, g1_mul(3)))


class Short(Puppet):
    guilty = "CommitmentsLength"

    def public(self, public):
        return replace(public, commitments=public.commitments[:-1])


class WrongConstant(Puppet):
    """Would change the key: the constant is neither zero nor the old share."""

    def __init__(self, session, seat, held=None):
        super().__init__(session, seat, held)
        self.guilty = "ConstantNotZero" if session.kind == 1 else "ConstantForeign"

    def public(self, public):
        return replace(public, commitments=(g1_mul(5), *public.commitments[1:]))


class NeedlessProof(Puppet):
    guilty = "ProofUnasked"

    def public(self, public):
        return replace(public, proof=(Proof(g1_mul(1), bytes(32)),))


class OtherSource(Puppet):
    """Deals from an index that is not its own."""

    guilty = "DealingsWrong"

    def public(self, public):
        return replace(public, source=public.source + 40)


class SecondThoughts(Puppet):
    """Deals what it did not commit to in its hello."""

    guilty = "DealUncommitted"

    def public(self, public):
        return replace(public, commitments=(*public.commitments[:-1], g1_mul(9)))


class Garbage(Puppet):
    """One share cannot be opened; the complaint has it opened for all."""

    guilty = "ShareUnreadable"

    def dealing(self, dealing):
        spoiled = tuple(
            replace(each, sealed=bytes(48)) if each.index == self.victim_index else each
            for each in dealing.shares
        )
        return replace(dealing, shares=spoiled)


class TwoTongues(Puppet):
    """Another deal for the victim than for all others."""

    guilty = "Equivocated"

    def told(self, message, to):
        body = getattr(message, "body", None)
        if not isinstance(body, Deal) or to != self.victim:
            return message
        first, *rest = body.dealings
        shares = tuple(replace(each, sealed=bytes(48)) for each in first.shares)
        other = replace(body, dealings=(replace(first, shares=shares), *rest))
        return sign_message(self.session, self.seat, other, self.secret)


class Slanderer(Puppet):
    guilty = "ComplaintFalse"

    def acknowledge(self, body):
        own = self.session.roster.members[self.seat].indices[0]
        source = self.session.sources(self.victim)[0]
        return replace(body, complaints=(Complaint(self.victim, source, own),))


DEALERS = (Long, Short, WrongConstant, NeedlessProof, OtherSource, SecondThoughts, Garbage)
CATALOGUE = (*DEALERS, TwoTongues, Slanderer)
