"""Which tier a request waits in, also when the vault's terms change under its queue.

A burn joins the first tier whose capacity covers its payout. New terms may take that tier away or
shrink it; then a request that reaches the head of its queue moves to the end of the first tier that
can pay it, and where none can it is set apart: it blocks nobody, a quorum may refund it, and it
joins a tier again as soon as terms allow. What its tier can still pay stays where it is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bystack.ledger.terms import Terms
from bystack.primitives.errors import Invalid
from bystack.sidechain import queue
from bystack.sidechain.records import Request, request_key
from bystack.sidechain.stage import Stage

APART: Final = 255
"""The queue of those that no tier can pay; terms have at most eight tiers."""

MOST_TIERS: Final = 8

MOVES: Final = 100
"""How many requests one block looks at and moves: a change of terms under a long queue takes some
blocks, and none of them long."""


class BurnAboveCapacity(Invalid):
    """No tier of the vault can ever pay this amount."""


def pays(terms: Terms, tier: int, asset: bytes, payout: int) -> bool:
    """True if a tier of these terms can pay so much of an asset at all."""
    if tier >= len(terms.tiers):
        return False
    limits = terms.tiers[tier].limits
    return not limits or any(one.asset == asset and one.capacity >= payout for one in limits)


def tier_for(terms: Terms, asset: bytes, payout: int) -> int:
    """The first tier whose capacity covers the payout; raises `BurnAboveCapacity`."""
    for tier in range(len(terms.tiers)):
        if pays(terms, tier, asset, payout):
            return tier
    raise BurnAboveCapacity(asset=asset, payout=payout)


def retier(stage: Stage, terms: Terms) -> None:
    """At a block's end: move what stands at the head of a tier that can never pay it."""
    left = MOVES
    for tier in range(MOST_TIERS):
        while left and (head := next(queue.waiting(stage.state, tier, 1), None)):
            id, request = head
            if pays(terms, tier, request.asset, request.payout):
                break
            queue.advance(stage.state, tier, 1)
            _move(stage, terms, id, request)
            left -= 1
    _return(stage, terms, left)


def _return(stage: Stage, terms: Terms, most: int) -> None:
    """Those set apart that some tier can pay by now, as far as this block looks."""
    for id, request in tuple(queue.waiting(stage.state, APART, most)):
        if _tier(terms, request) != APART:
            queue.leave(stage.state, APART, id)
            _move(stage, terms, id, request)


def _move(stage: Stage, terms: Terms, id: bytes, request: Request) -> None:
    tier = _tier(terms, request)
    stage.state.write(request_key(id), msgspec.structs.replace(request, tier=tier))
    queue.join(stage.state, tier, id)
    stage.tell("retiered", id=id, tier=tier)


def _tier(terms: Terms, request: Request) -> int:
    for tier in range(len(terms.tiers)):
        if pays(terms, tier, request.asset, request.payout):
            return tier
    return APART
