"""What each member's signer may sign for: decided amounts per asset and window of blocks.

A fall holds at once, so that a doubtful member is reined in; a rise holds when the epoch turns, at
most twofold a decision. Signers read their own entry by state proof; who has none is bound by its
own policy alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final

from msgspec import Meta

from bystack.federation.module.decisions import MAX_ALLOWANCES, Allowance, SetAllowances
from bystack.federation.module.membership import SeatUnknown
from bystack.federation.module.records import get_entry, put_entry, standing_of
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import PrefixedState

ALLOWANCES: Final = b"allowances"
"""With a member's identity as second part: the entry that its signer obeys."""

ALLOWANCES_NEXT: Final = b"allowances/next"


class AllowanceInvalid(Invalid):
    """Allowances stand in ascending order of their assets, each once, and none of them is 0."""


class AllowanceLeap(Invalid):
    """An allowance would rise more than twofold, or one that was decided would vanish."""


class Allowances(Wire):
    """A member's allowances."""

    rows: Annotated[tuple[Allowance, ...], Meta(max_length=MAX_ALLOWANCES)]


def allowances_of(state: PrefixedState, identity: bytes) -> tuple[Allowance, ...]:
    """What holds for a member now; () where nothing was decided."""
    found = get_entry(state, Allowances, ALLOWANCES, identity)
    return () if found is None else found.rows


def allow(state: PrefixedState, decision: SetAllowances) -> None:
    """Falls at once, rises when the epoch turns.

    Raises `SeatUnknown` for an identity that no member has: a quorum that mistyped it would believe
    a member reined in that is not. Raises `AllowanceInvalid`, `AllowanceLeap`.
    """
    if standing_of(state).position(decision.identity) is None:
        raise SeatUnknown(identity=decision.identity)
    _check(decision.allowances)
    before = {one.asset: one for one in allowances_of(state, decision.identity)}
    after = {one.asset: one for one in decision.allowances}
    for asset, old in before.items():
        _check_rise(old, after.get(asset))
    now = tuple(_lower(before.get(asset), new) for asset, new in sorted(after.items()))
    put_entry(state, Allowances(now), ALLOWANCES, decision.identity)
    later = Allowances(decision.allowances) if now != decision.allowances else None
    put_entry(state, later, ALLOWANCES_NEXT, decision.identity)


def turn(state: PrefixedState) -> None:
    """An epoch of the sidechain ends: decided rises hold."""
    for one in standing_of(state).seats:
        later = get_entry(state, Allowances, ALLOWANCES_NEXT, one.member.identity)
        if later is not None:
            put_entry(state, later, ALLOWANCES, one.member.identity)
            put_entry(state, None, ALLOWANCES_NEXT, one.member.identity)


def _check(rows: tuple[Allowance, ...]) -> None:
    ordered = all(a.asset < b.asset for a, b in pairwise(rows))
    if not ordered or any(not (one.window and one.amount) for one in rows):
        raise AllowanceInvalid(assets=len(rows))


def _check_rise(old: Allowance, new: Allowance | None) -> None:
    if new is None:
        raise AllowanceLeap(asset=old.asset, reason="an allowance that was decided stays")
    # Per block: old.amount / old.window against new.amount / new.window, and the amount itself.
    faster = new.amount * old.window > 2 * old.amount * new.window
    if faster or new.amount > 2 * old.amount:
        raise AllowanceLeap(asset=old.asset, before=old.amount, after=new.amount)


def _lower(old: Allowance | None, new: Allowance) -> Allowance:
    """What holds at once: the smaller of the two."""
    if old is None:
        return new
    rises = new.amount > old.amount or new.amount * old.window > old.amount * new.window
    return old if rises else new
