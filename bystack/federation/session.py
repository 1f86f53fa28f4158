"""Which key generation a message belongs to: everything agreed beforehand, in one hash.

The session id enters every signature, proof, salt and associated datum, so nothing said in one
attempt means anything in another (replay, `attacks.md` K08).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from msgspec import Meta

from bystack.federation.members import MAX_WEIGHT, Roster, check_roster
from bystack.primitives.codec import U8, U32, Bytes32, Bytes48, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

Polynomial = Annotated[tuple[Bytes48, ...], Meta(max_length=MAX_WEIGHT)]


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
        return tagged("dkg/session")(fixed(self.roster.total, 2), encode(self))

    @property
    def size(self) -> int:
        """How many members take part."""
        return len(self.roster.members)


class InvalidSession(Invalid):
    """The ceremony cannot be held."""


class KindRefused(InvalidSession):
    """Only fresh keys are made by this ceremony."""


class PreviousUnasked(InvalidSession):
    """A fresh key continues no other."""


def check_session(session: Session) -> None:
    """Raise what is wrong with the session or its roster."""
    check_roster(session.roster)
    if session.kind != Kind.FRESH:
        raise KindRefused(kind=session.kind)
    if session.previous:
        raise PreviousUnasked(epoch=session.previous[0].epoch)
