"""What a member's two seeds give: its polynomials, its session key, the pairs' ephemeral keys.

Every secret of a ceremony is derived, so that a member that resumes says the same bytes again and
cannot deal twice. `held` are the member's shares of the key that a refresh or reshare continues.
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.federation.dealing import Pair, commit, evaluate, expand, polynomial, prove, scalar
from bystack.federation.messages import Dealing, Public, SealedShare
from bystack.federation.session import Kind, Session
from bystack.primitives.curve import evaluate_commitments, g1_mul
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed

Held = Mapping[int, int]
"""A member's old shares by index; empty if it has none (or has lost them)."""


class HeldShareForeign(Invalid):
    """A share in this member's files is none of the key that is to be continued."""


class HeldShareMissing(Invalid):
    """This member lacks the old share that a refresh adds to: a reshare makes it a new one."""


def check_held(session: Session, seat: int, held: Held) -> None:
    """Raise `HeldShareMissing` or, of a share not on the old polynomial, `HeldShareForeign`.

    Whoever dealt from another would be convicted of it.
    """
    if session.kind == Kind.REFRESH and not {*session.parties[seat].indices} <= held.keys():
        raise HeldShareMissing(seat=seat)
    for index, share in held.items() if session.previous else ():
        if g1_mul(share) != evaluate_commitments(session.previous[0].polynomial, index):
            raise HeldShareForeign(index=index, epoch=session.previous[0].epoch)


def dealt_sources(session: Session, seat: int, held: Held) -> tuple[int, ...]:
    """What this member deals: as the session says, or nothing in a reshare if a share is lost."""
    sources = session.sources(seat)
    lost = session.kind == Kind.RESHARE and any(source not in held for source in sources)
    return () if lost else sources


def coefficients(session: Session, seed: bytes, source: int, held: Held) -> tuple[int, ...]:
    """The secret polynomial dealt from one source."""
    constants = {Kind.FRESH: None, Kind.REFRESH: 0, Kind.RESHARE: held.get(source)}
    constant = constants[Kind(session.kind)]
    return polynomial(seed, session.id, session.threshold, source, constant)


def public(session: Session, seat: int, seed: bytes, drawn: tuple[int, ...], source: int) -> Public:
    """The public part of a dealing; the same whenever it is asked for."""
    if session.kind != Kind.FRESH:
        return Public(source, commit(drawn), ())
    nonce = scalar(seed, session.id, b"proof nonce")
    return Public(source, commit(drawn), (prove(session.id, seat, drawn[0], nonce),))


def publics(session: Session, seat: int, seed: bytes, held: Held) -> tuple[Public, ...]:
    """The public parts of all this member deals."""
    return tuple(
        public(session, seat, seed, coefficients(session, seed, source, held), source)
        for source in dealt_sources(session, seat, held)
    )


def dealing(
    session: Session,
    seat: int,
    source: int,
    seeds: tuple[bytes, bytes],
    held: Held,
    keys: Mapping[int, bytes],
) -> Dealing:
    """One dealing, sealed to the owners of every new index. `keys`: their session keys by seat."""
    seed, ephemeral = seeds
    drawn = coefficients(session, seed, source, held)
    shown = public(session, seat, seed, drawn, source)
    shares = []
    for owner, member in enumerate(session.roster.members):
        for index in member.indices:
            secret = pair_secret(ephemeral, session.id, source, index)
            pair = Pair(session.id, seat, shown, index)
            key, sealed = pair.seal(secret, keys[owner], evaluate(drawn, index))
            shares.append(SealedShare(index, key, sealed))
    return Dealing(shown, tuple(shares))


def session_key(seed: bytes, session: bytes) -> bytes:
    """The X25519 secret that shares are sealed to."""
    return expand(seed, session, b"session key")


def pair_secret(ephemeral: bytes, session: bytes, source: int, index: int) -> bytes:
    """The X25519 secret under which one share is sealed."""
    return expand(ephemeral, session, b"pair" + fixed(source, 2) + fixed(index, 2))
