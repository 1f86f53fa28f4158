"""Which terms may follow which: what may leave, and how soon, at most doubles with one change.

A federation that is to pay out ten times as much announces four times, so that everybody who
watches has four delays to object, and a quorum that was stolen or bought gains little by one.
Nothing here is consensus: signers refuse to announce or adopt more (`federation.md` section 5).
Who holds the keys is not judged here.
"""

from __future__ import annotations

from bystack.ledger.terms import Terms
from bystack.primitives.errors import Invalid

MOST = 2


class TermsChangeInvalid(Invalid):
    """New terms loosen the present ones too much at once."""


class LimitsRise(TermsChangeInvalid):
    """What may leave at once, within some delay, more than doubles."""


class RefillRises(TermsChangeInvalid):
    """What may leave in the long run, within some delay, more than doubles."""


class DelayFalls(TermsChangeInvalid):
    """A number of blocks that protects the vault falls below half of what it was."""


class UnlimitedSooner(TermsChangeInvalid):
    """Payouts without limit come sooner than after half the delay they had."""


def check_terms_change(old: Terms, new: Terms) -> None:
    """Raise unless `new` may follow `old` in one step.

    Compared are the tiers together, asset by asset and by how soon they pay: what all tiers that
    wait at most d blocks pay may be twice what those that waited at most 2d did. So neither a new
    tier nor a shorter window or delay nor another order of tiers is a way around. An asset that no
    tier listed before may be listed at any amount. The first tier without limits waits as long as
    govern does. Guard's freeze, govern's delay and recover's
    idleness may be halved.
    """
    _check_blocks("freeze", old.guard.freeze, new.guard.freeze)
    _check_blocks("govern", old.govern.delay, new.govern.delay)
    _check_blocks("idle", old.recover.idle, new.recover.idle)
    _check_unlimited(old, new)
    for asset in sorted(_listed(new) & _listed(old)):
        for delay in sorted({tier.delay for tier in new.tiers if tier.limits}):
            _check_asset(old, new, asset, delay)


def _check_blocks(name: str, before: int, after: int) -> None:
    if after * MOST < before:
        raise DelayFalls(name=name, before=before, after=after)


def _check_unlimited(old: Terms, new: Terms) -> None:
    # Whoever has a tier without limits for the first time gets no more than govern could give.
    known = min((tier.delay for tier in old.tiers if not tier.limits), default=None)
    before = MOST * old.govern.delay if known is None else known
    after = min((tier.delay for tier in new.tiers if not tier.limits), default=before)
    if after * MOST < before:
        raise UnlimitedSooner(before=before, after=after)


def _listed(terms: Terms) -> set[bytes]:
    return {limit.asset for tier in terms.tiers for limit in tier.limits}


def _check_asset(old: Terms, new: Terms, asset: bytes, delay: int) -> None:
    slower = MOST * delay
    if any(not tier.limits and tier.delay <= slower for tier in old.tiers):
        return
    before, after = _flow(old, asset, slower), _flow(new, asset, delay)
    if after[0] > MOST * before[0]:
        raise LimitsRise(asset=asset, delay=delay, before=before[0], after=after[0])
    if _faster(after[1:], before[1:]):
        raise RefillRises(asset=asset, delay=delay, before=before[1:], after=after[1:])


def _flow(terms: Terms, asset: bytes, delay: int) -> tuple[int, int, int]:
    """Of an asset within a delay: capacity together, and refill together as a fraction."""
    capacity, refill, period = 0, 0, 1
    for tier in terms.tiers:
        if tier.delay <= delay:
            for limit in (one for one in tier.limits if one.asset == asset):
                capacity += limit.capacity
                refill = refill * limit.period + limit.refill * period
                period *= limit.period
    return capacity, refill, period


def _faster(after: tuple[int, int], before: tuple[int, int]) -> bool:
    return after[0] * before[1] > MOST * before[0] * after[1]
