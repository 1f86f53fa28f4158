"""How the chosen dealings make the new epoch's public polynomial and its shares, by kind.

A fresh key is the sum of the dealings; a refresh adds them to what there was; a reshare weighs
each old share's dealing as Shamir's interpolation weighs the share, so that the constants add up
to the key (Desmedt-Jajodia 1997, Wong-Wang-Wing 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bystack.federation.certificates import sum_polynomials
from bystack.federation.drawing import Held
from bystack.federation.messages import Public
from bystack.federation.session import FRESH_SOURCE, Kind, Session
from bystack.federation.shares import KeyShare
from bystack.federation.states import Part
from bystack.primitives.curve import ORDER, g1_scale, lagrange_at_zero
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed


class DealersShort(Invalid):
    """Too few old shares were dealt to all: more of those who leave must take part."""


def check_dealers(session: Session, sources: Sequence[int]) -> None:
    """Raise `DealersShort` unless the old key's threshold of shares was dealt."""
    if len(sources) < session.needed:
        raise DealersShort(dealt=len(sources), needed=session.needed)


@lru_cache(maxsize=64)  # every member's certification is judged by it
def group_polynomial(session: Session, publics: tuple[Public, ...]) -> tuple[bytes, ...]:
    """The new public polynomial, from the public parts of the chosen dealings."""
    rows = [public.commitments for public in publics]
    match session.kind:
        case Kind.RESHARE:
            weights = lagrange_at_zero(public.source for public in publics)
            return sum_polynomials([_scaled(p.commitments, weights[p.source]) for p in publics])
        case Kind.REFRESH:
            return sum_polynomials([session.previous[0].polynomial, *rows])
        case _:
            return sum_polynomials(rows)


def _scaled(points: Sequence[bytes], by: int) -> tuple[bytes, ...]:
    return tuple(g1_scale(point, by) for point in points)


def gathered(parts: dict[tuple[int, int], int]) -> tuple[Part, ...]:
    """What was received, by (source, index), as it is kept."""
    return tuple(
        Part(source, index, fixed(value % ORDER, 32))
        for (source, index), value in sorted(parts.items())
    )


def combined_shares(
    session: Session, parts: Sequence[Part], sources: Sequence[int], held: Held
) -> tuple[KeyShare, ...]:
    """This member's new shares, from what it was dealt and, in a refresh, what it holds."""
    weights = {FRESH_SOURCE: 1}
    if session.kind == Kind.RESHARE:
        weights = lagrange_at_zero(sources)
    sums: dict[int, int] = {}
    for part in parts:
        if part.source in weights:
            value = weights[part.source] * int.from_bytes(part.secret, "big")
            sums[part.index] = sums.get(part.index, 0) + value
    if session.kind == Kind.REFRESH:
        sums = {index: value + held[index] for index, value in sums.items()}
    return tuple(
        KeyShare(session.id, index, fixed(value % ORDER, 32)) for index, value in sums.items()
    )
