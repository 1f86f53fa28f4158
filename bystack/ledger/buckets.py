"""How much of an asset a tier may move now: a token bucket that refills in whole steps.

"L over window w" is capacity L, refill L/g, period w/g with g = gcd(L, w): at most L at once and at
most 2L in any window. Refilling at two heights in turn equals refilling once at the later one, so
nobody starves or hastens a bucket by touching the vault (V10).
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.ledger.terms import Limit, Terms
from bystack.ledger.vault_errors import AssetNotListed, BucketExceeded
from bystack.primitives.codec import U8, U63, Bytes32, Wire


class Bucket(Wire):
    """What `tier` may still move of `asset`: `level`, as counted up to the height `counted`."""

    tier: U8
    asset: Bytes32
    level: U63
    counted: U63


Buckets = tuple[Bucket, ...]


def empty(terms: Terms, height: int) -> Buckets:
    """A bucket per tier and limit, in ascending order of tier and asset, all empty."""
    return tuple(Bucket(tier, asset, 0, height) for tier, asset in sorted(_limits(terms)))


def _limits(terms: Terms) -> dict[tuple[int, bytes], Limit]:
    tiers = enumerate(terms.tiers)
    return {(number, limit.asset): limit for number, tier in tiers for limit in tier.limits}


def refilled(bucket: Bucket, limit: Limit, height: int) -> Bucket:
    """The bucket as of `height`: whole periods are added, the rest of one stays counted."""
    steps = (height - bucket.counted) // limit.period
    level = min(limit.capacity, bucket.level + steps * limit.refill)
    return Bucket(bucket.tier, bucket.asset, level, bucket.counted + steps * limit.period)


def levels(buckets: Buckets, terms: Terms, height: int) -> dict[tuple[int, bytes], int]:
    """What each (tier, asset) may move at `height`."""
    limits = _limits(terms)
    full = (refilled(b, limits[b.tier, b.asset], height) for b in buckets)
    return {(b.tier, b.asset): b.level for b in full}


def drawn(
    buckets: Buckets, terms: Terms, tier: int, sums: Mapping[bytes, int], height: int
) -> Buckets:
    """The buckets after the tier moved `sums` per asset.

    Raises `AssetNotListed`, `BucketExceeded`. A tier without limits bounds nothing but the delay.
    """
    limits = {limit.asset: limit for limit in terms.tiers[tier].limits}
    if not limits:
        return buckets
    for asset in sums:
        if asset not in limits:
            raise AssetNotListed(tier=tier, asset=asset)
    return tuple(
        _draw(b, limits[b.asset], sums[b.asset], height)
        if b.tier == tier and b.asset in sums
        else b
        for b in buckets
    )


def _draw(bucket: Bucket, limit: Limit, amount: int, height: int) -> Bucket:
    now = refilled(bucket, limit, height)
    if amount > now.level:
        raise BucketExceeded(tier=now.tier, asset=now.asset, level=now.level, asked=amount)
    return Bucket(now.tier, now.asset, now.level - amount, now.counted)


def inherited(buckets: Buckets, old: Terms, new: Terms, height: int) -> Buckets:
    """The buckets under new terms: min(old level, new capacity), and empty where there was none.

    A bucket belongs to its tier's number and asset, so swapping tiers fills nothing (V11). Where
    refill and period are the same the part of a period already waited stays; otherwise counting
    starts now, lest a shorter period turn that part into many steps at once.
    """
    before = {(b.tier, b.asset): b for b in buckets}
    limits = _limits(old)
    return tuple(
        _inherit(before[bucket_of], limits[bucket_of], limit, height)
        if bucket_of in before
        else Bucket(*bucket_of, 0, height)
        for bucket_of, limit in sorted(_limits(new).items())
    )


def _inherit(bucket: Bucket, old: Limit, new: Limit, height: int) -> Bucket:
    now = refilled(bucket, old, height)
    same = (old.refill, old.period) == (new.refill, new.period)
    counted = now.counted if same else height
    return Bucket(now.tier, now.asset, min(now.level, new.capacity), counted)
