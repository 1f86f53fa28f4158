"""Which key generation a message belongs to: everything agreed beforehand, in one hash.

The session id enters every signature, proof, salt and associated datum, so nothing said in one
attempt means anything in another (replay, `attacks.md` K08).
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from bystack.federation.members import (
    MAX_MEMBERS,
    MAX_WEIGHT,
    Member,
    MemberUnknown,
    Roster,
    check_roster,
)
from bystack.primitives.codec import U8, U32, Bytes32, Bytes48, Wire, encode
from bystack.primitives.curve import g1_valid
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

Polynomial = Annotated[tuple[Bytes48, ...], Meta(max_length=MAX_WEIGHT)]
FRESH_SOURCE = 0


class Kind(IntEnum):
    """What the ceremony makes: a new key, new shares for the same set, shares for a new set."""

    FRESH = 0
    REFRESH = 1
    RESHARE = 2


class Previous(Wire):
    """The key a refresh or reshare continues: its epoch, its members and public polynomial."""

    epoch: U32
    roster: Roster
    polynomial: Polynomial


class Session(Wire):
    """One attempt: main chain id, charter hash, key epoch, attempt, kind, the new set, the old key.

    `previous` is empty for a fresh key. n is the roster's total weight.
    """

    chain: Bytes32
    federation: Bytes32
    epoch: U32
    attempt: U32
    kind: U8
    roster: Roster
    previous: Annotated[tuple[Previous, ...], Meta(max_length=1)]

    @property
    def id(self) -> bytes:
        """The 32-byte session id."""
        return _id(self)

    @property
    def size(self) -> int:
        """How many members the new set has: every one of them must sign for the key to exist."""
        return len(self.roster.members)

    @property
    def parties(self) -> tuple[Member, ...]:
        """All who take part, by seat: the new set, then the members who leave, in their order."""
        return _parties(self)

    @property
    def threshold(self) -> int:
        """How many shares sign under the new epoch: the number of commitments of every deal."""
        return self.roster.threshold

    @property
    def needed(self) -> int:
        """How many old shares a reshare must be dealt from; 0 for the other kinds."""
        return self.previous[0].roster.threshold if self.kind == Kind.RESHARE else 0

    def seat(self, identity: bytes) -> int:
        """The seat of the party with this identity key; raises `MemberUnknown`."""
        for position, member in enumerate(self.parties):
            if member.identity == identity:
                return position
        raise MemberUnknown(identity=identity)

    def sources(self, seat: int) -> tuple[int, ...]:
        """What the party in a seat deals: 0 once, or in a reshare each of its old indices."""
        return _sources(self)[seat]


@lru_cache(maxsize=64)  # every message names the session, and its roster is long
def _id(session: Session) -> bytes:
    return tagged("dkg/session")(fixed(session.roster.total, 2), encode(session))


@lru_cache(maxsize=64)
def _parties(session: Session) -> tuple[Member, ...]:
    if session.kind != Kind.RESHARE:
        return session.roster.members
    staying = {member.identity for member in session.roster.members}
    old = session.previous[0].roster.members
    return (*session.roster.members, *(each for each in old if each.identity not in staying))


@lru_cache(maxsize=64)
def _sources(session: Session) -> tuple[tuple[int, ...], ...]:
    if session.kind != Kind.RESHARE:
        return ((FRESH_SOURCE,),) * session.size
    old = {member.identity: member.indices for member in session.previous[0].roster.members}
    return tuple(old.get(member.identity, ()) for member in session.parties)


class InvalidSession(Invalid):
    """The ceremony cannot be held."""


class KindUnknown(InvalidSession):
    """A ceremony makes a fresh key, refreshes shares or reshares them: this is none of these."""


class PreviousUnasked(InvalidSession):
    """A fresh key continues no other."""


class PreviousMissing(InvalidSession):
    """A refresh or reshare continues a key, and none is named."""


class PreviousLater(InvalidSession):
    """The key continued is not of an earlier epoch."""


class PreviousDegenerate(InvalidSession):
    """The old public polynomial is not one point for each share of its threshold."""


class SetChanged(InvalidSession):
    """A refresh keeps members, weights and threshold as they are."""


class TooManyParties(InvalidSession):
    """New members and those who leave are more than one ceremony has seats."""


def check_session(session: Session) -> None:
    """Raise what is wrong with the session or its rosters."""
    check_roster(session.roster)
    if session.kind not in tuple(Kind):
        raise KindUnknown(kind=session.kind)
    if session.kind != Kind.FRESH:
        return _check_continued(session)
    if session.previous:
        raise PreviousUnasked(epoch=session.previous[0].epoch)


def _check_continued(session: Session) -> None:
    if not session.previous:
        raise PreviousMissing(kind=session.kind)
    (previous,) = session.previous
    check_roster(previous.roster)
    if previous.epoch >= session.epoch:
        raise PreviousLater(previous=previous.epoch, epoch=session.epoch)
    _check_polynomial(previous)
    if session.kind == Kind.REFRESH and previous.roster != session.roster:
        raise SetChanged()
    if len(session.parties) > MAX_MEMBERS:
        raise TooManyParties(parties=len(session.parties), limit=MAX_MEMBERS)


@lru_cache(maxsize=16)
def _check_polynomial(previous: Previous) -> None:
    points = previous.polynomial
    if len(points) != previous.roster.threshold:
        raise PreviousDegenerate(points=len(points), threshold=previous.roster.threshold)
    if not (g1_valid(points[0]) and all(g1_valid(one, allow_infinity=True) for one in points)):
        raise PreviousDegenerate(epoch=previous.epoch)
